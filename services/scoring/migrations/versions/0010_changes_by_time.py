"""An index for a project's score changes in the order in which they were made."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENT = """
    CREATE INDEX score_changes_by_change_time ON score_changes
        (project_id, changed_at, lead_id, version)
"""


def upgrade() -> None:
    op.execute(STATEMENT)
