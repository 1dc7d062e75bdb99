"""Tables of the schema `notify`: webhook endpoints and what is delivered to them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

_TIME = sa.DateTime(timezone=True)

# How far a stream has been read, for each kind of reader. Moved on in the transaction that keeps what was read, so that
# each message is taken once.
positions = sa.Table(
    "positions",
    metadata,
    sa.Column("reader", sa.Text, nullable=False),
    # When the stream was made: tells streams of the same name apart.
    sa.Column("stream_id", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    # How many messages were gone before they were read, and when that was last seen.
    sa.Column("missed", sa.BigInteger, nullable=False),
    sa.Column("missed_at", _TIME),
    sa.PrimaryKeyConstraint("reader", name="positions_pkey"),
)

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    # Event types, stages, filter, concurrency, signature version: read and written as a whole.
    sa.Column("definition", JSONB, nullable=False),
    # Headers with their values, encrypted under the setting `secret_keys`.
    sa.Column("sealed_headers", sa.LargeBinary, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    # Empty where a person disabled it.
    sa.Column("disabled_reason", sa.Text, nullable=False),
    # Since when every attempt has failed; null while it works.
    sa.Column("failing_since", _TIME),
    # Counts changes: the etag.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.PrimaryKeyConstraint("endpoint_id", name="webhook_endpoints_pkey"),
    # ListWebhookEndpoints reads backwards; which endpoints a change goes to.
    sa.Index("webhook_endpoints_newest", "project_id", "created_at", "endpoint_id"),
)

endpoint_secrets = sa.Table(
    "endpoint_secrets",
    metadata,
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    # Encrypted under the setting `secret_keys`.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    # Null for the newest.
    sa.Column("expires_at", _TIME),
    sa.PrimaryKeyConstraint("endpoint_id", "number", name="endpoint_secrets_pkey"),
    sa.ForeignKeyConstraint(
        ["endpoint_id"],
        ["webhook_endpoints.endpoint_id"],
        name="endpoint_secrets_endpoint_id_fkey",
        ondelete="CASCADE",
    ),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("endpoint_id", sa.Text, nullable=False),
    # Made of what it tells: the same thing again is the same delivery.
    sa.Column("delivery_id", sa.Text, nullable=False),
    # In the order of the stream.
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    # What is told in order: a lead's id; empty for what is about none.
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    # How many of those were made before it was last redelivered: the schedule begins anew then.
    sa.Column("attempts_before", sa.Integer, nullable=False),
    # When it was made, or last redelivered: how long it has waited.
    sa.Column("pending_since", _TIME, nullable=False),
    # When it is tried again; null before the first attempt and after the last.
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
    # ListDeliveries reads backwards.
    sa.Index("deliveries_newest", "endpoint_id", "number"),
    # What is to be sent next of a lane: the first.
    sa.Index(
        "deliveries_pending",
        "endpoint_id",
        "lead_id",
        "number",
        postgresql_where=sa.text("state = 'pending'"),
    ),
    # What has waited too long.
    sa.Index("deliveries_waiting", "pending_since", postgresql_where=sa.text("state = 'pending'")),
    # What is too old to be kept.
    sa.Index("deliveries_ended", "ended_at", postgresql_where=sa.text("ended_at IS NOT NULL")),
    sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name="deliveries_state"),
)

# What an endpoint is told in order, one thing after the other: a lane a lead. There while something of it is pending.
delivery_lanes = sa.Table(
    "delivery_lanes",
    metadata,
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, nullable=False),
    # When its first delivery is to be tried; while an attempt is on its way, when that counts as lost.
    sa.Column("due_at", _TIME, nullable=False),
    sa.Column("in_flight", sa.Boolean, nullable=False),
    # Counts attempts taken in hand: who was given up for lost can't report any more.
    sa.Column("claim", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("endpoint_id", "lead_id", name="delivery_lanes_pkey"),
    sa.ForeignKeyConstraint(
        ["endpoint_id"],
        ["webhook_endpoints.endpoint_id"],
        name="delivery_lanes_endpoint_id_fkey",
        ondelete="CASCADE",
    ),
    # What is due of an endpoint; how many of its attempts are on their way.
    sa.Index("delivery_lanes_due", "endpoint_id", "due_at"),
    sa.Index("delivery_lanes_in_flight", "endpoint_id", postgresql_where=sa.text("in_flight")),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("attempted_at", _TIME, nullable=False),
    # HTTP status; 0: there was no answer.
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
