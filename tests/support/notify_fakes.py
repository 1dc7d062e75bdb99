"""Stand-ins for what notify reads from: the SCORES stream, a reader of it, scoring's leads and boards, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from nats.aio.msg import Msg

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.leaderboard import Board, Place, Which
from services.notify.hub import HubLimits
from services.notify.ports import LeadPage, Page, PublishedChange, SnapshotLead, StreamState
from services.notify.stream import published_change
from services.shared.bus import subject_token
from services.shared.consuming import Delivery
from services.shared.context import Caller, Request
from services.shared.errors import DependencyUnavailable
from services.shared.interceptor import CredentialInvalid
from services.shared.times import to_datetime

REQUEST = Request(request_id="r", traceparent="", credential="key")


def limits(ring: int = 100, queue: int = 10, ring_bytes: int = 10**6) -> HubLimits:
    return HubLimits(
        ring_messages_max=ring,
        ring_bytes_max=ring_bytes,
        queue_messages_max=queue,
        watchers_max=1_000,
    )


def score_change(lead_id: str, version: int, **fields: object) -> ScoreChange:
    return ScoreChange(lead_id=lead_id, version=version, **fields)  # type: ignore[arg-type]


@dataclass
class FakeStream:
    """The stream and the live reader on it. `stored` has a (project, change) a sequence, from `first` on."""

    stream_id: int = 7
    first: int = 1
    stored: list[tuple[str, ScoreChange] | None] = field(default_factory=list)
    down: bool = False
    pages_read: int = 0
    readers_made: int = 0
    readers_open: int = 0
    closing_s: float = 0.0
    """How long a reader takes to close."""
    states_asked: int = 0

    @property
    def last(self) -> int:
        return self.first + len(self.stored) - 1

    def publish(self, project_id: str, *changes: ScoreChange) -> None:
        self.stored.extend((project_id, change) for change in changes)

    def purge(self, keep_from: int) -> None:
        del self.stored[: keep_from - self.first]
        self.first = keep_from

    def message(self, sequence: int) -> tuple[Msg, Delivery] | None:
        found = self.stored[sequence - self.first]
        if found is None:
            return None
        project_id, change = found
        subject = f"scores.{project_id}.{subject_token(change.lead_id)}"
        place = Delivery(
            sequence, sequence, 1, to_datetime(change.change_time), self.last - sequence
        )
        return Msg(_client=None, subject=subject, data=change.SerializeToString()), place  # type: ignore[arg-type]

    def published(self, sequence: int) -> PublishedChange:
        message = self.message(sequence)
        assert message is not None
        found = published_change(*message)
        assert found is not None
        return found

    async def state(self) -> StreamState:
        self.states_asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise DependencyUnavailable("down")
        return StreamState(self.stream_id, self.first, self.last)

    async def read_page(
        self, project_id: str, wanted: ChangeFilter, after_sequence: int, limit: int
    ) -> Page:
        await asyncio.sleep(0)
        if self.down:
            raise DependencyUnavailable("down")
        self.pages_read += 1
        start = max(after_sequence + 1, self.first)
        found = [self.published(n) for n in range(start, self.last + 1) if self.message(n)]
        changes = [published for published in found if published.project_id == project_id]
        reached = self.last if len(changes) <= limit else changes[limit - 1].sequence
        return Page(changes[:limit], reached, await self.state())

    def live_reader(self, after_sequence: int) -> FakeReader:
        self.readers_made += 1
        return FakeReader(self, after_sequence)


class FakeReader:
    """Follows a FakeStream."""

    def __init__(self, stream: FakeStream, after_sequence: int) -> None:
        self.openings = 0
        self.heard_at = 0.0
        self._stream = stream
        self._position = after_sequence

    async def start(self) -> int:
        self.openings += 1
        self._stream.readers_open += 1
        self._position = max(self._position, self._stream.first - 1)
        return self._stream.last - self._position

    async def take(self, limit: int) -> Sequence[tuple[Msg, Delivery]]:
        if not self.openings:
            await self.start()
        while True:
            self.heard_at = asyncio.get_running_loop().time()
            self._position = max(self._position, self._stream.first - 1)
            numbers = range(self._position + 1, self._stream.last + 1)
            found = [message for n in numbers if (message := self._stream.message(n))][:limit]
            if found:
                self._position = found[-1][1].stream_sequence
                return found
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        await asyncio.sleep(self._stream.closing_s)
        self._stream.readers_open -= self.openings


@dataclass
class FakeLeads:
    """Scoring: leads in pages."""

    leads: list[SnapshotLead] = field(default_factory=list)
    page_size: int = 2
    error: Exception | None = None
    hold: asyncio.Event | None = None
    """Nothing is answered before it is set."""

    async def page(self, request: Request, wanted: ChangeFilter, cursor: str) -> LeadPage:
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        start = int(cursor or 0)
        end = start + self.page_size
        found = [lead for lead in self.leads if wanted.includes(lead.lead_id, lead.stage)]
        return LeadPage(found[start:end], str(end) if end < len(found) else "")


THREE_PLACES = Which(3, frozenset())


def board_of(scores: dict[str, float], which: Which = THREE_PLACES, name: str = "") -> Board:
    """The leaders as scoring answers them."""
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[: which.limit]
    values = [score for _, score in ordered]
    return Board(
        which,
        [
            Place(position, values.index(score) + 1, lead_id, name, "", "", score, "")
            for position, (lead_id, score) in enumerate(ordered, 1)
        ],
    )


class FakeBoards:
    """Scores of a project, and boards of them."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}
        self.readings: list[Request] = []
        self.error: Exception | None = None
        self.slow_s = 0.0
        self.revoked: set[str] = set()

    async def board(self, request: Request, which: Which) -> Sequence[Place]:
        self.readings.append(request)
        await asyncio.sleep(self.slow_s / 2)
        found = board_of(self.scores, which)
        await asyncio.sleep(self.slow_s / 2)
        if self.error is not None:
            raise self.error
        if request.credential in self.revoked:
            raise CredentialInvalid("revoked")
        return found.places


@dataclass
class FakeCallers:
    """Holders of API keys."""

    known: dict[str, Caller] = field(default_factory=dict)

    def find(self, api_key: str) -> Caller | None:
        return self.known.get(api_key)
