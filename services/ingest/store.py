"""The EVENTS stream as the place where events become durable: its configuration, storing, and the one translation of
the broker's errors. What is stored with what is decided in `worker.py`."""

from collections.abc import Sequence

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from services.ingest.errors import BatchRefused, IntakeFull
from services.ingest.ports import Stored
from services.shared import logs
from services.shared.bus import Bus
from services.shared.errors import DependencyUnavailable, ServiceError
from services.shared.publishing import (
    BrokerUnavailable,
    OutgoingMessage,
    PublishRejected,
    publish_batch,
    publish_one,
)

log = logs.get("store")

STREAM = "EVENTS"
SUBJECT_PREFIX = "events."

AGE_MAX_S = 7 * 24 * 3600
"""Scoring has read an event within seconds; a week lets people mend it without losing any."""

DUPLICATE_WINDOW_S = 120
"""Repetitions within it cost scoring nothing. Longer would cost the broker memory; the ledger knows for ever."""

MESSAGE_BYTES_MAX = 256 * 1024
"""An event has 32 KB of properties and a few short texts: whatever is larger is no event."""

RETRY_FULL_S = 5.0
"""A full stream or disk takes time to get room."""

RETRY_UNAVAILABLE_S = 1.0
"""A restarted broker is back within seconds."""


def stream_config(bytes_max: int) -> StreamConfig:
    """What the EVENTS stream must be like. `discard: new` refuses events when it is full instead of losing old ones
    that scoring may not have read."""
    return StreamConfig(
        name=STREAM,
        subjects=[f"{SUBJECT_PREFIX}>"],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        max_age=AGE_MAX_S,
        max_bytes=bytes_max,
        max_msg_size=MESSAGE_BYTES_MAX,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_atomic=True,
    )


class EventStream:
    """Stores events in JetStream."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @property
    def reachable(self) -> bool:
        """Whether there is a connection to the broker."""
        return self._bus.connected

    async def append_all(self, messages: Sequence[OutgoingMessage]) -> None:
        """Store all in one atomic batch, or none. Raises BatchRefused, IntakeFull or DependencyUnavailable."""
        try:
            await publish_batch(self._bus, messages)
        except PublishRejected as error:
            if error.full:
                raise _full() from error
            raise BatchRefused(str(error)) from error
        except BrokerUnavailable as error:
            raise _unavailable() from error

    async def append(self, message: OutgoingMessage) -> Stored:
        """Store one event. Raises IntakeFull or DependencyUnavailable."""
        try:
            duplicate = await publish_one(self._bus, message)
        except PublishRejected as error:
            if error.full:
                raise _full() from error
            log.warning("event refused by the broker", code=error.code)
            raise _unavailable() from error
        except BrokerUnavailable as error:
            raise _unavailable() from error
        return Stored.DUPLICATE if duplicate else Stored.NEW


def _full() -> ServiceError:
    return IntakeFull("the event stream is full; send the event again later", RETRY_FULL_S)


def _unavailable() -> ServiceError:
    return DependencyUnavailable(
        "the event was not confirmed by the broker; send it again, which counts it once",
        RETRY_UNAVAILABLE_S,
    )
