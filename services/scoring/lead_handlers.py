"""What callers ask of leads, one method for each use case: who they are, how far, and what happened to them."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.scoring.domain.fold import Fold, Outcome
from services.scoring.domain.identity import EMAIL_PREFIX, LEAD_PREFIX, lead_id_of, subject_of
from services.scoring.domain.lead import new_snapshot
from services.scoring.domain.model import RETRACTION, Entry, Position, RuleSet
from services.scoring.errors import LeadNotFound, LeadTaken
from services.scoring.ports import (
    ChangeFilter,
    LeadFilter,
    LeadKey,
    LeadView,
    Profile,
    RecordedChange,
    RecordedEvent,
    Store,
    Transaction,
)
from services.shared import structs
from services.shared.clock import Clock
from services.shared.errors import EtagMismatch, InvalidFields, ResourceAlreadyExists, Violation
from services.shared.turns import Turns

SETTLED = timedelta(seconds=10)
"""Changes are dated when the transactions that make them begin. By then they are over, clocks of different machines
included; one that takes longer brings its changes into a listing that is under way, or too late for it."""


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What to change in a lead; None leaves a field as it is."""

    display_name: str | None = None
    company: str | None = None
    attributes: Mapping[str, Any] | None = None
    attribute_changes: Mapping[str, Any] | None = None
    """Single attributes by key; the value `REMOVE` takes one away."""


REMOVE = object()
"""See ProfileChange.attribute_changes."""


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """An event of a lead with what it did."""

    event: RecordedEvent
    outcome: Outcome
    score: int
    """Milli-points after it."""
    stage: str


class LeadHandlers:
    """What callers ask of leads. References are as domain.identity.subject_of takes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get_lead(self, project_id: str, reference: str) -> LeadView:
        """Raises LeadNotFound."""
        async with self._store.begin() as tx:
            return await _find(tx, project_id, reference)

    async def list_leads(self, project_id: str, which: LeadFilter, limit: int) -> list[LeadView]:
        """A page of leads."""
        async with self._store.begin() as tx:
            return await tx.list_leads(project_id, which, limit)

    async def create_lead(
        self,
        project_id: str,
        lead_id: str,
        email: str,
        display_name: str,
        company: str,
        attributes: Mapping[str, Any],
    ) -> LeadView:
        """Make a lead under its id, or one derived from the e-mail address when the id is empty.

        Raises ResourceAlreadyExists when the id or the address belongs to a lead.
        """
        now = self._clock.now()
        subjects = [EMAIL_PREFIX + email] if email else []
        lead_id = lead_id or lead_id_of(subjects[0])
        subjects.append(LEAD_PREFIX + lead_id)
        profile = Profile(
            project_id, lead_id, email, display_name, company, attributes, 1, now, now
        )
        try:
            async with self._store.begin() as tx:
                rules = (await tx.rules_in_force([project_id]))[project_id]
                await tx.create_lead(profile, subjects, new_snapshot(rules))
                return await _find(tx, project_id, lead_id)
        except LeadTaken as error:
            raise ResourceAlreadyExists("lead", lead_id) from error

    async def update_lead(
        self, project_id: str, reference: str, change: ProfileChange, revision: int | None
    ) -> LeadView:
        """Change a lead's profile. Raises LeadNotFound, EtagMismatch when `revision` is not the current one,
        and InvalidFields when single attributes add up to more than a lead may have."""
        async with self._store.begin() as tx:
            found = await _find(tx, project_id, reference)
            key = (project_id, found.profile.lead_id)
            profile = await tx.lock_profile(key)
            if profile is None:
                raise LeadNotFound(reference)
            if revision is not None and revision != profile.revision:
                raise EtagMismatch("lead", profile.lead_id)
            await tx.update_profile(_changed(profile, change, self._clock.now()))
            return await _find(tx, project_id, reference)

    async def stage_counts(self, project_id: str) -> list[tuple[str, int]]:
        """Leads by stage: the stages of the rules in force in their order, then others that still have leads."""
        async with self._store.begin() as tx:
            rules = await tx.rules_under(project_id, None)
            counts = await tx.stage_counts(project_id)
        names = [stage.name for stage in rules.rule_set.stages]
        others = sorted(counts.keys() - set(names))
        return [(name, counts.get(name, 0)) for name in [*names, *others]]

    async def timeline(
        self,
        project_id: str,
        reference: str,
        after: Position | None,
        limit: int,
        descending: bool = False,
    ) -> list[TimelineItem]:
        """A page of a lead's events in the order in which they apply, each with its effects; over all pages they sum to
        the score. A page takes as long as folding the history up to its end does, and the memory of a page. `after` is
        the position of the last event of the page before. Raises LeadNotFound."""
        async with self._store.begin() as tx:
            found = await _find(tx, project_id, reference)
            key = (project_id, found.profile.lead_id)
            # Those that gave the score, also while re-scoring under others is under way.
            rule_set = (await tx.rules_under(project_id, found.snapshot.activation)).rule_set
            read = tx.histories_of([key], in_event_time=rule_set.in_event_time)
            async with aclosing(read) as history:
                page = await _page(history, rule_set, after, limit, descending)
            events = await tx.recorded_events(project_id, [entry.event_id for entry, *_ in page])
        return [
            TimelineItem(events[entry.event_id], outcome, score, rule_set.stage_of(score))
            for entry, outcome, score in page
        ]

    async def project_score_changes(
        self, project_id: str, which: ChangeFilter, references: Sequence[str], limit: int
    ) -> tuple[ChangeFilter, list[RecordedChange]]:
        """A page of the changes of all leads, or of those that the references lead to; with the filter as it is for the
        pages behind the first, which ends before what was made too lately. Raises LeadNotFound."""
        if which.after is None:
            which = replace(which, until=min(which.until, self._clock.now() - SETTLED))
        async with self._store.begin() as tx:
            found = [await _find(tx, project_id, reference) for reference in references]
            of_leads = replace(which, lead_ids=[view.profile.lead_id for view in found])
            return which, await tx.project_score_changes(project_id, of_leads, limit)

    async def score_changes(
        self, project_id: str, reference: str, after_version: int, limit: int
    ) -> list[RecordedChange]:
        """The lead's changes behind a version, in version order. Raises LeadNotFound."""
        async with self._store.begin() as tx:
            found = await _find(tx, project_id, reference)
            key = (project_id, found.profile.lead_id)
            return await tx.score_changes(key, after_version, limit)


async def _find(tx: Transaction, project_id: str, reference: str) -> LeadView:
    found = await tx.find_lead(project_id, subject_of(reference))
    if found is None:
        raise LeadNotFound(reference)
    return found


async def _page(
    history: AsyncIterator[tuple[LeadKey, Sequence[Entry]]],
    rules: RuleSet,
    after: Position | None,
    limit: int,
    descending: bool,
) -> list[tuple[Entry, Outcome, int]]:
    """A page of a lead's entries, which come in the order in which they apply, with what became of each and the score
    after it. Holds no more than the page."""
    fold = Fold(rules)
    turns = Turns()
    page: deque[tuple[Entry, Outcome, int]] = deque(maxlen=limit)
    begun = after is None or descending
    async for _, entries in history:
        for entry in entries:
            if descending and entry.position == after:
                return list(reversed(page))
            outcome = fold.apply(entry)
            await turns.give()
            # What a retraction does is said with the events it is about.
            if begun and entry.type != RETRACTION:
                page.append((entry, outcome, fold.score))
                if not descending and len(page) == limit:
                    return list(page)
            begun = begun or entry.position == after
    return list(reversed(page)) if descending else list(page)


def _changed(profile: Profile, change: ProfileChange, now: datetime) -> Profile:
    attributes = dict(profile.attributes if change.attributes is None else change.attributes)
    for key, value in (change.attribute_changes or {}).items():
        if value is REMOVE:
            attributes.pop(key, None)
        else:
            attributes[key] = value
    problem = structs.problem(structs.from_dict(attributes))
    if problem:
        raise InvalidFields([Violation("lead.attributes", problem)])
    return replace(
        profile,
        display_name=profile.display_name if change.display_name is None else change.display_name,
        company=profile.company if change.company is None else change.company,
        attributes=attributes,
        revision=profile.revision + 1,
        updated_at=now,
    )
