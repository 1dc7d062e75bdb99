"""An index for the score changes whose causes happened from a time on: whose score has moved since."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX score_changes_by_cause_time ON score_changes (project_id, occurred_at)"
    )
