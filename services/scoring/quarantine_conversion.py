"""What can't be scored, as ingest is told of it: a message of the QUARANTINE stream."""

import uuid
from datetime import datetime

from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.scoring.ports import CONFLICT, POISON, UNDECODABLE, Quarantined
from services.shared.publishing import OutgoingMessage
from services.shared.times import to_timestamp

PAYLOAD_BYTES_MAX = 448 * 1024
"""What the stream has room for in one message. An event has 256 KiB at most; an activation may have more, and stays in
its own stream whatever is done with it here."""

_REASONS = {
    UNDECODABLE: pb.QUARANTINE_REASON_UNDECODABLE,
    POISON: pb.QUARANTINE_REASON_POISON,
    CONFLICT: pb.QUARANTINE_REASON_CONFLICT,
}


def encoded(item: Quarantined, now: datetime) -> OutgoingMessage:
    """The message that tells ingest."""
    payload, detail = item.payload, item.detail
    if len(payload) > PAYLOAD_BYTES_MAX:
        detail = f"{detail} ({len(payload)} bytes left out)".lstrip()
        payload = b""
    message = QuarantinedMessage(
        project_id=item.project_id,
        reason=_REASONS[item.reason],
        detail=detail,
        event_id=item.event_id,
        stream=item.stream,
        payload=payload,
        last_seen_time=to_timestamp(now),
    )
    subject = f"quarantine.{item.project_id}.{item.reason}"
    return OutgoingMessage(subject, message.SerializeToString(), uuid.uuid4().hex)
