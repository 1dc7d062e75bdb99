"""Trying an automation: what it would do for a lead as it is now, or would have done in the last days. Does nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.notify import convert
from services.notify.automation_conditions import AutomationConditions
from services.notify.automation_occasions import Occasions, change_values
from services.notify.automation_past import Found, Past, met_by, times_of_day
from services.notify.automation_ports import AutomationStore, History
from services.notify.automation_previews import Previews
from services.notify.domain.actions import Occasion
from services.notify.domain.automations import (
    Automation,
    Daily,
    Inactive,
    NextActionBecame,
    bucket,
    execution_id,
    moment_of_pause,
    moment_of_version,
)
from services.notify.domain.trials import DaysTrial, LeadTrial, Met, Preview, Tried
from services.shared.clock import Clock
from services.shared.errors import ResourceNotFound
from services.shared.turns import Turns

SHOWN_MAX = 100

LOOKS_AT_ONCE = 16
"""Leads looked up side by side: hides the round trip without crowding scoring."""

TRIALS_AT_ONCE = 2
"""Of the process; others wait their turn. Each may hold as many changes as are looked at."""

BEFORE = timedelta(microseconds=1)
AFTER = timedelta(seconds=1)
"""Changes of a lead within so long count as one where next actions are compared."""

EXECUTIONS_LOOKED_AT = 200
"""Newest executions of a lead, to tell whether the automation has acted on it already."""


class AutomationTrial:
    """Tries automations."""

    def __init__(
        self,
        automations: AutomationStore,
        occasions: Occasions,
        history: History,
        conditions: AutomationConditions,
        previews: Previews,
        clock: Clock,
    ) -> None:
        self._automations = automations
        self._occasions = occasions
        self._history = history
        self._past = Past(history, conditions)
        self._conditions = conditions
        self._previews = previews
        self._clock = clock
        self._turns = asyncio.Semaphore(TRIALS_AT_ONCE)

    async def on_lead(self, automation: Automation, reference: str) -> LeadTrial:
        """For one lead. Raises ResourceNotFound, DependencyUnavailable."""
        async with self._turns:
            return await self._on_lead(automation, reference)

    async def _on_lead(self, automation: Automation, reference: str) -> LeadTrial:
        project_id, definition = automation.project_id, automation.definition
        lead_id = await self._history.resolve(project_id, reference)
        lead = None if lead_id is None else await self._occasions.lead(project_id, lead_id)
        if lead_id is None or lead is None:
            raise ResourceNotFound("lead", reference)
        if isinstance(definition.trigger, Daily):
            return LeadTrial("it is set off by the time of day, and about no lead", None, [])
        encoded = await self._history.newest_change(project_id, lead_id)
        met, reason = await self._met(automation, lead_id, encoded)
        if not reason and not self._holds(automation, met, lead):
            reason = "the condition does not hold"
        name = bucket(definition.frequency, met.moment, met.time)
        if not reason and await self._has_acted(automation, lead_id, name):
            reason = f"it has acted on the lead in this bucket: {name}"
        if not reason and definition.disabled:
            reason = "it is disabled"
        occasion = _occasion(automation, met, name, lead)
        previews = await self._previews.of(definition.actions, occasion)
        return LeadTrial(reason, None if reason else Tried(met, name), previews)

    async def on_days(self, automation: Automation, days: int) -> DaysTrial:
        """For what happened in the last days. Raises DependencyUnavailable."""
        async with self._turns:
            now = self._clock.now()
            since = now - timedelta(days=days)
            trigger = automation.definition.trigger
            if isinstance(trigger, Daily):
                found = times_of_day(trigger, since, now)
            elif isinstance(trigger, Inactive):
                found = await self._past.pauses(automation, trigger, since, now)
            else:
                found = await self._past.changes(automation, since, now)
            held = await self._held(automation, found.met)
            return await self._would_have(automation, found, held)

    async def _would_have(
        self, automation: Automation, found: Found, held: Sequence[Met]
    ) -> DaysTrial:
        trigger, turns = automation.definition.trigger, Turns()
        tried: dict[tuple[str, str], Tried] = {}
        for met in held:
            await turns.give()
            name = (
                met.moment
                if isinstance(trigger, Daily)
                else bucket(automation.definition.frequency, met.moment, met.time)
            )
            tried.setdefault((met.lead_id, name), Tried(met, name))
        newest = sorted(tried.values(), key=lambda one: one.met.time, reverse=True)
        return DaysTrial(
            newest[:SHOWN_MAX],
            len(newest),
            len({one.met.lead_id for one in newest if one.met.lead_id}),
            found.change_count,
            found.since,
            await self._previewed(automation, newest[0]) if newest else [],
        )

    async def _met(
        self, automation: Automation, lead_id: str, encoded: bytes | None
    ) -> tuple[Met, str]:
        """What the newest change of a lead is to the trigger, and why it is not met; empty where it is."""
        trigger = automation.definition.trigger
        now = self._clock.now()
        if isinstance(trigger, Inactive):
            last = await self._occasions.last_event_time(automation.project_id, lead_id)
            if last is None:
                return Met(lead_id, 0, now, moment_of_pause(now)), "the lead has no events"
            paused = Met(lead_id, 0, last + trigger.pause, moment_of_pause(last))
            return paused, "" if paused.time <= now else "the trigger is not met"
        if encoded is None:
            return Met(lead_id, 0, now, moment_of_version(0)), "the lead's score never changed"
        met = met_by(encoded, trigger)
        if not automation.definition.triggered(convert.to_change(encoded)):
            return met, "the trigger is not met"
        if isinstance(trigger, NextActionBecame) and not await self._became(
            automation, trigger, met
        ):
            return met, "the trigger is not met"
        return met, ""

    async def _held(self, automation: Automation, found: Sequence[Met]) -> list[Met]:
        """Those for which condition and next action hold, as of then."""
        definition = automation.definition
        trigger = definition.trigger
        condition = self._conditions.compile(definition.condition) if definition.condition else None
        if not isinstance(trigger, NextActionBecame) and (
            condition is None or (not condition.needs_lead and not isinstance(trigger, Inactive))
        ):
            return list(found)
        looks = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def holds(met: Met) -> bool:
            async with looks:
                if isinstance(trigger, NextActionBecame) and not await self._became(
                    automation, trigger, met
                ):
                    return False
                if condition is None:
                    return True
                lead = await self._occasions.lead(
                    automation.project_id, met.lead_id, met.time + AFTER
                )
                return lead is not None and self._holds(automation, met, lead)

        answers = await asyncio.gather(*map(holds, found))
        return [met for met, held in zip(found, answers, strict=True) if held]

    async def _became(self, automation: Automation, trigger: NextActionBecame, met: Met) -> bool:
        project_id = automation.project_id
        before = await self._occasions.lead(project_id, met.lead_id, met.time - BEFORE)
        after = await self._occasions.lead(
            project_id, met.lead_id, min(met.time + AFTER, self._clock.now())
        )
        if after is None:
            return False
        return trigger.became(
            "" if before is None else str(before["next_action"]), str(after["next_action"])
        )

    def _holds(self, automation: Automation, met: Met, lead: Mapping[str, Any]) -> bool:
        condition = automation.definition.condition
        return self._conditions.hold(condition, met.lead_id, met.change, lead)

    async def _has_acted(self, automation: Automation, lead_id: str, name: str) -> bool:
        done = await self._automations.executions(
            automation.automation_id, None, lead_id, None, EXECUTIONS_LOOKED_AT
        )
        return any(one.bucket == name for one in done)

    async def _previewed(self, automation: Automation, newest: Tried) -> Sequence[Preview]:
        met, trigger = newest.met, automation.definition.trigger
        lead = digest = None
        if met.lead_id:
            lead = await self._occasions.lead(automation.project_id, met.lead_id)
            if lead is None:
                return []
        elif isinstance(trigger, Daily):
            digest = await self._history.digest(automation.project_id, trigger, met.time)
        occasion = _occasion(automation, met, newest.bucket, lead, digest)
        return await self._previews.of(automation.definition.actions, occasion)


def _occasion(
    automation: Automation,
    met: Met,
    name: str,
    lead: Mapping[str, Any] | None,
    digest: Mapping[str, Any] | None = None,
) -> Occasion:
    return Occasion(
        automation.project_id,
        automation.automation_id,
        automation.definition.display_name,
        execution_id(automation.automation_id, met.lead_id, name),
        automation.definition.trigger.kind,
        name,
        met.time,
        lead,
        change_values(met.change),
        digest,
    )
