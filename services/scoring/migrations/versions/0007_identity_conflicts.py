"""Quarantine is ingest's, which is told through an outbox; identity conflicts have a table of their own. What was in
quarantine goes to the one or the other."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from scoreline.events.v1.event_pb2 import AcceptedEvent
from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE quarantine_outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subject text NOT NULL,
        message_id text NOT NULL,
        payload bytea NOT NULL
    )
    """,
    """
    CREATE TABLE identity_conflicts (
        project_id text COLLATE "C" NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        subjects text[] COLLATE "C" NOT NULL,
        lead_ids text[] COLLATE "C" NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, event_id)
    )
    """,
    "CREATE INDEX identity_conflicts_newest ON identity_conflicts (project_id, recorded_at, event_id)",
    "CREATE INDEX identity_conflicts_by_subject ON identity_conflicts USING gin (subjects)",
    "GRANT SELECT, INSERT, DELETE ON quarantine_outbox TO scoreline_scoring",
    "GRANT SELECT, INSERT ON identity_conflicts TO scoreline_scoring",
)

REASONS = {
    "undecodable": pb.QUARANTINE_REASON_UNDECODABLE,
    "poison": pb.QUARANTINE_REASON_POISON,
    "conflict": pb.QUARANTINE_REASON_CONFLICT,
}

NEXT = """
    DELETE FROM quarantine WHERE ctid = ANY(ARRAY(SELECT ctid FROM quarantine LIMIT 500))
    RETURNING project_id, reason, event_id, payload, first_seen_at, last_seen_at, seen_count
"""
TELL = sa.text("""
    INSERT INTO quarantine_outbox (subject, message_id, payload)
    VALUES (:subject, gen_random_uuid()::text, :payload)
""")
# Whom the references belonged to then is not kept; whom they belong to now comes nearest.
REMEMBER = sa.text("""
    INSERT INTO identity_conflicts (project_id, event_id, subjects, lead_ids, recorded_at)
    SELECT l.project_id, l.event_id, cast(:subjects AS text[]),
           (SELECT array_agg(coalesce(s.lead_id, '') ORDER BY i.place)
            FROM unnest(cast(:subjects AS text[])) WITH ORDINALITY AS i(subject, place)
            LEFT JOIN subjects s ON s.project_id = l.project_id AND s.subject = i.subject),
           l.recorded_at
    FROM ledger l WHERE l.project_id = :project_id AND l.event_id = :event_id
""")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    connection = op.get_bind()
    while rows := connection.execute(sa.text(NEXT)).all():
        for row in rows:
            if row.reason == "identity_conflict":
                accepted = AcceptedEvent.FromString(row.payload)
                subjects = [accepted.subject, *accepted.linked_subjects]
                known = {"project_id": row.project_id, "event_id": row.event_id}
                connection.execute(REMEMBER, {**known, "subjects": subjects})
            else:
                subject = f"quarantine.{row.project_id}.{row.reason}"
                connection.execute(TELL, {"subject": subject, "payload": _message(row)})
    op.execute("DROP TABLE quarantine")


def _message(row: sa.Row[Any]) -> bytes:
    return QuarantinedMessage(
        project_id=row.project_id,
        reason=REASONS[row.reason],
        event_id=row.event_id,
        stream="EVENTS",
        payload=row.payload,
        first_seen_time=row.first_seen_at,
        last_seen_time=row.last_seen_at,
        seen_count=row.seen_count,
    ).SerializeToString()
