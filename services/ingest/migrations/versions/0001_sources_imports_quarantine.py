"""Webhook sources, imports and quarantine, and what the running service may do with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_ingest"

TABLES = (
    "webhook_sources",
    "webhook_secrets",
    "webhook_counters",
    "imports",
    "import_chunks",
    "import_rows",
    "quarantine",
    "quarantine_usage",
    "quarantine_dropped",
)

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables. The events themselves are in the ledger; here all may go one day."""
    op.create_table(
        "webhook_sources",
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("definition", JSONB, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("source_id", name="webhook_sources_pkey"),
    )
    op.create_index(
        "webhook_sources_newest", "webhook_sources", ["project_id", "created_at", "source_id"]
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.PrimaryKeyConstraint("source_id", "number", name="webhook_secrets_pkey"),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["webhook_sources.source_id"],
            name="webhook_secrets_source_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "webhook_counters",
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("accepted", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("quarantined", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("last_accepted_at", _TIME),
        sa.PrimaryKeyConstraint("source_id", name="webhook_counters_pkey"),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["webhook_sources.source_id"],
            name="webhook_counters_source_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "imports",
        sa.Column("import_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("options", JSONB, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("delimiter", sa.Text, nullable=False),
        sa.Column("encoding", sa.Text, nullable=False),
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
        sa.CheckConstraint(
            "state IN ('receiving', 'pending', 'running', 'succeeded', 'failed', 'cancelled')",
            name="imports_state",
        ),
    )
    op.create_index("imports_newest", "imports", ["project_id", "created_at", "import_id"])
    op.create_index(
        "imports_unfinished",
        "imports",
        ["state", "created_at"],
        postgresql_where=sa.text("state IN ('receiving', 'pending', 'running')"),
    )
    op.create_table(
        "import_chunks",
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
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.Text, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("column_name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "line", name="import_rows_pkey"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.import_id"],
            name="import_rows_import_id_fkey",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("status IN ('duplicate', 'rejected')", name="import_rows_status"),
    )
    op.create_table(
        "quarantine",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("first_seen_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.Column("seen_count", sa.Integer, nullable=False),
        sa.Column("redriven_at", _TIME),
        sa.PrimaryKeyConstraint("project_id", "item_id", name="quarantine_pkey"),
    )
    for index, column in (("newest", "last_seen_at"), ("oldest", "first_seen_at")):
        op.create_index(
            f"quarantine_{index}",
            "quarantine",
            ["project_id", column, "item_id"],
            postgresql_where=sa.text("redriven_at IS NULL"),
        )
    op.create_index(
        "quarantine_redriven",
        "quarantine",
        ["redriven_at"],
        postgresql_where=sa.text("redriven_at IS NOT NULL"),
    )
    op.create_table(
        "quarantine_usage",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("item_count", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="quarantine_usage_pkey"),
    )
    op.create_table(
        "quarantine_dropped",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("dropped_count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "reason", name="quarantine_dropped_pkey"),
    )
    op.execute(f"GRANT SELECT ON alembic_version TO {RUNTIME_ROLE}")
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {RUNTIME_ROLE}")
    # Pieces of files hardly shrink, and often are compressed already.
    op.execute("ALTER TABLE import_chunks ALTER COLUMN content SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Drop everything."""
    for table in reversed(TABLES):
        op.drop_table(table)
