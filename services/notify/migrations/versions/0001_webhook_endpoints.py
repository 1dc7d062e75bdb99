"""Webhook endpoints and their deliveries, and what the running service may do with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_notify"

TABLES = (
    "positions",
    "webhook_endpoints",
    "endpoint_secrets",
    "deliveries",
    "delivery_lanes",
    "attempts",
)

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "positions",
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("stream_id", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("missed", sa.BigInteger, nullable=False),
        sa.Column("missed_at", _TIME),
        sa.PrimaryKeyConstraint("reader", name="positions_pkey"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("definition", JSONB, nullable=False),
        sa.Column("sealed_headers", sa.LargeBinary, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", sa.Text, nullable=False),
        sa.Column("failing_since", _TIME),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name="webhook_endpoints_pkey"),
    )
    op.create_index(
        "webhook_endpoints_newest", "webhook_endpoints", ["project_id", "created_at", "endpoint_id"]
    )
    op.create_table(
        "endpoint_secrets",
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.PrimaryKeyConstraint("endpoint_id", "number", name="endpoint_secrets_pkey"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.endpoint_id"],
            name="endpoint_secrets_endpoint_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "deliveries",
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("attempts_before", sa.Integer, nullable=False),
        sa.Column("pending_since", _TIME, nullable=False),
        sa.Column("retry_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.PrimaryKeyConstraint("endpoint_id", "delivery_id", name="deliveries_pkey"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.endpoint_id"],
            name="deliveries_endpoint_id_fkey",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name="deliveries_state"),
    )
    op.create_index("deliveries_newest", "deliveries", ["endpoint_id", "number"])
    op.create_index(
        "deliveries_pending",
        "deliveries",
        ["endpoint_id", "lead_id", "number"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["pending_since"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "deliveries_ended",
        "deliveries",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_table(
        "delivery_lanes",
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("in_flight", sa.Boolean, nullable=False),
        sa.Column("claim", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "lead_id", name="delivery_lanes_pkey"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.endpoint_id"],
            name="delivery_lanes_endpoint_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index("delivery_lanes_due", "delivery_lanes", ["endpoint_id", "due_at"])
    op.create_index(
        "delivery_lanes_in_flight",
        "delivery_lanes",
        ["endpoint_id"],
        postgresql_where=sa.text("in_flight"),
    )
    op.create_table(
        "attempts",
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("attempted_at", _TIME, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("latency_ms", sa.Integer, nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "delivery_id", "number", name="attempts_pkey"),
        sa.ForeignKeyConstraint(
            ["endpoint_id", "delivery_id"],
            ["deliveries.endpoint_id", "deliveries.delivery_id"],
            name="attempts_delivery_fkey",
            ondelete="CASCADE",
        ),
    )
    op.execute(f"GRANT SELECT ON alembic_version TO {RUNTIME_ROLE}")
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop everything."""
    for table in reversed(TABLES):
        op.drop_table(table)
