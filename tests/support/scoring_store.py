"""The scoring store in memory: what the handlers' tests run on, held to the same conformance tests as Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from services.scoring import convert, rows
from services.scoring.domain import chain
from services.scoring.domain.binding import bound
from services.scoring.domain.identity import email_of, lead_id_of, own_subject
from services.scoring.domain.lead import RulesInForce, Snapshot, new_snapshot
from services.scoring.domain.model import NO_RULES, Activated, instant, microseconds
from services.scoring.errors import ConcurrentAppend, LeadTaken, UnknownActivation
from services.scoring.identity_ports import IdentityConflict
from services.scoring.ports import (
    NOTHING,
    Activation,
    ChangeFilter,
    EventKey,
    IncomingEvent,
    LeadFilter,
    LeadKey,
    LeadUpdate,
    LeadView,
    Profile,
    Quarantined,
    RecordedChange,
    RecordedEvent,
    SubjectKey,
)
from services.scoring.store import scores_subject
from tests.support.scoring_identity_reads import IdentityReads
from tests.support.scoring_ledger_reads import LedgerReads

LedgerRow = tuple[Any, ...]
"""In the order of rows.LEDGER_COLUMNS."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Contents:
    """Everything kept. Values are never changed in place, so a copy of the dicts is a copy of all."""

    activations: dict[tuple[str, int], Activation] = field(default_factory=dict)
    in_force: dict[str, int] = field(default_factory=dict)
    rescores: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    profiles: dict[LeadKey, Profile] = field(default_factory=dict)
    snapshots: dict[LeadKey, tuple[Snapshot, datetime]] = field(default_factory=dict)
    subjects: dict[SubjectKey, str] = field(default_factory=dict)
    attached: dict[SubjectKey, datetime] = field(default_factory=dict)
    """When each was first heard of."""
    ledger: dict[EventKey, tuple[IncomingEvent, LedgerRow]] = field(default_factory=dict)
    heads: dict[str, tuple[int, bytes, datetime]] = field(default_factory=dict)
    blocks: dict[tuple[str, int], bytes] = field(default_factory=dict)
    block_times: dict[tuple[str, int], datetime] = field(default_factory=dict)
    activation_times: dict[tuple[str, int], datetime] = field(default_factory=dict)
    changes: dict[tuple[str, str, int], RecordedChange] = field(default_factory=dict)
    quarantined: dict[Quarantined, int] = field(default_factory=dict)
    conflicts: dict[EventKey, IdentityConflict] = field(default_factory=dict)
    moves: dict[tuple[str, str, datetime], tuple[str, str]] = field(default_factory=dict)
    retracted: dict[EventKey, bool] = field(default_factory=dict)
    outbox: dict[int, tuple[str, int, bytes]] = field(default_factory=dict)

    def copy(self) -> Contents:
        return Contents(**{one.name: dict(getattr(self, one.name)) for one in fields(self)})


class InMemoryStore:
    """A ports.Store with one transaction at a time."""

    def __init__(self) -> None:
        self.contents = Contents()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InMemoryTransaction]:
        async with self._turn:
            contents = self.contents.copy()
            transaction = InMemoryTransaction(contents)
            yield transaction
            transaction.finish()
            self.contents = contents

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[InMemoryTransaction]:
        yield InMemoryTransaction(self.contents.copy())


class InMemoryTransaction(LedgerReads, IdentityReads):
    """A ports.Transaction over a copy of the contents."""

    def finish(self) -> None:
        """References that came with no ledger entry get a record time too."""
        for key in self._in.subjects.keys() - self._in.attached.keys():
            position, head, last_recorded_at = self._head(key[0])
            now = self._in.profiles[(key[0], self._in.subjects[key])].created_at
            recorded_at = chain.next_record_time(now, last_recorded_at)
            self._in.heads[key[0]] = (position, head, recorded_at)
            self._date_subjects(key[0], recorded_at)

    async def rules_in_force(self, project_ids: Iterable[str]) -> dict[str, RulesInForce]:
        wanted = set(project_ids)
        for project_id in wanted:
            self._in.in_force.setdefault(project_id, 0)
        return {one: self._rules(one, self._in.in_force[one]) for one in wanted}

    async def rules_under(self, project_id: str, activation: int | None) -> RulesInForce:
        if activation is None:
            activation = self._in.in_force.get(project_id, 0)
        return self._rules(project_id, activation)

    async def leads_of(
        self,
        subjects: Iterable[SubjectKey],
        rules: Mapping[str, RulesInForce],
        now: datetime,
        attached: Mapping[SubjectKey, str] = NOTHING,
    ) -> dict[SubjectKey, LeadKey]:
        wanted = set(subjects)
        unknown = {key: lead_id_of(key[1]) for key in wanted if key not in self._in.subjects}
        await self.attach({**unknown, **attached}, rules, now)
        return {key: (key[0], self._in.subjects[key]) for key in wanted}

    async def attach(
        self,
        references: Mapping[SubjectKey, str],
        rules: Mapping[str, RulesInForce],
        now: datetime,
    ) -> None:
        before = dict(self._in.subjects)
        emails: dict[LeadKey, str] = {}
        for (project_id, subject), own in references.items():
            lead_id = before.get((project_id, own_subject(own)), own)
            key = (project_id, self._in.subjects.setdefault((project_id, subject), lead_id))
            # Two subjects may stand for one lead: an address, and the id that was derived from it.
            emails[key] = email_of(subject) or emails.get(key, "")
        for (project_id, lead_id), email in emails.items():
            if (project_id, lead_id) not in self._in.profiles:
                profile = Profile(project_id, lead_id, email, "", "", {}, 1, now, now)
                self._make(profile, new_snapshot(rules[project_id]))

    async def lock(self, leads: Iterable[LeadKey], wait: bool = True) -> dict[LeadKey, Snapshot]:
        return {key: self._in.snapshots[key][0] for key in sorted(set(leads))}

    async def lock_next(self, project_id: str, after: str, limit: int) -> dict[LeadKey, Snapshot]:
        own = sorted(
            key
            for key, (snapshot, _) in self._in.snapshots.items()
            if key[0] == project_id and key[1] > after and not snapshot.merged_into
        )
        return {key: self._in.snapshots[key][0] for key in own[:limit]}

    async def due(self, now: datetime, limit: int) -> list[LeadKey]:
        by_time = sorted(
            (snapshot.next_transition, key)
            for key, (snapshot, _) in self._in.snapshots.items()
            if snapshot.next_transition is not None
        )
        return [key for at, key in by_time if at <= microseconds(now)][:limit]

    async def payload_hashes(self, events: Iterable[EventKey]) -> dict[EventKey, bytes]:
        ledger = self._in.ledger
        return {key: ledger[key][0].payload_hash for key in set(events) if key in ledger}

    async def save(self, updates: Sequence[LeadUpdate], now: datetime) -> None:
        for update in updates:
            self._in.snapshots[update.key] = (update.snapshot, now)
            for change in update.changes:
                recorded = rows.recorded(update.key[1], change, now)
                assert (*update.key, change.version) not in self._in.changes
                self._in.changes[(*update.key, change.version)] = recorded
                line = (scores_subject(*update.key), change.version)
                encoded = convert.encoded_score_change(recorded)
                self._in.outbox[len(self._in.outbox)] = (*line, encoded)

    async def append(self, events: Sequence[IncomingEvent], now: datetime) -> dict[str, datetime]:
        recorded: dict[str, datetime] = {}
        if any(event.key in self._in.ledger for event in events):
            raise ConcurrentAppend
        for project_id in sorted({event.project_id for event in events}):
            position, previous, last_recorded_at = self._head(project_id)
            recorded_at = recorded[project_id] = chain.next_record_time(now, last_recorded_at)
            digests = []
            for event in (one for one in events if one.project_id == project_id):
                position += 1
                row = rows.ledger_columns(event, position, recorded_at)
                self._in.ledger[event.key] = (event, row)
                digests.append(row[-1])
            block = chain.block_hash(previous, digests)
            self._in.blocks[(project_id, position)] = block
            self._in.block_times[(project_id, position)] = recorded_at
            self._in.heads[project_id] = (position, block, recorded_at)
            self._date_subjects(project_id, recorded_at)
        return recorded

    async def quarantine(self, items: Sequence[Quarantined], now: datetime) -> None:
        for item in items:
            first = next((one for one in self._in.quarantined if _same(one, item)), item)
            self._in.quarantined[first] = self._in.quarantined.get(first, 0) + 1

    async def create_lead(
        self, profile: Profile, subjects: Sequence[str], snapshot: Snapshot
    ) -> None:
        key = (profile.project_id, profile.lead_id)
        wanted = [(profile.project_id, subject) for subject in subjects]
        if key in self._in.profiles or any(one in self._in.subjects for one in wanted):
            raise LeadTaken
        self._in.subjects.update(dict.fromkeys(wanted, profile.lead_id))
        self._make(profile, snapshot)

    async def lock_profile(self, key: LeadKey) -> Profile | None:
        return self._in.profiles.get(key)

    async def update_profile(self, profile: Profile) -> None:
        self._in.profiles[(profile.project_id, profile.lead_id)] = profile

    async def record_activation(self, activation: Activation, now: datetime) -> bool:
        key = (activation.project_id, activation.number)
        if key in self._in.activations:
            return False
        self._in.activations[key] = activation
        position, head, last_recorded_at = self._head(activation.project_id)
        recorded_at = chain.next_record_time(now, last_recorded_at)
        self._in.activation_times[key] = recorded_at
        self._in.heads[activation.project_id] = (position, head, recorded_at)
        in_force = self._in.in_force.get(activation.project_id, 0)
        self._in.in_force[activation.project_id] = max(in_force, activation.number)
        return True

    async def rescore_target(self, after: str) -> tuple[str, int, str] | None:
        in_turn = sorted(self._in.in_force.items(), key=lambda one: (one[0] <= after, one[0]))
        for project_id, activation in in_turn:
            done, target, cursor = self._in.rescores.get(project_id, (0, 0, ""))
            if activation > done:
                return project_id, activation, cursor if target == activation else ""
        return None

    async def rescored(self, project_id: str, target: int, cursor: str | None) -> None:
        done = self._in.rescores.get(project_id, (0, 0, ""))[0]
        reached = target if cursor is None else 0
        self._in.rescores[project_id] = (max(done, reached), target, cursor or "")

    async def find_lead(self, project_id: str, subject: str) -> LeadView | None:
        lead_id = self._home((project_id, subject))
        return self._view((project_id, lead_id)) if lead_id else None

    async def list_leads(self, project_id: str, which: LeadFilter, limit: int) -> list[LeadView]:
        views = [self._view(key) for key in self._in.profiles if key[0] == project_id]
        found = [view for view in views if view and _passes(view, which)]
        found.sort(key=lambda view: view.profile.lead_id)
        found.sort(key=lambda view: _order(view, which.order), reverse=which.descending)
        return [view for view in found if _follows(view, which)][:limit]

    async def count_leads(self, project_id: str, which: LeadFilter) -> int:
        return len(
            await self.list_leads(project_id, replace(which, after=None), len(self._in.profiles))
        )

    async def lead_ids(
        self, project_id: str, which: LeadFilter, after: str, limit: int
    ) -> list[str]:
        every = replace(which, after=None, order="lead_id", descending=False)
        views = await self.list_leads(project_id, every, len(self._in.profiles))
        return [one.profile.lead_id for one in views if one.profile.lead_id > after][:limit]

    async def activations(self, project_id: str, until: int) -> list[Activated]:
        own = (key for key in self._in.activations if key[0] == project_id and key[1] <= until)
        return [self._activated(key) for key in sorted(own, reverse=True)]

    async def stage_counts(self, project_id: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for key, (snapshot, _) in self._in.snapshots.items():
            if key[0] == project_id and not snapshot.merged_into:
                counts[snapshot.stage] = counts.get(snapshot.stage, 0) + 1
        return counts

    async def recorded_events(
        self, project_id: str, event_ids: Sequence[str]
    ) -> dict[str, RecordedEvent]:
        return {one: self._recorded_event((project_id, one)) for one in event_ids}

    async def score_changes(
        self, key: LeadKey, after_version: int, limit: int
    ) -> list[RecordedChange]:
        own = [(place[2], one) for place, one in self._in.changes.items() if place[:2] == key]
        behind = sorted((pair for pair in own if pair[0] > after_version), key=lambda pair: pair[0])
        return [one for _, one in behind[:limit]]

    async def project_score_changes(
        self, project_id: str, which: ChangeFilter, limit: int
    ) -> list[RecordedChange]:
        own = [one for place, one in self._in.changes.items() if place[0] == project_id]
        placed = sorted(
            ((one.changed_at, one.lead_id, one.change.version), one)
            for one in own
            if (which.since is None or one.changed_at >= which.since)
            and one.changed_at < which.until
            and (not which.causes or one.change.cause in which.causes)
            and (not which.lead_ids or one.lead_id in which.lead_ids)
        )
        after = which.after
        return [one for place, one in placed if after is None or place > after][:limit]

    def _rules(self, project_id: str, number: int) -> RulesInForce:
        if number == 0:
            return RulesInForce(0, NO_RULES)
        if (project_id, number) not in self._in.activations:
            raise UnknownActivation(number)
        known = sorted(
            (key[1] for key in self._in.activations if key[0] == project_id and key[1] <= number),
            reverse=True,
        )
        return RulesInForce(number, bound([self._activated((project_id, one)) for one in known]))

    def _activated(self, key: tuple[str, int]) -> Activated:
        activation = self._in.activations[key]
        return Activated(
            number=activation.number,
            rule_set=activation.rule_set,
            effective_from=microseconds(activation.effective_from),
            recorded_at=microseconds(self._in.activation_times[key]),
        )

    def _date_subjects(self, project_id: str, recorded_at: datetime) -> None:
        for key in self._in.subjects.keys() - self._in.attached.keys():
            if key[0] == project_id:
                self._in.attached[key] = recorded_at

    def _head(self, project_id: str) -> tuple[int, bytes, datetime]:
        return self._in.heads.get(project_id, (0, chain.GENESIS, chain.NEVER))

    def _make(self, profile: Profile, snapshot: Snapshot) -> None:
        key = (profile.project_id, profile.lead_id)
        self._in.profiles[key] = profile
        self._in.snapshots[key] = (snapshot, profile.created_at)

    def _view(self, key: LeadKey) -> LeadView | None:
        profile = self._in.profiles.get(key)
        if profile is None:
            return None
        snapshot, scored_at = self._in.snapshots[key]
        return LeadView(profile, snapshot, tuple(self._references(key)), scored_at)

    def _recorded_event(self, key: EventKey) -> RecordedEvent:
        event, row = self._in.ledger[key]
        return RecordedEvent(event.entry, row[6])


def _same(one: Quarantined, other: Quarantined) -> bool:
    return replace(one, event_id="") == replace(other, event_id="")


def _order(view: LeadView, order: str) -> Any:
    newest = view.snapshot.state.activity.newest
    values = {
        "lead_id": view.profile.lead_id,
        "score": view.snapshot.score,
        "last_event_time": _NEVER if newest is None else instant(newest),
        "create_time": view.profile.created_at,
    }
    return values[order]


def _passes(view: LeadView, which: LeadFilter) -> bool:
    score = view.snapshot.score
    profile = view.profile
    texts = (profile.lead_id, profile.email, profile.display_name, profile.company)
    return (
        not view.snapshot.merged_into
        and (not which.stages or view.snapshot.stage in which.stages)
        and (which.min_score is None or score >= which.min_score)
        and (which.max_score is None or score <= which.max_score)
        and any(which.query.lower() in text.lower() for text in texts)
        and _idle(view, which)
    )


def _idle(view: LeadView, which: LeadFilter) -> bool:
    newest = view.snapshot.state.activity.newest
    start, end = which.last_event_from, which.last_event_until
    if newest is None:
        return start is None and end is None
    return (start is None or instant(newest) >= start) and (end is None or instant(newest) < end)


def _follows(view: LeadView, which: LeadFilter) -> bool:
    if which.after is None:
        return True
    value, lead_id = which.after
    limit = _NEVER if value is None else value
    own = _order(view, which.order)
    further = own < limit if which.descending else own > limit
    return further or (own == limit and view.profile.lead_id > lead_id)
