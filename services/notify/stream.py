"""Streams that notify reads: what they hold, and their live edge; and SCORES: pages of older changes, and what its
messages mean. The only place that translates the broker's errors. The live edge is followed in `worker.py` and
`planning.py`."""

import asyncio
from datetime import UTC, datetime, timedelta

import nats.errors
import nats.js.errors
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from services.notify import convert
from services.notify.domain.filtering import ChangeFilter
from services.notify.ports import Page, PublishedChange, StreamState
from services.shared import logs
from services.shared.bus import Bus, subject_token
from services.shared.consuming import ConsumerGone, Delivery, StreamReader
from services.shared.errors import DependencyUnavailable

log = logs.get("scores")

STREAM = "SCORES"
"""Made by scoring."""

SUBJECT_ROOT = "scores"
"""Subjects are `scores.<project>.<lead token>`."""

LIVE_READER_WINDOW = 500
"""Messages a reader of the live edge asks for at a time."""

PAGE_READER_WINDOW = 500
"""Messages a page reader asks for at a time."""

PAGE_PATIENCE_S = 3.0
"""A page that has got nothing for so long ends: what was announced was removed, or the broker is gone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BROKER_ERRORS = (
    nats.errors.Error,
    nats.js.errors.APIError,
    nats.js.errors.NoStreamResponseError,
    ConsumerGone,
    TimeoutError,
    OSError,
)
"""What reading raises while the broker is away."""


def published_change(message: Msg, place: Delivery) -> PublishedChange | None:
    """The change in a message; None when there is none in it, which is a defect of whoever published it: there is
    nothing to send, and waiting would not make it readable."""
    root, _, rest = message.subject.partition(".")
    project_id, _, token = rest.partition(".")
    try:
        change = convert.to_change(message.data)
    except DecodeError as error:
        log.error("not a score change", sequence=place.stream_sequence, exc_info=error)
        return None
    if root != SUBJECT_ROOT or not token or token != subject_token(change.lead_id):
        log.error("score change on a wrong subject", sequence=place.stream_sequence)
        return None
    return PublishedChange(place.stream_sequence, project_id, message.subject, change, message.data)


class WholeStream:
    """A stream on JetStream, all projects' messages in it. Readers ask for `window` messages at a time."""

    def __init__(
        self, bus: Bus, name: str, subject_root: str, window: int = LIVE_READER_WINDOW
    ) -> None:
        self._bus = bus
        self._name = name
        self._subject_root = subject_root
        self._window = window

    def live_reader(self, after_sequence: int) -> StreamReader:
        """Follows all projects' messages."""
        subjects = f"{self._subject_root}.>"
        return StreamReader(self._bus, self._name, subjects, after_sequence, self._window)

    async def state(self) -> StreamState:
        """What the stream holds. Raises DependencyUnavailable."""
        try:
            info = await self._bus.jetstream.stream_info(self._name)
        except BROKER_ERRORS as error:
            raise DependencyUnavailable(
                f"the stream {self._name} can't be read at the moment"
            ) from error
        if info.created is None:
            raise DependencyUnavailable("the broker does not say which stream it has")
        stream_id = (info.created - _EPOCH) // timedelta(microseconds=1)
        # A stream that never held anything says 0 for both.
        return StreamState(stream_id, max(info.state.first_seq, 1), info.state.last_seq)


class JetStreamScores(WholeStream):
    """`ports.ScoreStream` on JetStream. At most `readers_max` pages are read at once; others wait."""

    def __init__(self, bus: Bus, readers_max: int) -> None:
        super().__init__(bus, STREAM, SUBJECT_ROOT)
        self._turns = asyncio.Semaphore(readers_max)

    async def read_page(
        self, project_id: str, wanted: ChangeFilter, after_sequence: int, limit: int
    ) -> Page:
        """Up to `limit` of the project's changes after a position. Raises DependencyUnavailable."""
        async with self._turns:
            # What the stream holds now is there for a reader opened later.
            before = await self.state()
            reader = StreamReader(
                self._bus,
                STREAM,
                _subject_filter(project_id, wanted),
                after_sequence,
                window=min(PAGE_READER_WINDOW, limit),
            )
            try:
                changes, waiting = await _read(reader, limit)
            except BROKER_ERRORS as error:
                raise DependencyUnavailable("score changes can't be read at the moment") from error
            finally:
                await reader.close()
            reached = reader.position if waiting else max(reader.position, before.last_sequence)
            return Page(changes, reached, await self.state())


async def _read(reader: StreamReader, limit: int) -> tuple[list[PublishedChange], int]:
    """Changes read, and how many messages still wait."""
    changes: list[PublishedChange] = []
    waiting = await reader.start()
    taken = 0
    while waiting and taken < limit:
        try:
            async with asyncio.timeout(PAGE_PATIENCE_S):
                messages = await reader.take(limit - taken)
        except TimeoutError:
            return changes, waiting
        found = (published_change(message, place) for message, place in messages)
        changes.extend(published for published in found if published is not None)
        taken += len(messages)
        waiting = messages[-1][1].pending
    return changes, waiting


def _subject_filter(project_id: str, wanted: ChangeFilter) -> str:
    # One lead is what a page about a lead watches: the broker finds its changes without reading the others.
    if len(wanted.lead_ids) == 1:
        (lead_id,) = wanted.lead_ids
        return f"{SUBJECT_ROOT}.{project_id}.{subject_token(lead_id)}"
    return f"{SUBJECT_ROOT}.{project_id}.>"
