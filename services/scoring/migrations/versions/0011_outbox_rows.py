"""A row of an outbox holds the messages of a whole transaction. What waits in them is kept, in its order."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OUTBOXES = (("outbox", "subject || ':' || version"), ("quarantine_outbox", "message_id"))


def upgrade() -> None:
    for name, message_id in OUTBOXES:
        op.execute(f"ALTER TABLE {name} RENAME TO {name}_before")
        op.execute(f"ALTER INDEX {name}_pkey RENAME TO {name}_before_pkey")
        op.execute(f"ALTER SEQUENCE {name}_id_seq RENAME TO {name}_before_id_seq")
        op.execute(
            f"""
            CREATE TABLE {name} (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                subjects text[] NOT NULL,
                message_ids text[] NOT NULL,
                lengths integer[] NOT NULL,
                payloads bytea NOT NULL
            )
            """
        )
        # Read once, soon: not worth compressing.
        op.execute(f"ALTER TABLE {name} ALTER COLUMN payloads SET STORAGE EXTERNAL")
        op.execute(
            f"""
            INSERT INTO {name} (subjects, message_ids, lengths, payloads)
            SELECT ARRAY[subject], ARRAY[{message_id}], ARRAY[octet_length(payload)], payload
            FROM {name}_before ORDER BY id
            """  # noqa: S608 - names of our own
        )
        op.execute(f"DROP TABLE {name}_before")
        op.execute(f"GRANT SELECT, INSERT, DELETE ON {name} TO scoreline_scoring")
