"""What the analytics and the export need from the store: reads over all leads of a project, and what they give. A lead
that was merged into another is none; entries of the suite's own and retracted events are no events."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.scoring.ports import LeadFilter, LeadKey, Transaction


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of event time, its end not included."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ActivityCount:
    """Events of one type in one hour or day."""

    at: datetime
    """The beginning of the hour or day."""
    type: str
    event_count: int


@dataclass(frozen=True, slots=True)
class TrendDay:
    """What changed on a day; what happened before the first day is in the first."""

    day: datetime
    new_leads: int
    gained: int
    """Milli-points."""
    change_count: int


@dataclass(frozen=True, slots=True)
class StageReach:
    """How far leads came."""

    reached_count: int
    current_count: int
    median: int | None
    """Microseconds from the stage before; None where no lead reached both."""


@dataclass(frozen=True, slots=True)
class CohortWeek:
    """Leads of one cohort that were active in one week."""

    cohort: datetime
    week: datetime
    lead_count: int
    reached_count: int


@dataclass(frozen=True, slots=True)
class CompanyLeads:
    """A company's leads."""

    company: str
    lead_count: int
    score_sum: int
    """Milli-points."""
    max_score: int


@dataclass(frozen=True, slots=True)
class Companies:
    """The companies with the most leads."""

    companies: Sequence[CompanyLeads]
    company_count: int
    unknown_count: int
    """Leads without one."""


@dataclass(frozen=True, slots=True)
class Mover:
    """A lead whose score moved."""

    lead_id: str
    email: str
    display_name: str
    company: str
    score_before: int
    """Milli-points of record; as is the score after."""
    score_after: int
    delta: int
    """Milli-points, without what bulk causes changed."""
    stage_before: str
    stage_after: str


@dataclass(frozen=True, slots=True)
class Moves:
    """The leads whose score moved most, and how many moved at all."""

    up: Sequence[Mover]
    down: Sequence[Mover]
    up_count: int
    down_count: int


@dataclass(frozen=True, slots=True)
class NewlyQualified:
    """A lead that came into one of some stages."""

    lead_id: str
    email: str
    display_name: str
    company: str
    score: int
    """Milli-points now."""
    stage: str
    entered_at: datetime
    """When what took it there happened."""


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A lead that may be lost."""

    lead_id: str
    email: str
    display_name: str
    company: str
    score: int
    """Milli-points now."""
    stage: str
    risk: str
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExportedLead:
    """A lead as a row of a file."""

    lead_id: str
    email: str
    display_name: str
    company: str
    score: int
    """Milli-points."""
    stage: str
    grade: str
    risk: str
    velocity: int
    """Thousandths."""
    version: int
    event_count: int
    rule_set_version: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    created_at: datetime
    updated_at: datetime
    attributes: str
    """JSON: noted by hand."""
    event_attributes: str
    """JSON: what its events said of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an exported lead's grade is told from."""

    activation: int
    """The rules its score is under."""
    state: str
    """JSON (domain/state.py); empty where it was not asked for, or has another format."""
    scored_at: datetime


class AnalyticsReads(Protocol):
    """Reads over all leads of a project."""

    async def activity(
        self,
        project_id: str,
        span: Span,
        hourly: bool,
        types: Sequence[str],
        lead: LeadKey | None,
        limit: int,
    ) -> list[ActivityCount]:
        """Counts by hour or day and type, oldest first and of equal times the most frequent type first; of these types
        where some are given, of this lead where one is. At most `limit`."""
        ...

    async def score_trend(
        self, project_id: str, span: Span, lead: LeadKey | None
    ) -> list[TrendDay]:
        """Days on which something changed. A lead's score at the end of a day is that of its newest version among those
        whose cause happened by then."""
        ...

    async def movers(
        self, project_id: str, span: Span, stages: Sequence[str], bulk: Sequence[str], limit: int
    ) -> Moves:
        """Whose score moved most between the ends of the span, up and down, at most `limit` each; scores at a time are
        as in `score_trend`, and what `bulk` causes changed is no move. Only of leads that are in one of these stages
        now; of all where there is none."""
        ...

    async def newly_qualified(
        self, project_id: str, span: Span, stages: Sequence[str], limit: int
    ) -> tuple[int, list[NewlyQualified]]:
        """Leads that are in one of the stages, into which something that happened in the span took them from another
        stage: how many, and those that came last."""
        ...

    async def at_risk(
        self, project_id: str, stages: Sequence[str], risks: Sequence[str], limit: int
    ) -> tuple[int, list[AtRisk]]:
        """Leads in one of the stages with one of these risks: how many, and those of the first risk first, then by
        score."""
        ...

    async def funnel(
        self,
        project_id: str,
        stages: Sequence[str],
        seen_from: datetime | None,
        seen_before: datetime | None,
    ) -> tuple[int, list[StageReach]]:
        """How many leads there are, and how far they came, in order of the stages. Where a time is given, only leads
        whose first event happened from then on, or before then."""
        ...

    async def cohorts(
        self, project_id: str, first_seen: Span, reached: Sequence[str]
    ) -> list[CohortWeek]:
        """By week of the first event, which is in the span, and by week with an event: how many leads, and how many of
        them were ever in one of the stages. Oldest first."""
        ...

    async def companies(self, project_id: str, limit: int) -> Companies:
        """The companies of the leads, most leads first, equal ones by name."""
        ...

    async def count_exported(self, project_id: str, which: LeadFilter) -> int:
        """How many leads `exported_leads` gives."""
        ...

    def exported_leads(
        self, project_id: str, which: LeadFilter, standings: bool
    ) -> AsyncGenerator[Sequence[tuple[ExportedLead, Standing]], None]:
        """The leads in order of id, in small portions, without grades; with what these are told from where that is
        wanted. Order and page of the filter don't count."""
        ...


class AnalyticsTransaction(Transaction, AnalyticsReads, Protocol):
    """A transaction that can do both."""


class AnalyticsStore(Protocol):
    """Where they are read from."""

    def reading(self) -> AbstractAsyncContextManager[AnalyticsTransaction]:
        """A transaction that changes nothing and sees everything as it is at its first read."""
        ...
