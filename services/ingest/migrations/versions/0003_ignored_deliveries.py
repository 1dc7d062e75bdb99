"""Deliveries that were made into no event because no mapping applied are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those before count as none."""
    op.add_column(
        "webhook_counters",
        sa.Column("ignored", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    )


def downgrade() -> None:
    """Forget the count."""
    op.drop_column("webhook_counters", "ignored")
