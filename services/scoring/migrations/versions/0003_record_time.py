"""When activations were recorded, and the ledger by position."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE activations ADD COLUMN recorded_at timestamptz",
    # Of those that are there, nobody knows better than when they were made, in order of their numbers.
    "ALTER TABLE activations DISABLE TRIGGER append_only",
    """
    UPDATE activations a SET recorded_at = (
        SELECT max(b.activated_at) FROM activations b
        WHERE b.project_id = a.project_id AND b.number <= a.number
    )
    """,
    "ALTER TABLE activations ENABLE TRIGGER append_only",
    "ALTER TABLE activations ALTER COLUMN recorded_at SET NOT NULL",
    # A head is the newest thing recorded, activations included.
    """
    INSERT INTO ledger_heads (project_id, last_position, hash, recorded_at)
    SELECT project_id, 0, decode(repeat('00', 32), 'hex'), max(recorded_at)
    FROM activations GROUP BY project_id
    ON CONFLICT (project_id) DO UPDATE
    SET recorded_at = greatest(ledger_heads.recorded_at, excluded.recorded_at)
    """,
    "CREATE UNIQUE INDEX ledger_by_position ON ledger (project_id, position)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
