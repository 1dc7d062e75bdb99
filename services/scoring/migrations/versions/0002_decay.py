"""Snapshots keep the state of the fold, and when time alone changes them next."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Format 0 is none: every lead is folded anew, in the background or when its next event arrives.
    """
    ALTER TABLE snapshots
        ADD COLUMN state text NOT NULL DEFAULT '',
        ADD COLUMN state_format integer NOT NULL DEFAULT 0,
        ADD COLUMN next_transition_at timestamptz
    """,
    "ALTER TABLE snapshots ALTER COLUMN state DROP DEFAULT, ALTER COLUMN state_format DROP DEFAULT",
    """
    CREATE INDEX snapshots_due ON snapshots (next_transition_at)
        WHERE next_transition_at IS NOT NULL
    """,
    "UPDATE rescores SET activation = 0, cursor = ''",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
