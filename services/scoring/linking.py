"""What the references of `identify` events make one: planned for a whole batch from what is known, before anything is
made or locked, so that one transaction links as many leads as a batch names, and folds each of them once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.scoring import facts
from services.scoring.domain.identity import (
    are_different,
    are_strangers,
    lead_id_of,
    linking,
    own_subject,
)
from services.scoring.facts import Said
from services.scoring.merging import REFERENCES_MAX
from services.scoring.moving import ENTRIES_MAX
from services.scoring.ports import IncomingEvent, LeadKey, SubjectKey, Transaction

IDENTIFIED = Said(reason="identify", actor="")


@dataclass(frozen=True, slots=True)
class Link:
    """What one event links."""

    event: IncomingEvent
    lead_id: str
    """The lead that stays, or is made."""
    merged: tuple[str, ...]
    """Leads that become part of it."""
    added: tuple[str, ...]
    """References that are no lead's yet."""

    def fact(self, moves: Mapping[str, tuple[str, str]], now: datetime) -> IncomingEvent:
        """The ledger entry that says so, given which references of the project go from which lead to which."""
        moved = (one for one, (leaves, _) in moves.items() if leaves in self.merged)
        return facts.link(
            self.event.project_id,
            self.lead_id,
            self.event.entry.event_id,
            self.merged,
            sorted({*moved, *self.added}),
            IDENTIFIED,
            now,
        )


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An event whose references say that they are different people's: nothing of it is linked."""

    event: IncomingEvent
    lead_ids: tuple[str, ...]
    """Whom its references belong to, in their order; empty for those that are nobody's."""


@dataclass(slots=True)
class LinkPlan:
    """What the first so many events of a batch link, which one transaction can do."""

    taken: int
    links: dict[int, Link] = field(default_factory=dict)
    """By the event's place in the batch."""
    conflicts: list[Contradiction] = field(default_factory=list)
    homes: dict[SubjectKey, LeadKey] = field(default_factory=dict)
    """Whose the references are that this is about, before anything is merged; those that come new too."""
    attached: dict[SubjectKey, str] = field(default_factory=dict)
    """References to be made, with the ids of their leads."""
    merged_into: dict[LeadKey, str] = field(default_factory=dict)

    @property
    def leads(self) -> set[LeadKey]:
        """All that it is about."""
        stay = {(one.event.project_id, one.lead_id) for one in self.links.values()}
        return stay | self.merged_into.keys()


async def plan_links(tx: Transaction, events: Sequence[IncomingEvent]) -> LinkPlan:
    """Which references become one lead's by these events, in their order. It ends before an event that would merge a
    lead to which this batch has given something already, or that would make too much to fold."""
    keys = {key for event in events if _links(event) for key in _references(event)}
    if not keys:
        return LinkPlan(len(events))
    homes = await tx.homes_of(keys)
    derived = await _derived_homes(tx, keys - homes.keys())
    leads = {*homes.values(), *derived.values()}
    planner = _Planner(
        homes | derived,
        set(derived),
        await tx.references_of(leads, REFERENCES_MAX + 1),
        await tx.event_counts(leads),
    )
    for place, event in enumerate(events):
        if _links(event) and not planner.take(place, event):
            return planner.plan(place)
        if (event.project_id, event.subject) in keys:
            planner.meet((event.project_id, event.subject))
    return planner.plan(len(events))


class _Planner:
    """Goes through events, and knows what the references will be after those it has come past."""

    def __init__(
        self,
        homes: Mapping[SubjectKey, LeadKey],
        derived: set[SubjectKey],
        references: Mapping[LeadKey, Sequence[str]],
        event_counts: Mapping[LeadKey, int],
    ) -> None:
        self._known = homes
        self._homes = {subject: lead_id for subject, (_, lead_id) in homes.items()}
        self._at_home: dict[LeadKey, set[SubjectKey]] = {}
        for subject, lead in homes.items():
            self._at_home.setdefault(lead, set()).add(subject)
        self._derived = derived
        self._references = {key: list(own) for key, own in references.items()}
        self._event_counts = event_counts
        self._entries = 0
        self._grown: set[LeadKey] = set()
        self._plan = LinkPlan(0)

    def plan(self, taken: int) -> LinkPlan:
        """What has been planned."""
        plan = self._plan
        plan.taken = taken
        new = {key: (key[0], lead_id) for key, lead_id in plan.attached.items()}
        plan.homes = {**self._known, **new}
        return plan

    def take(self, place: int, event: IncomingEvent) -> bool:
        """One more event that names references; False where it has to wait."""
        project_id = event.project_id
        references = [one for _, one in _references(event)]
        known = {
            one: self._homes[(project_id, one)]
            for one in references
            if (project_id, one) in self._homes
        }
        found = linking(references, known)
        derived = [one for one in references if (project_id, one) in self._derived]
        if found.nothing and not derived:
            return True
        stays = (project_id, found.lead_id)
        merged = [(project_id, one) for one in found.merged]
        new = {stays, *merged} - self._grown
        entries = sum(self._event_counts.get(key, 0) for key in new)
        too_much = self._entries and self._entries + entries > ENTRIES_MAX
        if too_much or not self._grown.isdisjoint(merged):
            return False
        parts = [self._references.get(key, []) for key in (stays, *merged)]
        # Of a lead with more references than that not all are known here; whatever it is, strangers add no more.
        too_many = any(len(part) > REFERENCES_MAX for part in parts[0 if event.public else 1 :])
        different = are_different([*parts, *([one] for one in found.added)])
        if too_many or different or (event.public and are_strangers(parts, found.added)):
            lead_ids = tuple(known.get(one, "") for one in references)
            self._plan.conflicts.append(Contradiction(event, lead_ids))
            return True
        self._entries += entries
        self._link(place, Link(event, found.lead_id, found.merged, (*found.added, *derived)))
        return True

    def meet(self, subject: SubjectKey) -> None:
        """An event of a reference that nobody has linked: it has a lead from here on."""
        if subject in self._homes and subject not in self._derived:
            return
        project_id, one = subject
        lead = (project_id, self._homes.get(subject) or lead_id_of(one))
        self._plan.attached[subject] = self._homes[subject] = lead[1]
        self._derived.discard(subject)
        self._at_home.setdefault(lead, set()).add(subject)
        self._references.setdefault(lead, []).append(one)

    def _link(self, place: int, link: Link) -> None:
        project_id, lead_id = link.event.project_id, link.lead_id
        plan, stays = self._plan, (project_id, lead_id)
        plan.links[place] = link
        own = self._references.setdefault(stays, [])
        here = self._at_home.setdefault(stays, set())
        for one in link.added:
            key = (project_id, one)
            # One whose derived id is a lead's already comes to that lead, and with it to whatever that is merged into.
            plan.attached[key] = self._homes.get(key, lead_id)
            self._derived.discard(key)
            own.append(one)
            here.add(key)
        for one in link.merged:
            gone = (project_id, one)
            plan.attached[(project_id, own_subject(one))] = one
            plan.merged_into[gone] = lead_id
            own += self._references.get(gone, [])
            here |= self._at_home.pop(gone, set())
        self._homes.update(dict.fromkeys(here, lead_id))
        self._grown.add(stays)


async def _derived_homes(
    tx: Transaction, references: Collection[SubjectKey]
) -> dict[SubjectKey, LeadKey]:
    """The leads of references nobody has sent yet, where the id that is derived from one is a lead's already."""
    named = {(project, own_subject(lead_id_of(one))): (project, one) for project, one in references}
    homes = await tx.homes_of(named)
    return {named[own]: lead for own, lead in homes.items() if named[own] != own}


def _links(event: IncomingEvent) -> bool:
    """Whether an event says of references that they are one lead's. What no person did says nothing."""
    return bool(event.linked) and not event.entry.is_suspect


def _references(event: IncomingEvent) -> list[SubjectKey]:
    return [(event.project_id, one) for one in (event.subject, *event.linked)]
