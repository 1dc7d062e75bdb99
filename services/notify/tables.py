"""Tables of the schema `notify`: webhook endpoints and what is delivered to them, automations and what they did."""

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
    # Nobody wants what the stream tells of, so it is not read, and its end is the position.
    sa.Column("asleep", sa.Boolean, nullable=False, server_default=sa.false()),
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

automations = sa.Table(
    "automations",
    metadata,
    sa.Column("automation_id", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    # The contract's message without what the other columns say, encrypted under the setting `secret_keys`: its actions
    # hold tokens and URLs that are secrets.
    sa.Column("sealed_definition", sa.LargeBinary, nullable=False),
    # What is looked for by the clock: `inactive`, `daily` ...
    sa.Column("trigger_kind", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    # What happened before sets nothing off.
    sa.Column("active_since", _TIME, nullable=False),
    # Up to when the clock was looked at for it; `inactive` and `daily` only.
    sa.Column("looked_until", _TIME),
    # Counts changes: the etag.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.PrimaryKeyConstraint("automation_id", name="automations_pkey"),
    # ListAutomations reads backwards; which automations a change may set off.
    sa.Index("automations_newest", "project_id", "created_at", "automation_id"),
    # What the clock sets off.
    sa.Index("automations_by_clock", "trigger_kind", postgresql_where=sa.text("NOT disabled")),
)

# What may set an automation off and is to be held against the lead's facts first, which scoring has.
automation_candidates = sa.Table(
    "automation_candidates",
    metadata,
    sa.Column("automation_id", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, nullable=False),
    # The lead's version or the beginning of a pause: the same thing again is the same candidate.
    sa.Column("moment", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # An encoded ScoreChange; null where none is at hand.
    sa.Column("change", sa.LargeBinary),
    sa.Column("triggered_at", _TIME, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    # When it is to be looked at; while that is done, when the look counts as lost.
    sa.Column("due_at", _TIME, nullable=False),
    # Counts looks: who was given up for lost decides nothing any more.
    sa.Column("claim", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint(
        "automation_id", "lead_id", "moment", name="automation_candidates_pkey"
    ),
    sa.ForeignKeyConstraint(
        ["automation_id"],
        ["automations.automation_id"],
        name="automation_candidates_automation_id_fkey",
        ondelete="CASCADE",
    ),
    # What is due of an automation.
    sa.Index("automation_candidates_due", "automation_id", "due_at"),
    # What has waited too long.
    sa.Index("automation_candidates_waiting", "created_at"),
)

# The next action of leads when they were last looked at, for automations that act on another one.
automation_next_actions = sa.Table(
    "automation_next_actions",
    metadata,
    sa.Column("automation_id", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("next_action", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("automation_id", "lead_id", name="automation_next_actions_pkey"),
    sa.ForeignKeyConstraint(
        ["automation_id"],
        ["automations.automation_id"],
        name="automation_next_actions_automation_id_fkey",
        ondelete="CASCADE",
    ),
)

automation_executions = sa.Table(
    "automation_executions",
    metadata,
    # Made of automation, lead and bucket.
    sa.Column("execution_id", sa.Text, nullable=False),
    # In the order in which they were noted.
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("automation_id", sa.Text, nullable=False),
    # Empty where it is about none.
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # An encoded ScoreChange; null where none set it off.
    sa.Column("change", sa.LargeBinary),
    sa.Column("triggered_at", _TIME, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # What became of each action: kind, state, detail, error, attempted_at. Empty before the first attempt.
    sa.Column("outcomes", JSONB, nullable=False),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    # How many of those were made before it was last retried by hand: the schedule begins anew then.
    sa.Column("attempts_before", sa.Integer, nullable=False),
    # When it was noted, or last retried by hand: how long it has waited.
    sa.Column("pending_since", _TIME, nullable=False),
    # When it is to be tried; while it is, when the attempt counts as lost. Null when it has ended.
    sa.Column("due_at", _TIME),
    sa.Column("in_flight", sa.Boolean, nullable=False),
    # Counts attempts taken in hand.
    sa.Column("claim", sa.BigInteger, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("ended_at", _TIME),
    sa.PrimaryKeyConstraint("execution_id", name="automation_executions_pkey"),
    # What makes it act once.
    sa.UniqueConstraint(
        "automation_id", "lead_id", "bucket", name="automation_executions_bucket_key"
    ),
    sa.ForeignKeyConstraint(
        ["automation_id"],
        ["automations.automation_id"],
        name="automation_executions_automation_id_fkey",
        ondelete="CASCADE",
    ),
    # ListAutomationExecutions reads backwards.
    sa.Index("automation_executions_newest", "automation_id", "number"),
    # So does ListAutomationExecutions of what failed, which is little among much.
    sa.Index(
        "automation_executions_failed",
        "automation_id",
        "number",
        postgresql_where=sa.text("state = 'failed'"),
    ),
    # What is due of an automation; how many of its attempts are on their way.
    sa.Index(
        "automation_executions_due",
        "automation_id",
        "due_at",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index(
        "automation_executions_in_flight", "automation_id", postgresql_where=sa.text("in_flight")
    ),
    # What has waited too long.
    sa.Index(
        "automation_executions_waiting",
        "pending_since",
        postgresql_where=sa.text("state = 'pending'"),
    ),
    sa.CheckConstraint(
        "state IN ('pending', 'succeeded', 'failed')", name="automation_executions_state"
    ),
)

# Whose turn it is, for each list of owners of an automation.
owner_turns = sa.Table(
    "owner_turns",
    metadata,
    sa.Column("automation_id", sa.Text, nullable=False),
    # Place of the action, and of the territory in it.
    sa.Column("list", sa.Text, nullable=False),
    # How many turns were taken.
    sa.Column("taken", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("automation_id", "list", name="owner_turns_pkey"),
    sa.ForeignKeyConstraint(
        ["automation_id"],
        ["automations.automation_id"],
        name="owner_turns_automation_id_fkey",
        ondelete="CASCADE",
    ),
)

lead_owners = sa.Table(
    "lead_owners",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("assigned_at", _TIME, nullable=False),
    # Empty where a caller did; it may be gone.
    sa.Column("automation_id", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("project_id", "lead_id", name="lead_owners_pkey"),
    # ListLeadOwners reads backwards.
    sa.Index("lead_owners_newest", "project_id", "assigned_at", "lead_id"),
    # ListLeadOwners of one owner.
    sa.Index("lead_owners_of_owner", "project_id", "owner", "assigned_at", "lead_id"),
)

tasks = sa.Table(
    "tasks",
    metadata,
    # Made of execution and place of the action: carried out twice, it is one.
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("assignee", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", _TIME),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("done_at", _TIME),
    sa.Column("automation_id", sa.Text, nullable=False),
    sa.Column("execution_id", sa.Text, nullable=False),
    # Counts changes: the etag.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("task_id", name="tasks_pkey"),
    # ListTasks reads backwards.
    sa.Index("tasks_newest", "project_id", "created_at", "task_id"),
    # ListTasks of one lead; ListTasks of one assignee.
    sa.Index("tasks_of_lead", "project_id", "lead_id", "created_at", "task_id"),
    sa.Index("tasks_of_assignee", "project_id", "assignee", "created_at", "task_id"),
    sa.CheckConstraint("state IN ('open', 'done')", name="tasks_state"),
)
