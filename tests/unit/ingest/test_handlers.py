"""The use cases over an intake that answers as a test says: paths of violations, results in order, flow control and
clean-up of streams."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.ingest import convert
from services.ingest.domain.events import IncomingEvent, Origin
from services.ingest.errors import IntakeFull
from services.ingest.handlers import (
    BATCH_EVENTS_MAX,
    STREAM_UNANSWERED_MAX,
    IngestHandlers,
    Receipt,
)
from services.ingest.marking import EventMarks
from services.ingest.ports import Outcome, Stored
from services.shared.errors import DependencyUnavailable, InvalidFields
from services.shared.publishing import OutgoingMessage
from tests.support.eventually import eventually_async

ORIGIN = Origin("p1", "r1", "")
NOW = datetime(2025, 6, 15, 12, 0, 0, 123_457, tzinfo=UTC)
NOW_US = 1_749_988_800_123_457

VALID = IncomingEvent("e", "signup", "L1", "", "", "", None, "", b"", None)
INVALID = replace(VALID, type="", lead_id="")


class FixedClock:
    def now(self) -> datetime:
        return NOW


class FakeIntake:
    """Keeps what is submitted; answers at once with `answer`, or when a test says so."""

    def __init__(self) -> None:
        self.submitted: list[OutgoingMessage] = []
        self.waiting: list[asyncio.Future[list[Outcome]]] = []
        self.answer: Outcome | None = Stored.NEW

    def submit(self, messages: Sequence[OutgoingMessage]) -> "asyncio.Future[list[Outcome]]":
        self.submitted.extend(messages)
        future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        if self.answer is None:
            self.waiting.append(future)
        else:
            future.set_result([self.answer] * len(messages))
        return future


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


@pytest.fixture
def handlers(intake: FakeIntake) -> IngestHandlers:
    return IngestHandlers(intake, convert.message, FixedClock(), EventMarks())


def numbered(count: int) -> list[IncomingEvent]:
    return [replace(VALID, event_id=f"e{number}") for number in range(count)]


async def sent(events: Sequence[IncomingEvent]) -> AsyncIterator[IncomingEvent]:
    for event in events:
        yield event


async def test_one_event_is_answered_with_its_receipt(
    handlers: IngestHandlers, intake: FakeIntake
) -> None:
    assert await handlers.accept_one(ORIGIN, VALID) == Receipt("e", NOW_US, duplicate=False)
    intake.answer = Stored.DUPLICATE
    assert (await handlers.accept_one(ORIGIN, VALID)).duplicate


async def test_all_violations_of_one_event_are_told(
    handlers: IngestHandlers, intake: FakeIntake
) -> None:
    with pytest.raises(InvalidFields) as caught:
        await handlers.accept_one(ORIGIN, INVALID)
    assert [violation.field for violation in caught.value.violations] == ["event.type", "event"]
    assert intake.submitted == []


@pytest.mark.parametrize("error", [DependencyUnavailable("x"), IntakeFull("x", 1.0)])
async def test_what_is_not_stored_is_not_acknowledged(
    handlers: IngestHandlers, intake: FakeIntake, error: DependencyUnavailable | IntakeFull
) -> None:
    intake.answer = error
    with pytest.raises(type(error)):
        await handlers.accept_one(ORIGIN, VALID)
    assert await handlers.accept_batch(ORIGIN, [VALID]) == [error]
    assert [one async for one in handlers.accept_stream(ORIGIN, sent([VALID]))] == [error]


async def test_one_bad_event_of_a_batch_fails_alone(
    handlers: IngestHandlers, intake: FakeIntake
) -> None:
    events = numbered(5)
    events[1] = events[3] = INVALID
    results = await handlers.accept_batch(ORIGIN, events)
    found = [one.event_id if isinstance(one, Receipt) else type(one) for one in results]
    assert found == ["e0", InvalidFields, "e2", InvalidFields, "e4"]
    refused = results[3]
    assert isinstance(refused, InvalidFields)
    fields = [violation.field for violation in refused.violations]
    assert fields == ["events[3].type", "events[3]"]
    assert len(intake.submitted) == 3


async def test_a_batch_of_bad_events_only_has_results(
    handlers: IngestHandlers, intake: FakeIntake
) -> None:
    results = await handlers.accept_batch(ORIGIN, [INVALID, INVALID])
    assert [type(one) for one in results] == [InvalidFields, InvalidFields]
    assert intake.submitted == []


async def test_batches_have_a_size(handlers: IngestHandlers) -> None:
    assert len(await handlers.accept_batch(ORIGIN, numbered(BATCH_EVENTS_MAX))) == BATCH_EVENTS_MAX
    for count in (0, BATCH_EVENTS_MAX + 1):
        with pytest.raises(InvalidFields) as caught:
            await handlers.accept_batch(ORIGIN, numbered(count))
        assert caught.value.violations[0].field == "events"


async def test_a_stream_is_answered_in_order(handlers: IngestHandlers, intake: FakeIntake) -> None:
    intake.answer = None
    events = numbered(4)
    events[2] = INVALID
    results = handlers.accept_stream(ORIGIN, sent(events))
    reading = asyncio.ensure_future(anext(results))
    await eventually_async(count_is(intake, 3))
    for future in reversed(intake.waiting):  # the broker's order need not be the caller's
        future.set_result([Stored.NEW])
    found = [await reading, *[one async for one in results]]
    names = [one.event_id if isinstance(one, Receipt) else type(one) for one in found]
    assert names == ["e0", "e1", InvalidFields, "e3"]
    refused = found[2]
    assert isinstance(refused, InvalidFields)
    assert refused.violations[0].field == "event.type"


async def test_an_empty_stream_ends(handlers: IngestHandlers) -> None:
    assert [one async for one in handlers.accept_stream(ORIGIN, sent([]))] == []


async def test_a_stream_is_read_only_as_far_as_it_is_answered(
    handlers: IngestHandlers, intake: FakeIntake
) -> None:
    intake.answer = None
    read = 0

    async def endless() -> AsyncIterator[IncomingEvent]:
        nonlocal read
        while True:
            read += 1
            yield replace(VALID, event_id=f"e{read}")

    results = handlers.accept_stream(ORIGIN, endless())
    reading = asyncio.ensure_future(anext(results))
    await eventually_async(count_is(intake, STREAM_UNANSWERED_MAX))
    for _ in range(20):
        await asyncio.sleep(0)
    assert read == STREAM_UNANSWERED_MAX
    intake.waiting[0].set_result([Stored.NEW])
    await reading
    # The first answer is on its way to the caller, not there yet.
    assert read == STREAM_UNANSWERED_MAX
    reading = asyncio.ensure_future(anext(results))
    await eventually_async(count_is(intake, STREAM_UNANSWERED_MAX + 1))
    reading.cancel()
    await asyncio.wait([reading])
    await results.aclose()


async def test_a_stream_that_is_given_up_leaves_nothing_behind(
    handlers: IngestHandlers, intake: FakeIntake
) -> None:
    intake.answer = None
    tasks_before = asyncio.all_tasks()

    async def stuck() -> AsyncIterator[IncomingEvent]:
        for event in numbered(3):
            yield event
        await asyncio.Event().wait()

    results = handlers.accept_stream(ORIGIN, stuck())
    reading = asyncio.ensure_future(anext(results))
    await eventually_async(count_is(intake, 3))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert all(future.cancelled() for future in intake.waiting)
    assert asyncio.all_tasks() == tasks_before


async def test_a_broken_stream_is_not_taken_for_a_finished_one(handlers: IngestHandlers) -> None:
    async def broken() -> AsyncIterator[IncomingEvent]:
        yield VALID
        raise ConnectionResetError

    results = handlers.accept_stream(ORIGIN, broken())
    assert isinstance(await anext(results), Receipt)
    with pytest.raises(ConnectionResetError):
        await anext(results)


def count_is(intake: FakeIntake, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(intake.submitted) == count

    return check
