"""Publishing to JetStream so that an acknowledgement means "on disk": single messages, and atomic batches that share
one fsync (NATS ADR-50)."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nats.errors

from services.shared.bus import Bus

BATCH_MESSAGES_MAX = 1_000
"""The server's limit for one atomic batch."""

FEW_MESSAGES_MAX = 8
"""So many are stored sooner one by one, all on their way at once: the server makes a store of files for each atomic
batch and removes it again, which takes as long as syncing a good ten messages."""

ACK_TIMEOUT_S = 5.0
"""Without an acknowledgement by then the outcome is unknown; every message carries an id, so it may be sent again."""

DUPLICATE_IN_BATCH = 10201
"""JetStream error: a message id of the batch is within the duplicate window, so all of the batch is refused."""

STORAGE_FULL_ERRORS = frozenset({10047, 10023, 10077, 10053})
"""JetStream errors: no storage or resources left, maximum bytes or messages reached with `discard: new`."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish. `message_id` makes the stream drop a copy within its duplicate window."""

    subject: str
    payload: bytes
    message_id: str | None = None


class PublishError(Exception):
    """The broker did not store what was published, or did not say so in time."""


class BrokerUnavailable(PublishError):
    """No connection, no stream behind the subject, or no acknowledgement in time: the outcome is unknown."""


class NoStream(BrokerUnavailable):
    """No stream takes the subject. Nothing was stored."""


class PublishRejected(PublishError):
    """The stream refused. Nothing was stored."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code

    @property
    def full(self) -> bool:
        """Whether the stream or its disk has no room."""
        return self.code in STORAGE_FULL_ERRORS


def are_few(messages: Sequence[OutgoingMessage]) -> bool:
    """Whether messages whose order on a subject matters may all be on their way at once, each for itself: a few, and no
    two of one subject, where the second could be stored without the first."""
    return len(messages) <= FEW_MESSAGES_MAX and len(
        {message.subject for message in messages}
    ) == len(messages)


async def publish_batch(bus: Bus, messages: Sequence[OutgoingMessage]) -> None:
    """Store all messages (1 to BATCH_MESSAGES_MAX, one stream) or none of them.

    Raises PublishRejected with DUPLICATE_IN_BATCH when one was stored before, BrokerUnavailable when the outcome is
    unknown.
    """
    if len(messages) == 1:
        await publish_one(bus, messages[0])
        return
    batch_id = uuid.uuid4().hex
    _check_connection(bus)
    last = len(messages)
    for sequence, message in enumerate(messages[:-1], start=1):
        await bus.client.publish(
            message.subject, message.payload, headers=_headers(message, batch_id, sequence)
        )
    headers = _headers(messages[-1], batch_id, last) | {"Nats-Batch-Commit": "1"}
    answer = await _request(bus, messages[-1], headers)
    if answer.get("count") != last:
        raise PublishRejected(0, f"batch of {last} was acknowledged as {answer.get('count')}")


async def publish_one(bus: Bus, message: OutgoingMessage) -> bool:
    """Store one message; returns True when the stream had its id already. Raises as publish_batch does."""
    _check_connection(bus)
    headers = {"Nats-Msg-Id": message.message_id} if message.message_id else None
    answer = await _request(bus, message, headers)
    return bool(answer.get("duplicate", False))


async def count_up(bus: Bus, subject: str) -> int:
    """Add one to the counter that a subject of a stream with `allow_msg_counter` is (NATS ADR-49); its value then.
    Raises NoStream, BrokerUnavailable or PublishRejected."""
    _check_connection(bus)
    answer = await _request(bus, OutgoingMessage(subject, b""), {"Nats-Incr": "1"})
    return int(answer["val"])


def _headers(message: OutgoingMessage, batch_id: str, sequence: int) -> dict[str, str]:
    headers = {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(sequence)}
    if message.message_id:
        headers["Nats-Msg-Id"] = message.message_id
    return headers


def _check_connection(bus: Bus) -> None:
    # While disconnected the client would buffer and send later what the caller has been told is not stored.
    if not bus.connected:
        raise BrokerUnavailable("no connection to the broker")


async def _request(
    bus: Bus, message: OutgoingMessage, headers: Mapping[str, str] | None
) -> dict[str, Any]:
    try:
        reply = await bus.client.request(
            message.subject,
            message.payload,
            timeout=ACK_TIMEOUT_S,
            headers=dict(headers) if headers else None,
        )
    except nats.errors.NoRespondersError as error:
        raise NoStream("no stream takes the subject") from error
    except (TimeoutError, nats.errors.Error, OSError) as error:
        raise BrokerUnavailable("no acknowledgement in time") from error
    answer: dict[str, Any] = json.loads(reply.data)
    problem = answer.get("error")
    if problem:
        raise PublishRejected(
            int(problem.get("err_code", 0)), str(problem.get("description", "refused"))
        )
    return answer
