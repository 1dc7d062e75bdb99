"""An index for leads by the time of their newest event: who has been idle since."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENT = """
    CREATE INDEX snapshots_by_last_event ON snapshots
        (project_id, coalesce(last_occurred_at, '-infinity'::timestamptz), lead_id)
        WHERE merged_into = ''
"""


def upgrade() -> None:
    op.execute(STATEMENT)
