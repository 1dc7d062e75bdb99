"""A row of the outbox holds the messages of a whole transaction. What waits in it is kept, in its order."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_accounts"


def upgrade() -> None:
    """Make the table anew, with what is in it."""
    _remake(
        "subjects text[] NOT NULL, message_ids text[] NOT NULL, lengths integer[] NOT NULL,"
        " payloads bytea NOT NULL",
        "INSERT INTO outbox (subjects, message_ids, lengths, payloads)"
        " SELECT ARRAY[subject], ARRAY[subject || ':' || version], ARRAY[octet_length(payload)], payload"
        " FROM outbox_before ORDER BY id",
    )


def downgrade() -> None:
    """A row for each message again. Here no transaction has more than one."""
    _remake(
        "subject text NOT NULL, version integer NOT NULL, payload bytea NOT NULL",
        "INSERT INTO outbox (subject, version, payload)"
        " SELECT subjects[1], substring(message_ids[1] from '[0-9]+$')::integer, payloads"
        " FROM outbox_before ORDER BY id",
    )


def _remake(columns: str, fill: str) -> None:
    op.execute("ALTER TABLE outbox RENAME TO outbox_before")
    op.execute("ALTER INDEX outbox_pkey RENAME TO outbox_before_pkey")
    op.execute("ALTER SEQUENCE outbox_id_seq RENAME TO outbox_before_id_seq")
    op.execute(
        f"CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns})"
    )
    op.execute(fill)
    op.execute("DROP TABLE outbox_before")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON outbox TO {RUNTIME_ROLE}")
