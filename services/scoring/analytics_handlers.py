"""What callers ask of all leads together, one method for each: what was meant where nothing was said, how much may be
asked for, and what the rules in force make of what the store counts. Nothing here changes anything."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.scoring.analytics_ports import (
    ActivityCount,
    AnalyticsStore,
    AnalyticsTransaction,
    AtRisk,
    CohortWeek,
    Companies,
    Moves,
    NewlyQualified,
    Span,
    StageReach,
)
from services.scoring.domain.identity import subject_of
from services.scoring.domain.impact import Impact, RuleImpact
from services.scoring.domain.lead import Cause
from services.scoring.domain.model import RuleSet, microseconds
from services.scoring.errors import LeadNotFound
from services.scoring.ports import LeadKey
from services.shared.clock import Clock
from services.shared.errors import InvalidFields, LimitExceeded, Violation
from services.shared.turns import Turns

READS_MAX = 3
"""Analytics under way at once in a process; more wait. Each holds a connection for as long as it takes, and scoring
needs some too."""

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)

MOVERS_SPAN = WEEK
MOVERS_SPAN_MAX = 31 * DAY

QUALIFIED_STAGES = ("qualified",)
"""Of GetMovers where none is named; as webhooks have it."""

BULK_CAUSES = (Cause.RULES, Cause.REPLAY)
"""What these change, nobody did: no lead has moved by it."""

DEFAULT_SPAN = 30 * DAY
"""Of GetActivity and GetScoreTrend."""

ACTIVITY_POINTS_MAX = 10_000
"""Hours or days."""

ACTIVITY_COUNTS_MAX = 100_000
"""Counts in one answer, by hour or day and type: some megabytes."""

TREND_DAYS_MAX = 1_000

COHORTS_DEFAULT = 12
COHORTS_MAX = 104

COHORT_WEEKS_MAX = 520
"""Weeks of activity of one cohort: ten years."""

IMPACT_LEADS = 200
"""Leads whose entries are asked for at once."""

_FIELDS = ("start_time", "end_time")
_MOVERS_FIELDS = ("from_time", "until_time")
"""What requests call the ends of a span."""

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A day's scores of record."""

    day: datetime
    lead_count: int
    score_sum: int
    """Milli-points."""
    change_count: int


@dataclass(frozen=True, slots=True)
class Movers:
    """What a time did to the leads."""

    span: Span
    moves: Moves
    newly_qualified_count: int
    newly_qualified: Sequence[NewlyQualified]
    at_risk_count: int
    at_risk: Sequence[AtRisk]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Leads first seen in the same week."""

    week: datetime
    lead_count: int
    reached_count: int
    active_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Impacts:
    """What the rules gave."""

    rules: Sequence[RuleImpact]
    rule_set_version: int
    faded: int
    adjusted: int


class AnalyticsHandlers:
    """References are as domain.identity.subject_of takes them; times are event times."""

    def __init__(self, store: AnalyticsStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns = asyncio.Semaphore(READS_MAX)

    async def activity(
        self,
        project_id: str,
        start: datetime | None,
        end: datetime | None,
        hourly: bool,
        types: Sequence[str],
        reference: str,
    ) -> list[ActivityCount]:
        """Events by hour or day and by type, of one lead or, without a reference, of all. Raises LeadNotFound,
        LimitExceeded."""
        span = self._span(start, end, DEFAULT_SPAN)
        unit, name = (timedelta(hours=1), "hours") if hourly else (DAY, "days")
        _check_length(span, unit * ACTIVITY_POINTS_MAX, f"{ACTIVITY_POINTS_MAX:,} {name}")
        async with self._reading() as tx:
            lead = await _lead(tx, project_id, reference)
            found = await tx.activity(
                project_id, span, hourly, types, lead, ACTIVITY_COUNTS_MAX + 1
            )
        if len(found) > ACTIVITY_COUNTS_MAX:
            raise LimitExceeded(
                f"more than {ACTIVITY_COUNTS_MAX:,} counts: ask for a shorter time, by day, or for some types",
                ACTIVITY_COUNTS_MAX,
            )
        return found

    async def score_trend(
        self, project_id: str, start: datetime | None, end: datetime | None, reference: str
    ) -> list[TrendPoint]:
        """Every day, oldest first. Raises LeadNotFound."""
        span = self._span(start, end, DEFAULT_SPAN)
        _check_length(span, DAY * TREND_DAYS_MAX, f"{TREND_DAYS_MAX:,} days")
        async with self._reading() as tx:
            lead = await _lead(tx, project_id, reference)
            moves = {one.day: one for one in await tx.score_trend(project_id, span, lead)}
        points: list[TrendPoint] = []
        leads = score = 0
        first, last = _day(span.start), _day(span.end - timedelta.resolution)
        for day in (first + DAY * number for number in range((last - first) // DAY + 1)):
            move = moves.get(day)
            if move is not None:
                leads += move.new_leads
                score += move.gained
            points.append(TrendPoint(day, leads, score, move.change_count if move else 0))
        return points

    async def movers(
        self,
        project_id: str,
        start: datetime | None,
        end: datetime | None,
        stages: Sequence[str],
        qualified_stages: Sequence[str],
        risks: Sequence[str],
        limit: int,
    ) -> Movers:
        """Whose score moved most, of those in `stages` now; who is newly in a qualified stage, and who of those in one
        is at risk, the first of the risks first."""
        span = self._span(start, end, MOVERS_SPAN, _MOVERS_FIELDS)
        _check_length(span, MOVERS_SPAN_MAX, f"{MOVERS_SPAN_MAX.days} days", _MOVERS_FIELDS)
        qualified = qualified_stages or QUALIFIED_STAGES
        bulk = [cause.value for cause in BULK_CAUSES]
        async with self._reading() as tx:
            return Movers(
                span,
                await tx.movers(project_id, span, stages, bulk, limit),
                *await tx.newly_qualified(project_id, span, qualified, limit),
                *await tx.at_risk(project_id, qualified, risks, limit),
            )

    async def funnel(
        self, project_id: str, start: datetime | None, end: datetime | None
    ) -> tuple[int, list[tuple[str, StageReach]]]:
        """How many leads there are, and the stages of the rules in force, in order, with how far leads came."""
        if start is not None and end is not None:
            _check_order(start, end)
        async with self._reading() as tx:
            stages = _stages((await tx.rules_under(project_id, None)).rule_set)
            leads, reach = await tx.funnel(project_id, stages, start, end)
        return leads, list(zip(stages, reach, strict=True))

    async def cohorts(
        self, project_id: str, start: datetime | None, end: datetime | None, stage: str
    ) -> tuple[str, list[Cohort]]:
        """The stage to reach, and the cohorts by week. Raises InvalidFields for a stage that is not in force."""
        now = self._clock.now()
        until = now if end is None else end
        default = _back(_week(_back(until, timedelta.resolution)), WEEK * (COHORTS_DEFAULT - 1))
        first = default if start is None else _week(start)
        _check_order(first, until)
        _check_length(Span(first, until), WEEK * COHORTS_MAX, f"{COHORTS_MAX} weeks")
        async with self._reading() as tx:
            stages = _stages((await tx.rules_under(project_id, None)).rule_set)
            goal = stage or (stages[-1] if stages else "")
            if goal and goal not in stages:
                known = ", ".join(stages) or "there are none"
                raise InvalidFields([Violation("stage", f"is none of the rules in force: {known}")])
            reached = stages[stages.index(goal) :] if goal else []
            found = await tx.cohorts(project_id, Span(first, until), reached)
        return goal, _cohorts(found, _week(now))

    async def companies(self, project_id: str, limit: int) -> Companies:
        """The companies with the most leads."""
        async with self._reading() as tx:
            return await tx.companies(project_id, limit)

    async def rule_impact(
        self, project_id: str, start: datetime | None, end: datetime | None
    ) -> Impacts:
        """What each rule in force gives: folds the whole ledger, lead by lead."""
        if start is not None and end is not None:
            _check_order(start, end)
        now = microseconds(self._clock.now())
        async with self._reading() as tx:
            rules = (await tx.rules_under(project_id, None)).rule_set
            impact = Impact(
                rules,
                None if start is None else microseconds(start),
                None if end is None else microseconds(end),
            )
            cursor: str | None = ""
            while cursor is not None:
                leads = await tx.snapshots_after(project_id, cursor, IMPACT_LEADS)
                await _fold(tx, leads, impact, rules.in_event_time, now)
                cursor = max(leads)[1] if len(leads) == IMPACT_LEADS else None
        return Impacts(impact.rules, rules.version, impact.faded, impact.adjusted)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AnalyticsTransaction]:
        async with self._turns, self._store.reading() as tx:
            yield tx

    def _span(
        self,
        start: datetime | None,
        end: datetime | None,
        length: timedelta,
        fields: tuple[str, str] = _FIELDS,
    ) -> Span:
        until = self._clock.now() if end is None else end
        first = _back(until, length) if start is None else start
        _check_order(first, until, fields)
        return Span(first, until)


async def _lead(tx: AnalyticsTransaction, project_id: str, reference: str) -> LeadKey | None:
    if not reference:
        return None
    found = await tx.find_lead(project_id, subject_of(reference))
    if found is None:
        raise LeadNotFound(reference)
    return (project_id, found.profile.lead_id)


async def _fold(
    tx: AnalyticsTransaction,
    leads: Iterable[LeadKey],
    impact: Impact,
    in_event_time: bool,
    now: int,
) -> None:
    """Fold some leads' entries; no history is held."""
    current: LeadKey | None = None
    turns = Turns()
    async with aclosing(tx.histories_of(leads, in_event_time=in_event_time)) as histories:
        async for key, entries in histories:
            if key != current:
                if current is not None:
                    impact.finish(now)
                impact.begin()
                current = key
            await turns.each(impact.apply, entries)
    if current is not None:
        impact.finish(now)


def _cohorts(found: Sequence[CohortWeek], this_week: datetime) -> list[Cohort]:
    weeks: dict[datetime, dict[datetime, CohortWeek]] = {}
    for one in found:
        weeks.setdefault(one.cohort, {})[one.week] = one
    cohorts = []
    for week, active in weeks.items():
        count = min(max((this_week - week) // WEEK + 1, 1), COHORT_WEEKS_MAX)
        counts = (active.get(week + WEEK * number) for number in range(count))
        first = active[week]
        cohorts.append(
            Cohort(
                week,
                first.lead_count,
                first.reached_count,
                tuple(one.lead_count if one else 0 for one in counts),
            )
        )
    return cohorts


def _stages(rules: RuleSet) -> list[str]:
    return [stage.name for stage in rules.stages]


def _check_order(start: datetime, end: datetime, fields: tuple[str, str] = _FIELDS) -> None:
    if start >= end:
        raise InvalidFields([Violation(fields[0], f"must be before {fields[1]}")])


def _check_length(
    span: Span, longest: timedelta, said: str, fields: tuple[str, str] = _FIELDS
) -> None:
    if span.end - span.start > longest:
        raise InvalidFields([Violation(fields[0], f"must be at most {said} before {fields[1]}")])


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _week(at: datetime) -> datetime:
    """The beginning of Monday."""
    day = _day(at)
    return day - DAY * day.weekday()


def _back(at: datetime, by: timedelta) -> datetime:
    """So long before, but not before the calendar begins."""
    return at - by if at - _EARLIEST > by else _EARLIEST
