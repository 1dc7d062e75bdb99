"""What becomes of the events of one batch across its attempts: each has its own result, and only those that may pass
are sent again. Shared by both clients; the calls themselves are made by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scoreline.client import errors
from scoreline.client.calls import may_pass
from scoreline.client.events import encoded_bytes
from scoreline.client.settings import BATCH_BYTES_MAX
from scoreline.events.v1.event_pb2 import Event
from scoreline.ingest.v1.ingest_service_pb2 import (
    BatchIngestEventsRequest,
    BatchIngestEventsResponse,
    EventReceipt,
)


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What became of one event: exactly one of `receipt` and `error` is there."""

    event: Event
    receipt: EventReceipt | None = None
    error: errors.ScorelineError | None = None

    @property
    def accepted(self) -> bool:
        """Whether the event is durable."""
        return self.receipt is not None


class Batch:
    """The events of one BatchIngestEvents call on their way to their outcomes."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = list(events)
        self._outcomes: dict[int, EventOutcome] = {}
        for index, event in enumerate(self._events):
            if encoded_bytes(event) > BATCH_BYTES_MAX:
                error = errors.invalid_locally(
                    "event", f"takes {event.ByteSize()} bytes encoded; no call may be so large"
                )
                self._outcomes[index] = EventOutcome(event, error=error)
        self._pending = [i for i in range(len(self._events)) if i not in self._outcomes]
        self._sent = list(self._pending)

    def request(self) -> BatchIngestEventsRequest | None:
        """The call that the pending events need; None when there are none."""
        if not self._pending:
            return None
        self._sent = list(self._pending)
        return BatchIngestEventsRequest(events=[self._events[index] for index in self._sent])

    def absorb(self, response: BatchIngestEventsResponse) -> None:
        """Take an answer in. Raises what the most patient pending event asks to wait for, while there is one."""
        if len(response.results) != len(self._sent):
            raise errors.InternalFailure(
                f"{len(response.results)} results for {len(self._sent)} events"
            )
        wait: errors.ScorelineError | None = None
        pending = []
        for index, result in zip(self._sent, response.results, strict=True):
            event = self._events[index]
            if result.WhichOneof("outcome") == "receipt":
                self._outcomes[index] = EventOutcome(event, receipt=result.receipt)
                continue
            error = errors.from_status(result.error)
            self._outcomes[index] = EventOutcome(event, error=error)
            if may_pass(error):
                pending.append(index)
                if wait is None or (error.retry_after_s or 0) > (wait.retry_after_s or 0):
                    wait = error
        self._pending = pending
        if wait is not None:
            raise wait

    def give_up(self, error: errors.ScorelineError) -> None:
        """No more attempts. Raises `error` where it refuses the call as a whole and not for now only."""
        if not may_pass(error):
            raise error
        for index in self._pending:
            self._outcomes.setdefault(index, EventOutcome(self._events[index], error=error))

    @property
    def outcomes(self) -> list[EventOutcome]:
        """One for each event, in the order given."""
        return [self._outcomes[index] for index in range(len(self._events))]
