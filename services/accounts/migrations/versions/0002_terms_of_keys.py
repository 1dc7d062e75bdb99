"""Where keys may be used from and how often, and versions of what the services are told of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_accounts"
CHANGEABLE = "display_name, allowed_origins, requests_per_minute, version"


def upgrade() -> None:
    """Add the terms; a key may change in these and in nothing else."""
    op.add_column(
        "api_keys",
        sa.Column("allowed_origins", ARRAY(sa.Text), nullable=False, server_default="{}"),
    )
    op.add_column("api_keys", sa.Column("requests_per_minute", sa.Integer))
    op.add_column("api_keys", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    # Of a key the bucket was told once that it is there and, where it is revoked, a second time.
    op.execute("UPDATE api_keys SET version = 2 WHERE revoke_time IS NOT NULL")
    op.execute(f"GRANT UPDATE ({CHANGEABLE}) ON api_keys TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop the terms."""
    op.execute(f"REVOKE UPDATE ({CHANGEABLE}) ON api_keys FROM {RUNTIME_ROLE}")
    for column in ("version", "requests_per_minute", "allowed_origins"):
        op.drop_column("api_keys", column)
