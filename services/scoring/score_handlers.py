"""Scores at any time: what a score was, as of when and as known when, and why. The other half of `handlers.py`'s reads;
nothing here changes anything."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from services.scoring.domain.explanation import Account, Explanation, group_scores
from services.scoring.domain.fold import Fold
from services.scoring.domain.identity import subject_of
from services.scoring.domain.intelligence import Intelligence, Observation, Transition
from services.scoring.domain.lead import RulesInForce
from services.scoring.domain.model import Entry, microseconds
from services.scoring.domain.state import State
from services.scoring.errors import LeadNotFound
from services.scoring.ports import LeadKey, Store
from services.shared.clock import Clock
from services.shared.turns import Turns


@dataclass(frozen=True, slots=True)
class ScoreAt:
    """A score as of an event time, as known at a record time."""

    lead_id: str
    state: State
    """Faded up to `as_of`."""
    stage: str
    rule_set_version: int
    group_scores: list[tuple[str, int]]
    as_of: datetime
    known_at: datetime | None
    """What was asked for, or when the newest thing known was recorded; None: nothing ever was."""


@dataclass(frozen=True, slots=True)
class IntelligenceAt:
    """A lead's intelligence as of an event time, as known at a record time."""

    lead_id: str
    intelligence: Intelligence
    transition: Transition | None
    rule_set_version: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Past:
    """What was known of a lead."""

    lead_id: str
    rules: RulesInForce
    history: AsyncIterator[tuple[LeadKey, Sequence[Entry]]]
    as_of: datetime
    known_at: datetime | None


class ScoreHandlers:
    """What callers ask of scores. References are as domain.identity.subject_of takes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def score(
        self,
        project_id: str,
        reference: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
    ) -> ScoreAt:
        """What a fold gives that is stopped there. Raises LeadNotFound."""
        async with self._past(project_id, reference, as_of, known_at) as past:
            fold = Fold(past.rules.rule_set)
            await _each(fold.apply, past)
            fold.fade_to(microseconds(past.as_of))
            return _score_at(past, fold.state)

    async def explain(
        self,
        project_id: str,
        reference: str,
        limit: int,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
    ) -> tuple[ScoreAt, Explanation]:
        """The same with its reasons, of which the newest `limit` are listed. Raises LeadNotFound."""
        async with self._past(project_id, reference, as_of, known_at) as past:
            account = Account(past.rules.rule_set, limit)
            await _each(account.apply, past)
            explanation = account.explain(microseconds(past.as_of))
            return _score_at(past, explanation.state), explanation

    async def intelligence(
        self,
        project_id: str,
        reference: str,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
    ) -> IntelligenceAt:
        """What the history up to there says about what to do next. Raises LeadNotFound."""
        async with self._past(project_id, reference, as_of, known_at) as past:
            rules, instant = past.rules.rule_set, microseconds(past.as_of)
            observation = Observation(rules)
            await _each(observation.apply, past)
            return IntelligenceAt(
                lead_id=past.lead_id,
                intelligence=observation.intelligence(instant),
                transition=observation.transition(instant),
                rule_set_version=rules.version,
                as_of=past.as_of,
            )

    @asynccontextmanager
    async def _past(
        self, project_id: str, reference: str, as_of: datetime | None, known_at: datetime | None
    ) -> AsyncIterator[_Past]:
        until = self._clock.now() if as_of is None else as_of
        async with self._store.reading() as tx:
            head = await tx.head(project_id)
            known = head.recorded_at if head else None
            if known_at is not None:
                known = known_at if known is None else min(known, known_at)
            lead_id = await tx.lead_at(project_id, subject_of(reference), known)
            if lead_id is None:
                raise LeadNotFound(reference)
            activation = 0 if known is None else await tx.activation_at(project_id, known)
            rules = await tx.rules_under(project_id, activation)
            key = (project_id, lead_id)
            in_event_time = rules.rule_set.in_event_time
            async with aclosing(tx.histories_of([key], until, known, in_event_time)) as history:
                yield _Past(lead_id, rules, history, until, known)


async def _each(apply: Callable[[Entry], object], past: _Past) -> None:
    """Give something each entry."""
    turns = Turns()
    async for _, entries in past.history:
        await turns.each(apply, entries)


def _score_at(past: _Past, state: State) -> ScoreAt:
    rule_set = past.rules.rule_set
    return ScoreAt(
        lead_id=past.lead_id,
        state=state,
        stage=rule_set.stage_of(state.score),
        rule_set_version=rule_set.version,
        group_scores=group_scores(rule_set, state),
        as_of=past.as_of,
        known_at=past.known_at,
    )
