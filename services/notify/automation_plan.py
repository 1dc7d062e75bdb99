"""What score changes become for automations: executions, where the change says all that there is to know, and otherwise
candidates, which are held against the lead's facts afterwards (`automation_worker.py`). Written in the planner's
transaction (planning.py)."""

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.automation_candidates import note_candidates
from services.notify.automation_conditions import AutomationCondition, AutomationConditions
from services.notify.automation_ports import Candidate, Firing
from services.notify.automation_queue import find, note_firings
from services.notify.automation_rows import Definitions
from services.notify.domain.automations import (
    Automation,
    Daily,
    Inactive,
    NextActionBecame,
    bucket,
    moment_of_changes,
    moment_of_pause,
    moment_of_version,
)
from services.notify.ports import PublishedChange
from services.notify.tables import automations, lead_owners
from services.shared import logs
from services.shared.cel import InvalidExpression
from services.shared.clock import Clock
from services.shared.times import to_datetime
from services.shared.turns import Turns

log = logs.get("automations")

_ACTING = (~automations.c.disabled, automations.c.trigger_kind != Daily.kind)
"""Those that a change may set off."""


class AutomationPlan:
    """A planning.Plan. `nudge` is called when there is something to do."""

    def __init__(
        self,
        definitions: Definitions,
        conditions: AutomationConditions,
        clock: Clock,
        nudge: Callable[[], None],
    ) -> None:
        self._definitions = definitions
        self._conditions = conditions
        self._clock = clock
        self._nudge = nudge
        self._noted = False

    async def wanted(self, connection: AsyncConnection) -> bool:
        """Whether changes may set something off, or have owners handed on."""
        acting, owned = sa.exists().where(*_ACTING), sa.exists().where(lead_owners.c.lead_id != "")
        return bool(await connection.scalar(sa.select(sa.or_(acting, owned))))

    async def plan(self, connection: AsyncConnection, changes: Sequence[PublishedChange]) -> None:
        """Write what some changes set off."""
        self._noted = False
        if not changes:
            return
        await _hand_on_owners(connection, changes)
        acting = await self.acting(connection, {change.project_id for change in changes})
        firings, candidates = await self.set_off(changes, acting)
        self._noted = bool(firings or candidates)
        now = self._clock.now()
        if firings:
            await note_firings(connection, firings, now)
        if candidates:
            await note_candidates(connection, candidates, now)

    def planned(self) -> None:
        """There may be something to do."""
        if self._noted:
            self._nudge()

    async def set_off(
        self, changes: Sequence[PublishedChange], acting: Mapping[str, Sequence[Automation]]
    ) -> tuple[list[Firing], list[Candidate]]:
        """What changes set off of the automations of their projects. Others have turns meanwhile."""
        firings: list[Firing] = []
        candidates: list[Candidate] = []
        turns = Turns()
        for published in changes:
            own = acting.get(published.project_id)
            if not own:
                continue
            whole = ScoreChange.FromString(published.encoded)
            for automation in own:
                made = self._looked_at(automation, published, whole)
                if isinstance(made, Firing):
                    firings.append(made)
                elif made is not None:
                    candidates.append(made)
            await turns.give()
        return firings, candidates

    def _looked_at(
        self, automation: Automation, published: PublishedChange, whole: ScoreChange
    ) -> Firing | Candidate | None:
        change, definition = published.change, automation.definition
        trigger = definition.trigger
        change_time = to_datetime(whole.change_time)
        if change_time < automation.active_since:
            return None
        if isinstance(trigger, Inactive):
            occurred = to_datetime(whole.occur_time)
            if change.cause != "EVENT" or occurred > change_time - trigger.pause:
                return None
            # It came so late that the clock has looked past it: the lead may have paused for so long all the same.
            return Candidate(
                automation.automation_id,
                change.lead_id,
                moment_of_pause(occurred),
                change.version,
                None,
                change_time,
            )
        if not definition.triggered(change):
            return None
        moment = moment_of_version(change.version)
        needs_lead = isinstance(trigger, NextActionBecame)
        if needs_lead:
            moment = moment_of_changes(change_time)
        if definition.condition:
            condition = self._compiled(automation)
            if condition is None or not (condition.needs_lead or condition.holds(change)):
                return None
            needs_lead = needs_lead or condition.needs_lead
        if needs_lead:
            return Candidate(
                automation.automation_id,
                change.lead_id,
                moment,
                change.version,
                published.encoded,
                change_time,
            )
        return Firing(
            automation.automation_id,
            automation.project_id,
            change.lead_id,
            bucket(definition.frequency, moment, change_time),
            trigger.kind,
            change.version,
            published.encoded,
            change_time,
        )

    def _compiled(self, automation: Automation) -> AutomationCondition | None:
        try:
            return self._conditions.compile(automation.definition.condition)
        except InvalidExpression as error:
            # It compiled when it was set. Others must not wait for it; to act on leads that were not meant is worse.
            log.error(
                "condition does not compile any more",
                automation=automation.automation_id,
                exc_info=error,
            )
            return None

    async def acting(
        self, connection: AsyncConnection, project_ids: set[str]
    ) -> dict[str, list[Automation]]:
        """Automations that act, by project. They stay until the transaction ends."""
        kept = automations.c
        acting = await find(
            connection,
            self._definitions,
            kept.project_id.in_(project_ids),
            *_ACTING,
            stay=True,
        )
        found: dict[str, list[Automation]] = {}
        for automation in acting.values():
            found.setdefault(automation.project_id, []).append(automation)
        return found


async def _hand_on_owners(connection: AsyncConnection, changes: Sequence[PublishedChange]) -> None:
    """A lead that has no owner takes that of a lead that is merged into it."""
    for published in changes:
        change = published.change
        if not change.merged_into:
            continue
        kept = lead_owners.c
        merged = sa.select(
            kept.project_id,
            sa.literal(change.merged_into),
            kept.owner,
            kept.assigned_at,
            kept.automation_id,
        ).where(kept.project_id == published.project_id, kept.lead_id == change.lead_id)
        names = ["project_id", "lead_id", "owner", "assigned_at", "automation_id"]
        await connection.execute(
            insert(lead_owners).from_select(names, merged).on_conflict_do_nothing()
        )
