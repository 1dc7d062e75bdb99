"""From which event time on an activation's rules score. Those made so far do for all history."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ALL_HISTORY = "1970-01-01T00:00:00Z"


def upgrade() -> None:
    """Add the column. The default fills what is there and goes: an activation says its time."""
    column = sa.Column(
        "effective_time",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text(f"'{ALL_HISTORY}'"),
    )
    op.add_column("activations", column)
    op.alter_column("activations", "effective_time", server_default=None)


def downgrade() -> None:
    """Take the column away, and with it what it said."""
    op.drop_column("activations", "effective_time")
