"""Scoring with facts over either store: events in, facts by hand, and what is asked of leads afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.scoring.domain.fold import fold, in_order
from services.scoring.domain.identity import lead_id_of
from services.scoring.domain.model import MILLI, RuleSet
from services.scoring.fact_handlers import FactHandlers
from services.scoring.facts import Adjustment, Said
from services.scoring.handlers import BatchReport, EventHandlers
from services.scoring.identity_handlers import IdentityHandlers
from services.scoring.identity_ports import Attached, IdentityConflict
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.ledger_handlers import VerifyHandlers
from services.scoring.ports import IncomingEvent, LeadView, RecordedChange
from services.scoring.score_handlers import ScoreHandlers
from services.shared.clock import Clock
from tests.support import scoring_cases as cases
from tests.support.clocks import START, SteppingClock
from tests.support.scoring_subjects import Subject, histories

SAID = Said("a scanner", "key_1")

ADA, VISITOR, CRM = "email:ada@example.com", "anonymous:v-1", "external:crm-9"
"""References of three leads."""

ADA_ID, VISITOR_ID, CRM_ID = map(lead_id_of, (ADA, VISITOR, CRM))


def identify(
    event_id: str, *references: str, minutes: float = 0, public: bool = False, **of: Any
) -> IncomingEvent:
    """An event that says that these references, the first one the event's own, are one lead's."""
    message = cases.accepted(event_id, "identify", minutes, references[0], **of)
    message.linked_subjects.extend(references[1:])
    message.public = public
    return cases.convert.incoming_event(message.SerializeToString())


class Facts:
    """One process's worth of handlers in a project."""

    def __init__(self, subject: Subject, project: str, clock: Clock | None = None) -> None:
        self.subject = subject
        self.project = project
        self.clock: Clock = clock or SteppingClock(START + timedelta(days=1))
        store = subject.store
        self.commits = 0
        self.events = EventHandlers(store, self.clock)
        self.facts = FactHandlers(store, self.clock, self._committed)
        self.scores = ScoreHandlers(store, self.clock)
        self.leads = LeadHandlers(store, self.clock)
        self.identities = IdentityHandlers(store)
        self.verification = VerifyHandlers(store)

    def _committed(self) -> None:
        self.commits += 1

    async def activate(self, rules: RuleSet = cases.RULES, number: int = 1) -> None:
        await self.events.record_activation(cases.activation(number, rules, self.project))
        while await self.events.rescore_next():
            pass

    async def send(self, *events: IncomingEvent) -> BatchReport:
        own = [replace(event, project_id=self.project) for event in events]
        return await self.events.apply_events(own)

    async def event(
        self, event_id: str, subject: str, event_type: str = "page_view", minutes: float = 0
    ) -> None:
        await self.send(cases.incoming(event_id, event_type, minutes, subject))

    async def merge(self, reference: str, merged: str) -> LeadView:
        return await self.facts.merge(self.project, reference, merged, SAID)

    async def unmerge(self, lead_id: str) -> tuple[LeadView, LeadView]:
        return await self.facts.unmerge(self.project, lead_id, SAID)

    async def retract(self, *which: Any, validate_only: bool = False) -> tuple[int, int, list[str]]:
        asked = list(which) if which and isinstance(which[0], str) else which[0]
        done = await self.facts.retract(self.project, asked, SAID, validate_only)
        return done.events, done.leads, list(done.unknown)

    async def adjust(
        self,
        reference: str,
        points: float,
        group: str = "",
        unique: str = "",
        at: datetime | None = None,
        reason: str = "",
    ) -> tuple[str, RecordedChange]:
        said = replace(SAID, reason=reason or SAID.reason)
        asked = Adjustment(round(points * MILLI), group, said, at, unique)
        return await self.facts.adjust(self.project, reference, asked)

    async def lead(self, reference: str) -> LeadView:
        return await self.leads.get_lead(self.project, reference)

    async def score(self, reference: str, known_at: datetime | None = None) -> tuple[str, float]:
        """The lead's id, and its score as of the end of time."""
        end = self.clock.now() + timedelta(days=1)
        found = await self.scores.score(self.project, reference, end, known_at)
        return found.lead_id, found.state.score / MILLI

    async def points(self, reference: str) -> float:
        return (await self.lead(reference)).snapshot.score / MILLI

    async def conflicts(self, reference: str = "") -> list[tuple[IdentityConflict, bool]]:
        return await self.identities.conflicts(self.project, reference, None, 100)

    async def attached(self, reference: str) -> list[Attached]:
        found = await self.identities.identities(self.project, reference)
        return list(found.references)

    async def changes(self, lead_id: str) -> list[RecordedChange]:
        async with self.subject.store.begin() as tx:
            return await tx.score_changes((self.project, lead_id), 0, 1_000)

    async def head(self) -> datetime:
        """The record time of the newest thing recorded."""
        async with self.subject.store.begin() as tx:
            head = await tx.head(self.project)
        assert head is not None
        return head.recorded_at

    async def assert_sound(self, *lead_ids: str) -> None:
        """Chain and snapshots are what the ledger gives; versions of these leads have no gap and are to be published in
        order; each lead is the fold of the entries under its references."""
        found = [one async for _, some in self.verification.verify(self.project) for one in some]
        assert found == []
        for lead_id in lead_ids:
            key = (self.project, lead_id)
            versions = [one.change.version for one in await self.changes(lead_id)]
            async with self.subject.store.begin() as tx:
                snapshot = (await tx.lock([key]))[key]
                rules = (await tx.rules_in_force([self.project]))[self.project].rule_set
                history = (await histories(tx, [key]))[key]
            assert versions == list(range(1, snapshot.version + 1))
            outbox = await self.subject.outbox(self.project, lead_id)
            assert [version for _, version, _ in outbox] == versions
            assert snapshot.state == fold(in_order(history, rules), rules)
