"""Indexes for what all leads together did: activity by time, retractions, and how leads went from stage to stage."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX ledger_by_time ON ledger (project_id, occurred_at) INCLUDE (type, event_id)",
    "CREATE INDEX ledger_retractions ON ledger (project_id) WHERE type = '$retraction'",
    """
    CREATE INDEX score_changes_by_stage ON score_changes (project_id, lead_id, version)
        INCLUDE (previous_stage, stage, occurred_at) WHERE stage <> previous_stage OR version = 1
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
