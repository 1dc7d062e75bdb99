"""Whether what a stream tells of is read at all."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Positions that may be asleep; those that are there are not."""
    op.add_column(
        "positions",
        sa.Column("asleep", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Everything is read."""
    op.drop_column("positions", "asleep")
