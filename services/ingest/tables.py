"""Tables of the schema `ingest`: webhook sources, imports, quarantine. Events are not here: they go to JetStream."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

_TIME = sa.DateTime(timezone=True)

webhook_sources = sa.Table(
    "webhook_sources",
    metadata,
    # A delivery has nothing but this to say whose it is.
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    # Verification and mapping: read and written as a whole.
    sa.Column("definition", JSONB, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    # Counts changes: the etag.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    # A delivery's source.
    sa.PrimaryKeyConstraint("source_id", name="webhook_sources_pkey"),
    # ListWebhookSources reads backwards; how many a project has.
    sa.Index("webhook_sources_newest", "project_id", "created_at", "source_id"),
)

webhook_secrets = sa.Table(
    "webhook_secrets",
    metadata,
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    # Encrypted under the setting `secret_keys`.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    # Null for the newest.
    sa.Column("expires_at", _TIME),
    sa.PrimaryKeyConstraint("source_id", "number", name="webhook_secrets_pkey"),
    sa.ForeignKeyConstraint(
        ["source_id"],
        ["webhook_sources.source_id"],
        name="webhook_secrets_source_id_fkey",
        ondelete="CASCADE",
    ),
)

# What came of a source's deliveries. Apart from the source: it changes all the time, and is added to seconds later.
webhook_counters = sa.Table(
    "webhook_counters",
    metadata,
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("last_accepted_at", _TIME),
    sa.Column("ignored", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.PrimaryKeyConstraint("source_id", name="webhook_counters_pkey"),
    sa.ForeignKeyConstraint(
        ["source_id"],
        ["webhook_sources.source_id"],
        name="webhook_counters_source_id_fkey",
        ondelete="CASCADE",
    ),
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("import_id", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text, nullable=False),
    # The caller's id of the request; null where it gave none.
    sa.Column("request_id", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    # How to read rows: columns, default type, source.
    sa.Column("options", JSONB, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("delimiter", sa.Text, nullable=False),
    sa.Column("encoding", sa.Text, nullable=False),
    # How far it is: rows up to here are settled, and counted exactly once.
    sa.Column("read_bytes", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),
    sa.Column("duplicate", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.Column("ended_at", _TIME),
    sa.PrimaryKeyConstraint("import_id", name="imports_pkey"),
    sa.UniqueConstraint("project_id", "request_id", name="imports_request_key"),
    # ListImports reads backwards.
    sa.Index("imports_newest", "project_id", "created_at", "import_id"),
    # What is to be worked on, and what broke off while it was received.
    sa.Index(
        "imports_unfinished",
        "state",
        "created_at",
        postgresql_where=sa.text("state IN ('receiving', 'pending', 'running')"),
    ),
    sa.CheckConstraint(
        "state IN ('receiving', 'pending', 'running', 'succeeded', 'failed', 'cancelled')",
        name="imports_state",
    ),
)

# The file itself, in pieces, until the import has ended.
import_chunks = sa.Table(
    "import_chunks",
    metadata,
    sa.Column("import_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("import_id", "number", name="import_chunks_pkey"),
    sa.ForeignKeyConstraint(
        ["import_id"],
        ["imports.import_id"],
        name="import_chunks_import_id_fkey",
        ondelete="CASCADE",
    ),
)

# Rows that were not accepted.
import_rows = sa.Table(
    "import_rows",
    metadata,
    sa.Column("import_id", sa.Text, nullable=False),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("column_name", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # GetImportReport reads along it.
    sa.PrimaryKeyConstraint("import_id", "line", name="import_rows_pkey"),
    sa.ForeignKeyConstraint(
        ["import_id"], ["imports.import_id"], name="import_rows_import_id_fkey", ondelete="CASCADE"
    ),
    sa.CheckConstraint("status IN ('duplicate', 'rejected')", name="import_rows_status"),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    # Made of reason and event, or reason, source and bytes: the same thing again is counted, not kept again.
    sa.Column("item_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    # Empty: it came through no webhook source. Sources go, what came through them stays.
    sa.Column("source_id", sa.Text, nullable=False),
    # Where a message was; empty for a delivery.
    sa.Column("stream", sa.Text, nullable=False),
    # Whose room it takes: a row of quarantine_usage.
    sa.Column("share", sa.Text, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("first_seen_at", _TIME, nullable=False),
    sa.Column("last_seen_at", _TIME, nullable=False),
    sa.Column("seen_count", sa.Integer, nullable=False),
    # Null: it is in quarantine. Else it went on its way, its payload with it, and is remembered for a day: should it
    # come back it is counted on.
    sa.Column("redriven_at", _TIME),
    sa.PrimaryKeyConstraint("project_id", "item_id", name="quarantine_pkey"),
    # ListQuarantined reads backwards.
    sa.Index(
        "quarantine_newest",
        "project_id",
        "last_seen_at",
        "item_id",
        postgresql_where=sa.text("redriven_at IS NULL"),
    ),
    # RedriveQuarantined.
    sa.Index(
        "quarantine_oldest",
        "project_id",
        "first_seen_at",
        "item_id",
        postgresql_where=sa.text("redriven_at IS NULL"),
    ),
    # What may be forgotten.
    sa.Index(
        "quarantine_redriven", "redriven_at", postgresql_where=sa.text("redriven_at IS NOT NULL")
    ),
)

# How much of a project is in quarantine, by share. Locked by whoever changes that, so that its limits hold.
quarantine_usage = sa.Table(
    "quarantine_usage",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("share", sa.Text, nullable=False),
    sa.Column("item_count", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("project_id", "share", name="quarantine_usage_pkey"),
)

# Messages that found no room.
quarantine_dropped = sa.Table(
    "quarantine_dropped",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("dropped_count", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("project_id", "reason", name="quarantine_dropped_pkey"),
)
