"""What notify's use cases need from the outside, and the data that crosses: the SCORES stream and scoring's leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.notify.domain.filtering import Change, ChangeFilter
from services.notify.domain.leaderboard import Place, Which
from services.shared.context import Caller, Request


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class PublishedChange:
    """A score change as it stands in the stream. One object serves all watchers."""

    sequence: int
    """Its place in the stream."""
    project_id: str
    subject: str
    """Differs from lead to lead."""
    change: Change
    encoded: bytes
    """The whole change, as published."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the stream holds at one moment."""

    stream_id: int
    """Tells streams of the same name apart."""
    first_sequence: int
    """The oldest change kept; last_sequence + 1 when none is."""
    last_sequence: int


@dataclass(frozen=True, slots=True)
class Page:
    """Changes of one project read from the stream."""

    changes: Sequence[PublishedChange]
    reached: int
    """Everything the stream held up to here has been read."""
    state: StreamState
    """The stream when the reading was over."""


class ScoreStream(Protocol):
    """The SCORES stream, apart from its live edge."""

    async def state(self) -> StreamState:
        """What it holds. Raises DependencyUnavailable."""
        ...

    async def read_page(
        self, project_id: str, wanted: ChangeFilter, after_sequence: int, limit: int
    ) -> Page:
        """Up to `limit` of the project's changes after a position, in stream order; `wanted` may be used to read
        less, but need not be. Raises DependencyUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class SnapshotLead:
    """A lead as scoring has it now."""

    lead_id: str
    version: int
    """Changes up to this one are part of it."""
    stage: str
    encoded: bytes
    """The whole lead, as scoring sent it."""


@dataclass(frozen=True, slots=True)
class LeadPage:
    """Some of a snapshot's leads."""

    leads: Sequence[SnapshotLead]
    next_cursor: str
    """Gives the next page; empty on the last."""


class LeadSource(Protocol):
    """Scoring's leads."""

    async def page(self, request: Request, wanted: ChangeFilter, cursor: str) -> LeadPage:
        """A page of the leads that `wanted` includes, read in the name of the request's caller. The cursor of the
        first page is empty. Raises DependencyUnavailable, CredentialInvalid or ScopeMissing."""
        ...


class BoardSource(Protocol):
    """Scoring's leaderboards."""

    async def board(self, request: Request, which: Which) -> Sequence[Place]:
        """The leaders in order, read in the name of the request's caller. Raises DependencyUnavailable,
        CredentialInvalid or ScopeMissing."""
        ...


class CallerSource(Protocol):
    """Says who holds an API key."""

    def find(self, api_key: str) -> Caller | None:
        """The holder; None when the key is unknown or revoked."""
        ...
