"""Automations in a database without a process of notify: planned, looked at, claimed and carried out by hand, on leads
that are made up."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from google.protobuf.json_format import ParseDict

from scoreline.notify.v1 import automation_pb2
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify import automation_reading
from services.notify.action_inside import InsideActions
from services.notify.automation_candidates import PostgresCandidates
from services.notify.automation_clock import AutomationClock
from services.notify.automation_conditions import AutomationConditions
from services.notify.automation_looking import Looking
from services.notify.automation_occasions import Occasions
from services.notify.automation_plan import AutomationPlan
from services.notify.automation_ports import Claimed, Paused
from services.notify.automation_previews import Previews
from services.notify.automation_queue import PostgresAutomationQueue
from services.notify.automation_rows import Definitions
from services.notify.automation_samples import LEAD
from services.notify.automation_store import PostgresAutomations
from services.notify.automation_trial import AutomationTrial
from services.notify.automation_worker import AutomationWorker
from services.notify.convert import to_change
from services.notify.domain.actions import Occasion, Outcome
from services.notify.domain.automations import Automation, Daily, Execution, Trigger
from services.notify.follow_up_store import PostgresFollowUps
from services.notify.ports import PublishedChange
from services.notify.store import PostgresEndpoints
from services.notify.tables import automation_executions
from services.notify.texts import Texts
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.sealing import Seal
from services.shared.times import to_timestamp
from tests.support.notify_rig import SECRET_KEY

LEASE = timedelta(seconds=60)
BEGIN = datetime(2026, 2, 1, 12, tzinfo=UTC)

TASK = {"create_task": {"title": "Call {{ lead.email }}", "assignee": "sam"}}
NOTE = {"publish": {"subject": "done"}}
"""In these rooms `publish` is carried out by Hands."""

_numbers = itertools.count(1)


class SetClock:
    """Says what it is told."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


class MadeUpLeads:
    """automation_ports.Leads, and History: whatever a test says."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.earlier: dict[str, dict[str, Any]] = {}
        self.earlier_by_time: Callable[[str, datetime], dict[str, Any]] | None = None
        """Instead of `earlier`, where it differs from time to time."""
        self.last_events: dict[str, datetime] = {}
        self.away = False
        self.history: list[ScoreChange] = []
        """In the order in which they were made."""
        self.looked_up = 0

    async def resolve(self, project_id: str, reference: str) -> str | None:
        lead_id = reference.removeprefix("external:")
        return lead_id if lead_id in self.known else None

    async def newest_change(self, project_id: str, lead_id: str) -> bytes | None:
        own = [change for change in self.history if change.lead_id == lead_id]
        return own[-1].SerializeToString() if own else None

    async def changes(
        self, project_id: str, since: datetime, until: datetime
    ) -> AsyncGenerator[bytes]:
        for change in self.history:
            if since <= change.change_time.ToDatetime(UTC) < until:
                yield change.SerializeToString()

    async def facts(
        self, project_id: str, lead_id: str, as_of: datetime | None = None
    ) -> dict[str, Any] | None:
        if self.away:
            raise DependencyUnavailable("scoring is away")
        self.looked_up += 1
        if as_of is None:
            found = self.known.get(lead_id)
        elif self.earlier_by_time is not None:
            found = self.earlier_by_time(lead_id, as_of)
        else:
            found = self.earlier.get(lead_id)
        known = {name: value for name, value in LEAD.items() if name != "owner"}
        return None if found is None else known | {"lead_id": lead_id} | found

    async def last_event_time(self, project_id: str, lead_id: str) -> datetime | None:
        return self.last_events.get(lead_id)

    async def paused(
        self, project_id: str, since: datetime, until: datetime, limit: int, cursor: str
    ) -> tuple[list[Paused], str]:
        if self.away:
            raise DependencyUnavailable("scoring is away")
        found = sorted(
            (last, lead_id) for lead_id, last in self.last_events.items() if since <= last < until
        )
        begin = int(cursor or 0)
        page = [Paused(lead_id, 1, last) for last, lead_id in found[begin : begin + limit]]
        more = begin + limit < len(found)
        return page, str(begin + limit) if more else ""

    async def digest(self, project_id: str, daily: Daily, until: datetime) -> dict[str, Any]:
        return {"up": [], "down": [], "until_time": until.isoformat()}


class Died(BaseException):
    """The process, in the middle of an action."""


class Hands:
    """Carries out `publish`, and remembers."""

    def __init__(self) -> None:
        self.done: list[Occasion] = []
        self.outcomes: list[Outcome] = []
        """What comes of the next attempts; whatever follows succeeds."""
        self.dies_at = 0
        """Before which of all attempts the process dies; 0: never."""
        self.defects = 0
        """How many of the next attempts raise what nobody expects."""

    def check(self, action: object) -> list[tuple[str, str]]:
        return []

    def preview(self, action: object, occasion: Occasion) -> dict[str, Any]:
        return {"subject": "done"}

    async def do(self, action: object, occasion: Occasion) -> Outcome:
        if len(self.done) + 1 == self.dies_at:
            self.dies_at = 0
            raise Died
        if self.defects:
            self.defects -= 1
            raise ValueError("whatever")
        self.done.append(occasion)
        return self.outcomes.pop(0) if self.outcomes else Outcome()


class AutomationRoom:
    """Automations of a project of its own."""

    def __init__(self, database: Database, schedule_s: tuple[float, ...] = (5.0, 60.0)) -> None:
        self.project_id = f"automations-{next(_numbers)}"
        self.database = database
        self.clock = SetClock()
        self.leads = MadeUpLeads()
        self.hands = Hands()
        definitions = Definitions(Seal(SECRET_KEY))
        conditions = AutomationConditions()
        self.owners = PostgresFollowUps(database)
        self.store = PostgresAutomations(database, definitions)
        self.queue = PostgresAutomationQueue(database, definitions, InsideActions(Texts()))
        occasions = Occasions(self.leads, self.owners)
        self.candidates = PostgresCandidates(database, definitions)
        self.looking = Looking(self.candidates, occasions, conditions, self.clock)
        self.worker = AutomationWorker(
            self.candidates,
            self.queue,
            self.looking,
            occasions,
            {"publish": self.hands},
            lambda: None,
            self.clock,
            schedule_s,
        )
        self.by_clock = AutomationClock(database, definitions, self.leads, self.clock)
        doings = {"publish": self.hands}
        self.trial = AutomationTrial(
            self.store,
            occasions,
            self.leads,
            conditions,
            Previews(
                doings,
                InsideActions(Texts()),
                self.owners,
                PostgresEndpoints(database, Seal(SECRET_KEY)),
                self.clock,
            ),
            self.clock,
        )
        self.automation_plan = AutomationPlan(definitions, conditions, self.clock, lambda: None)

    async def automation(self, trigger: dict[str, Any], *actions: Any, **fields: Any) -> Automation:
        written = {"display_name": "A", "trigger": trigger, "actions": list(actions) or [NOTE]}
        message = ParseDict(written | fields, automation_pb2.Automation())
        now = self.clock.now()
        made = Automation(
            f"aut_{next(_numbers)}",
            self.project_id,
            automation_reading.definition(message),
            1,
            now,
            now,
            now,
        )
        await self.store.add(made, 100)
        return made

    async def disable(self, automation: Automation, disabled: bool = True) -> None:
        await self.store.change(
            self.project_id,
            automation.automation_id,
            lambda before: replace(
                before,
                definition=replace(before.definition, disabled=disabled),
                revision=before.revision + 1,
            ),
        )

    async def retrigger(self, automation: Automation, trigger: Trigger) -> None:
        now = self.clock.now()
        await self.store.change(
            self.project_id,
            automation.automation_id,
            lambda before: replace(
                before,
                definition=replace(before.definition, trigger=trigger),
                revision=before.revision + 1,
                active_since=now,
            ),
        )

    async def count(self) -> int:
        """Of all executions there are."""
        async with self.database.begin() as connection:
            query = sa.select(sa.func.count()).select_from(automation_executions)
            return await connection.scalar(query) or 0

    def change(self, lead_id: str, version: int = 1, **fields: Any) -> ScoreChange:
        known = {"cause": "SCORE_CHANGE_CAUSE_EVENT", "score": 10.0, "delta": 10.0}
        now = to_timestamp(self.clock.now())
        return ScoreChange(
            lead_id=lead_id,
            version=version,
            **(known | {"change_time": now, "occur_time": now} | fields),
        )

    async def plan(self, *changes: ScoreChange) -> None:
        published = []
        for change in changes:
            self.leads.known.setdefault(change.lead_id, {})
            encoded = change.SerializeToString()
            published.append(PublishedChange(1, self.project_id, "s", to_change(encoded), encoded))
        async with self.database.begin() as connection:
            await self.automation_plan.plan(connection, published)

    async def look(self) -> int:
        """Look at the candidates that are due; how many."""
        found = await self.candidates.claim(100, LEASE, self.clock.now())
        for automation, candidate in found:
            await self.looking.look(automation, candidate)
        return len(found)

    async def claim(self, limit: int = 100, lease: timedelta = LEASE) -> list[Claimed]:
        return await self.queue.claim(limit, lease, self.clock.now())

    async def act(self) -> int:
        """Carry out what is due; how much."""
        claimed = await self.claim()
        for one in claimed:
            await self.worker.attempt(one)
        return len(claimed)

    async def executions(self, automation: Automation) -> list[Execution]:
        """In the order in which they were noted."""
        found = await self.store.executions(automation.automation_id, None, "", None, 1_000)
        return found[::-1]

    async def buckets(self, automation: Automation) -> list[tuple[str, str]]:
        return [(one.lead_id, one.bucket) for one in await self.executions(automation)]
