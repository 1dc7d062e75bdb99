"""What the store in memory knows of facts: the part of ports.Transaction that fact_ports.py names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from services.scoring.domain.identity import LEAD_PREFIX, own_subject
from services.scoring.fact_ports import EventsLike
from services.scoring.ports import LeadKey, RecordedChange, SubjectKey

if TYPE_CHECKING:
    from tests.support.scoring_store import Contents


class FactReads:
    _in: Contents

    async def homes_of(self, subjects: Iterable[SubjectKey]) -> dict[SubjectKey, LeadKey]:
        found = {key: self._home(key) for key in subjects}
        return {key: (key[0], lead_id) for key, lead_id in found.items() if lead_id}

    async def moved(self, homes: Mapping[SubjectKey, LeadKey]) -> bool:
        return any(self._in.subjects.get(key, lead[1]) != lead[1] for key, lead in homes.items())

    async def references_of(self, leads: Iterable[LeadKey], limit: int) -> dict[LeadKey, list[str]]:
        def names_first(subject: str) -> tuple[bool, str]:
            return subject.startswith("anonymous:"), subject

        return {key: sorted(self._references(key), key=names_first)[:limit] for key in leads}

    async def event_counts(self, leads: Iterable[LeadKey]) -> dict[LeadKey, int]:
        kept = self._in.snapshots
        return {key: kept[key][0].state.event_count for key in leads if key in kept}

    async def move(self, project_id: str, homes: Mapping[str, str]) -> None:
        for subject, lead_id in homes.items():
            assert (project_id, subject) in self._in.subjects
            self._in.subjects[(project_id, subject)] = lead_id

    async def note_moves(
        self, project_id: str, moves: Mapping[str, tuple[str, str]], moved_at: datetime
    ) -> None:
        for subject, leads in moves.items():
            assert (project_id, subject, moved_at) not in self._in.moves
            self._in.moves[(project_id, subject, moved_at)] = leads

    async def merged_references(self, key: LeadKey) -> list[str]:
        lost = [
            (moved_at, subject)
            for (project_id, subject, moved_at), (leaves, _) in self._in.moves.items()
            if (project_id, leaves) == key
        ]
        last = max((moved_at for moved_at, _ in lost), default=None)
        return sorted(
            subject
            for moved_at, subject in lost
            if moved_at == last and not self._given_back((key[0], subject), moved_at)
        )

    def _given_back(self, subject: SubjectKey, since: datetime) -> bool:
        """Whether a reference went back, after `since`, to a lead that it had left before then."""
        own = sorted(
            (moved_at, leaves, comes)
            for (*moved, moved_at), (leaves, comes) in self._in.moves.items()
            if tuple(moved) == subject
        )
        left_before = {leaves for at, leaves, _ in own if at < since}
        return any(at > since and comes in left_before for at, _, comes in own)

    async def lead_at(self, project_id: str, subject: str, known_at: datetime | None) -> str | None:
        key = (project_id, subject)
        if known_at is None:
            return self._home(key)
        if key in self._in.subjects and self._in.attached[key] <= known_at:
            return self._lead_at(key, known_at)
        own = subject.removeprefix(LEAD_PREFIX)
        made = [
            self._in.attached[one]
            for one in self._in.subjects
            if (one[0], self._first_lead(one)) == (project_id, own)
        ]
        named = subject == own_subject(own) and (project_id, own) in self._in.profiles
        return own if named and min(made) <= known_at else None

    async def subjects_of_events(self, project_id: str, event_ids: Sequence[str]) -> dict[str, str]:
        found = (self._in.ledger.get((project_id, one)) for one in event_ids)
        return {
            event.entry.event_id: event.subject
            for event, _ in filter(None, found)
            if not event.entry.is_fact
        }

    async def events_like(self, project_id: str, which: EventsLike, limit: int) -> dict[str, str]:
        found = {
            event.entry.event_id: event.subject
            for event, _ in self._in.ledger.values()
            if event.project_id == project_id
            and not event.entry.is_fact
            and (project_id, event.entry.event_id) not in self._in.retracted
            and (not which.types or event.entry.type in which.types)
            and which.source in ("", event.entry.source)
            and (which.start is None or event.entry.occurred_at >= which.start)
            and (which.end is None or event.entry.occurred_at < which.end)
            and which.lead_id in ("", self._in.subjects[(project_id, event.subject)])
        }
        return dict(list(found.items())[:limit])

    async def retracted(self, project_id: str, event_ids: Sequence[str]) -> set[str]:
        return {one for one in event_ids if (project_id, one) in self._in.retracted}

    async def note_retracted(self, project_id: str, event_ids: Sequence[str]) -> None:
        for one in event_ids:
            assert (project_id, one) not in self._in.retracted
            self._in.retracted[(project_id, one)] = True

    async def change_of(self, project_id: str, event_id: str) -> RecordedChange | None:
        for key, recorded in self._in.changes.items():
            entry = recorded.change.entry
            if key[0] == project_id and entry is not None and entry.event_id == event_id:
                return recorded
        return None

    def _references(self, key: LeadKey) -> list[str]:
        own = (one[1] for one, lead in self._in.subjects.items() if (one[0], lead) == key)
        return sorted(own)

    def _home(self, key: SubjectKey) -> str | None:
        """The lead that a subject belongs to now; a lead's id is its own where nothing says otherwise."""
        project_id, subject = key
        own = subject.removeprefix(LEAD_PREFIX)
        named = subject == own_subject(own) and (project_id, own) in self._in.profiles
        return self._in.subjects.get(key) or (own if named else None)

    def _first_lead(self, key: SubjectKey) -> str:
        """The lead that a subject belonged to first."""
        own = sorted(
            (moved_at, leaves)
            for (*subject, moved_at), (leaves, _) in self._in.moves.items()
            if tuple(subject) == key
        )
        return own[0][1] if own else self._in.subjects[key]

    def _lead_at(self, key: SubjectKey, known_at: datetime | None) -> str | None:
        """The lead that a subject belonged to at a record time."""
        later = sorted(
            (moved_at, leaves)
            for (*subject, moved_at), (leaves, _) in self._in.moves.items()
            if tuple(subject) == key and known_at is not None and moved_at > known_at
        )
        return later[0][1] if later else self._in.subjects.get(key)
