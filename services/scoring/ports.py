"""What the handlers need from outside: a transactional store. Two implementations pass the same conformance tests: the
Postgres one (store.py) and the tests' in memory."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from services.scoring.domain.lead import Cause, Change, RulesInForce, Snapshot
from services.scoring.domain.model import Activated, Entry, RuleSet
from services.scoring.domain.verification import Block, KeptEntry, Written
from services.scoring.fact_ports import FactTransaction
from services.scoring.identity_ports import IdentityTransaction

ALL_HISTORY = datetime(1970, 1, 1, tzinfo=UTC)
"""No event is dated earlier."""

END_OF_TIME = datetime.max.replace(tzinfo=UTC)

NOTHING: Mapping[Any, Any] = {}

LeadKey = tuple[str, str]
"""Project id, lead id."""

SubjectKey = tuple[str, str]
"""Project id, subject."""

EventKey = tuple[str, str]
"""Project id, event id."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An accepted event on its way into the ledger."""

    project_id: str
    subject: str
    entry: Entry
    properties_text: str
    """The entry's properties as JSON, the form the ledger keeps and its chain covers."""
    payload_hash: bytes
    payload: bytes
    """The message as it came, for quarantine."""
    linked: tuple[str, ...] = ()
    """Other references of the lead, which an `identify` event links."""
    public: bool = False
    """It came with a key that everyone can read."""

    @property
    def key(self) -> EventKey:
        """What counts once."""
        return (self.project_id, self.entry.event_id)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A ledger entry with everything the timeline shows."""

    entry: Entry
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a lead besides its score."""

    project_id: str
    lead_id: str
    email: str
    display_name: str
    company: str
    attributes: Mapping[str, Any]
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LeadView:
    """A lead with its score."""

    profile: Profile
    snapshot: Snapshot
    subjects: tuple[str, ...]
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A score change of a lead."""

    lead_id: str
    change: Change
    occurred_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class LeadUpdate:
    """What a transaction did to a lead's score."""

    key: LeadKey
    snapshot: Snapshot
    changes: Sequence[Change]


UNDECODABLE = "undecodable"
"""Not what its stream should hold."""

CONFLICT = "conflict"
"""The event id is in the ledger with another payload."""

POISON = "poison"
"""It fails again and again where its neighbours do not, or no ledger takes it."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something that can't be scored."""

    project_id: str
    reason: str
    """UNDECODABLE, CONFLICT or POISON."""
    event_id: str
    payload: bytes
    detail: str = ""
    """More about why; for people, without personal data."""
    stream: str = "EVENTS"
    """The stream it was in."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A rule set put in force."""

    project_id: str
    number: int
    """1, 2, 3 ... in the project; the greatest is in force."""
    activated_at: datetime
    actor: str
    rule_set: RuleSet
    effective_from: datetime = ALL_HISTORY
    """Entries that happened from then on are its own."""


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Which leads, in which order, from where on."""

    stages: Sequence[str] = ()
    min_score: int | None = None
    max_score: int | None = None
    query: str = ""
    last_event_from: datetime | None = None
    """Only leads whose newest event happened from then on."""
    last_event_until: datetime | None = None
    """Only leads whose newest event happened before then."""
    order: str = "lead_id"
    """`lead_id`, `score`, `last_event_time` or `create_time`."""
    descending: bool = False
    after: tuple[Any, str] | None = None
    """Order value and lead id of the last lead of the page before."""


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which score changes of a project, from where on."""

    since: datetime | None = None
    """Only changes made from then on."""
    until: datetime = END_OF_TIME
    """Only changes made before then."""
    causes: Sequence[Cause] = ()
    """Of all causes where there is none."""
    lead_ids: Sequence[str] = ()
    """Of all leads where there is none."""
    after: tuple[datetime, str, int] | None = None
    """When the last change of the page before was made, of which lead, and its version."""


class Transaction(FactTransaction, IdentityTransaction, Protocol):
    """One unit of work. Everything in it happens, or nothing."""

    async def rules_in_force(self, project_ids: Iterable[str]) -> dict[str, RulesInForce]:
        """The projects' rules, which stay in force until the transaction ends."""
        ...

    async def rules_under(self, project_id: str, activation: int | None) -> RulesInForce:
        """The rules of an activation that was in force once; None: of the one in force now, which nothing holds. Raises
        UnknownActivation."""
        ...

    async def leads_of(
        self,
        subjects: Iterable[SubjectKey],
        rules: Mapping[str, RulesInForce],
        now: datetime,
        attached: Mapping[SubjectKey, str] = NOTHING,
    ) -> dict[SubjectKey, LeadKey]:
        """The lead of each subject; leads nobody has heard of are made. In the same go others are attached, as
        `attach` does."""
        ...

    async def lock(self, leads: Iterable[LeadKey], wait: bool = True) -> dict[LeadKey, Snapshot]:
        """The snapshots of these leads, which nobody else changes until the transaction ends. Those that others hold
        are waited for, or else left out."""
        ...

    async def lock_next(self, project_id: str, after: str, limit: int) -> dict[LeadKey, Snapshot]:
        """Lock the next leads of the project in order of id; none that was merged into another."""
        ...

    async def due(self, now: datetime, limit: int) -> list[LeadKey]:
        """Leads whose score or stage time alone has changed by now, those due longest first."""
        ...

    async def payload_hashes(self, events: Iterable[EventKey]) -> dict[EventKey, bytes]:
        """Payload hashes of those events that are in the ledger."""
        ...

    async def save(self, updates: Sequence[LeadUpdate], now: datetime) -> None:
        """Write snapshots, and their changes to the audit trail and the outbox."""
        ...

    async def append(self, events: Sequence[IncomingEvent], now: datetime) -> dict[str, datetime]:
        """Write events that are not there yet to the ledger; their record time in each project. Comes last: it holds
        the projects' chain heads.

        Raises ConcurrentAppend when one is there by now, CannotStore for values no ledger takes.
        """
        ...

    async def quarantine(self, items: Sequence[Quarantined], now: datetime) -> None:
        """Have ingest told what can't be scored, which keeps it in quarantine."""
        ...

    async def create_lead(
        self, profile: Profile, subjects: Sequence[str], snapshot: Snapshot
    ) -> None:
        """Make a lead with these references. Raises LeadTaken when the id or a reference is."""
        ...

    async def lock_profile(self, key: LeadKey) -> Profile | None:
        """A lead's profile, which nobody else changes until the transaction ends."""
        ...

    async def update_profile(self, profile: Profile) -> None:
        """Write an existing profile."""
        ...

    async def record_activation(self, activation: Activation, now: datetime) -> bool:
        """Keep an activation and put the newest in force; False when it was there already."""
        ...

    async def rescore_target(self, after: str) -> tuple[str, int, str] | None:
        """A project whose leads are to be scored anew: its id, the activation to reach, the last lead id done. The
        first by id behind `after`, or the first of all."""
        ...

    async def rescored(self, project_id: str, target: int, cursor: str | None) -> None:
        """The project's leads up to `cursor` are done for `target`; None: all of them."""
        ...

    async def find_lead(self, project_id: str, subject: str) -> LeadView | None:
        """The lead a subject belongs to."""
        ...

    async def list_leads(self, project_id: str, which: LeadFilter, limit: int) -> list[LeadView]:
        """A page of leads."""
        ...

    async def stage_counts(self, project_id: str) -> dict[str, int]:
        """Leads by stage."""
        ...

    async def recorded_events(
        self, project_id: str, event_ids: Sequence[str]
    ) -> dict[str, RecordedEvent]:
        """Ledger entries by event id, with everything the timeline shows."""
        ...

    async def score_changes(
        self, key: LeadKey, after_version: int, limit: int
    ) -> list[RecordedChange]:
        """The lead's changes in version order."""
        ...

    async def project_score_changes(
        self, project_id: str, which: ChangeFilter, limit: int
    ) -> list[RecordedChange]:
        """The changes that the filter lets through, in order of when they were made, lead and version."""
        ...

    async def head(self, project_id: str) -> Block | None:
        """The end of the project's chain. Its record time is that of the newest thing recorded, which may be an
        activation; what is recorded later has a later one. None: nothing was recorded yet."""
        ...

    async def activation_at(self, project_id: str, known_at: datetime) -> int:
        """The activation that was in force at a record time; 0 before the first."""
        ...

    def histories_of(
        self,
        leads: Iterable[LeadKey],
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        in_event_time: bool = True,
    ) -> AsyncGenerator[tuple[LeadKey, Sequence[Entry]], None]:
        """The leads' ledger entries, lead by lead in the order in which they apply (in event time, or that of the
        ledger; retractions first), read in small portions: what comes of a lead may come in several, one after the
        other. Only those that happened by `as_of`, or are retractions, and were recorded by `known_at`, of the
        references that were the leads' then."""
        ...

    def kept_entries(
        self, project_id: str, after: int, until: int
    ) -> AsyncGenerator[KeptEntry, None]:
        """The project's ledger behind a position and up to another, in order, read in small portions."""
        ...

    def kept_entries_of(self, key: LeadKey) -> AsyncGenerator[KeptEntry, None]:
        """A lead's part of the ledger by position, read in small portions."""
        ...

    async def block_before(self, project_id: str, position: int) -> Block | None:
        """The last block that ends before a position."""
        ...

    async def blocks_after(self, project_id: str, position: int, limit: int) -> list[Block]:
        """The next blocks that end behind a position, in order."""
        ...

    async def last_position(self, project_id: str) -> int:
        """Position of the project's last ledger entry; 0 without any."""
        ...

    async def snapshots_after(
        self, project_id: str, after: str, limit: int
    ) -> dict[LeadKey, Snapshot]:
        """The snapshots of the next leads of the project in order of id; others may change them meanwhile."""
        ...

    async def snapshots_of(self, leads: Iterable[LeadKey]) -> dict[LeadKey, Snapshot]:
        """The snapshots of these leads in order of project and id; others may change them meanwhile."""
        ...

    async def written(self, leads: Iterable[LeadKey]) -> dict[LeadKey, Written]:
        """When the leads' snapshots were written, and their newest versions in the audit trail."""
        ...

    async def count_leads(self, project_id: str, which: LeadFilter) -> int:
        """How many leads the filter lets through, whatever the page."""
        ...

    async def lead_ids(
        self, project_id: str, which: LeadFilter, after: str, limit: int
    ) -> list[str]:
        """Ids of the next leads that the filter lets through, whatever its page, in order of id."""
        ...

    async def activations(self, project_id: str, until: int) -> list[Activated]:
        """The activations up to a number, the newest first."""
        ...


class Store(Protocol):
    """Where leads and ledger live."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction: committed at the end, rolled back on any error. Raises DependencyUnavailable."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that changes nothing and sees everything as it is at its first read."""
        ...
