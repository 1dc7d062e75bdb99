"""The use cases of ingest: one event, a batch, a stream. Each event is checked, put into its normal form, marked
where it is suspect and handed to the group commit; nothing here knows protobuf or the broker."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.ingest.domain.events import (
    AcceptedEvent,
    IncomingEvent,
    InvalidEvent,
    Origin,
    accept,
)
from services.ingest.ports import Encode, Intake, Judge, Outcome, Stored
from services.shared.clock import Clock
from services.shared.errors import InvalidFields, ServiceError, Violation

BATCH_EVENTS_MAX = 1_000
"""As the contract says: more are no batch but an import, which has a stream."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

STREAM_UNANSWERED_MAX = 1_000
"""As the contract says: so many events of a stream may wait for their answer before reading stops."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """An event that is durable."""

    event_id: str
    occur_us: int
    """Microseconds since 1970."""
    duplicate: bool


Result = Receipt | ServiceError
"""The answer to one event."""


@dataclass(frozen=True, slots=True)
class _Submitted:
    """An event of a stream on its way."""

    event: AcceptedEvent
    outcomes: "asyncio.Future[list[Outcome]]"

    async def result(self) -> Result:
        (outcome,) = await self.outcomes
        return _result(self.event, outcome)

    def abandon(self) -> None:
        self.outcomes.cancel()


@dataclass(frozen=True, slots=True)
class _Refused:
    """An invalid event of a stream."""

    error: InvalidFields

    async def result(self) -> Result:
        return self.error

    def abandon(self) -> None:
        """Nothing is on its way."""


_Pending = _Submitted | _Refused


class IngestHandlers:
    """Accepts events."""

    def __init__(self, intake: Intake, encode: Encode, clock: Clock, judge: Judge) -> None:
        self._intake = intake
        self._encode = encode
        self._clock = clock
        self._judge = judge

    async def accept_one(self, origin: Origin, event: IncomingEvent) -> Receipt:
        """Accept one event. Raises InvalidFields, IntakeFull or DependencyUnavailable."""
        now_us = self._now_us()
        (accepted,) = self._judge(origin, [_accepted(origin, event, now_us, "event")])
        (outcome,) = await self._intake.submit([self._encode(origin, accepted, now_us)])
        result = _result(accepted, outcome)
        if isinstance(result, ServiceError):
            # Shared with the other callers of the batch: each raises it with a traceback of his own.
            raise result.with_traceback(None)
        return result

    async def accept_batch(
        self,
        origin: Origin,
        events: Sequence[IncomingEvent | ServiceError],
        came: datetime | None = None,
    ) -> list[Result]:
        """Accept up to BATCH_EVENTS_MAX events, each with its own result; what is no event because of an error has that
        as its result. `came`, where it was not just now, is when events without a time happened. Raises InvalidFields
        for a wrong number."""
        require_batch(len(events))
        now_us = self._now_us()
        came_us = now_us if came is None else _since_1970_us(came)
        refused: dict[int, ServiceError] = {}
        accepted: list[AcceptedEvent] = []
        for index, event in enumerate(events):
            if isinstance(event, ServiceError):
                refused[index] = event
                continue
            try:
                accepted.append(_accepted(origin, event, came_us, f"events[{index}]"))
            except InvalidFields as error:
                refused[index] = error
        stored = iter(await self._store(origin, accepted, now_us))
        return [
            refused[index] if index in refused else next(stored) for index in range(len(events))
        ]

    async def accept_stream(
        self, origin: Origin, events: AsyncIterator[IncomingEvent]
    ) -> AsyncGenerator[Result, None]:
        """Accept events as they come; the results, in the same order. Reads no further while STREAM_UNANSWERED_MAX
        events have no answer."""
        room = asyncio.Semaphore(STREAM_UNANSWERED_MAX)
        unanswered: asyncio.Queue[_Pending | None] = asyncio.Queue()

        async def read() -> None:
            try:
                while True:
                    await room.acquire()
                    event = await anext(events, None)
                    if event is None:
                        return
                    unanswered.put_nowait(self._take_in(origin, event))
            finally:
                unanswered.put_nowait(None)

        reader = asyncio.create_task(read())
        try:
            while (pending := await unanswered.get()) is not None:
                yield await pending.result()
                room.release()
            await reader
        finally:
            reader.cancel()
            await asyncio.wait([reader])
            while not unanswered.empty():
                if pending := unanswered.get_nowait():
                    pending.abandon()

    def _take_in(self, origin: Origin, event: IncomingEvent) -> "_Pending":
        """Hand an event of a stream in; its result comes later."""
        now_us = self._now_us()
        try:
            (accepted,) = self._judge(origin, [_accepted(origin, event, now_us, "event")])
        except InvalidFields as error:
            return _Refused(error)
        return _Submitted(accepted, self._intake.submit([self._encode(origin, accepted, now_us)]))

    async def _store(
        self, origin: Origin, accepted: list[AcceptedEvent], now_us: int
    ) -> list[Result]:
        if not accepted:
            return []
        judged = self._judge(origin, accepted)
        messages = [self._encode(origin, event, now_us) for event in judged]
        outcomes = await self._intake.submit(messages)
        return [_result(event, outcome) for event, outcome in zip(accepted, outcomes, strict=True)]

    def _now_us(self) -> int:
        return _since_1970_us(self._clock.now())


def require_batch(count: int) -> None:
    """Asked before events are converted: that takes time for each of them. Raises InvalidFields."""
    if not 1 <= count <= BATCH_EVENTS_MAX:
        found = f"must be 1 to {BATCH_EVENTS_MAX} events, has {count}"
        raise InvalidFields([Violation("events", found)])


def _since_1970_us(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _accepted(origin: Origin, event: IncomingEvent, now_us: int, path: str) -> AcceptedEvent:
    try:
        return accept(event, now_us, origin.sent_us)
    except InvalidEvent as invalid:
        violations = [
            Violation(f"{path}.{field}" if field else path, description)
            for field, description in invalid.problems
        ]
        raise InvalidFields(violations) from invalid


def _result(event: AcceptedEvent, outcome: Outcome) -> Result:
    if isinstance(outcome, Stored):
        return Receipt(event.event_id, event.occur_us, outcome is Stored.DUPLICATE)
    return outcome
