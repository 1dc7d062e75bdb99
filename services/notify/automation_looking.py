"""Looking at candidates: what may set an automation off is held against the lead as it is now."""

from datetime import datetime, timedelta

from services.notify import convert
from services.notify.automation_conditions import AutomationConditions
from services.notify.automation_occasions import Occasions
from services.notify.automation_ports import Candidate, Candidates, Firing
from services.notify.domain.automations import (
    Automation,
    Inactive,
    NextActionBecame,
    bucket,
    moment_of_pause,
)
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable

log = logs.get("automations")

AGAIN = timedelta(seconds=5)
"""When scoring could not be asked, or somebody else was faster."""

BEFORE = timedelta(microseconds=1)


class Looking:
    """Looks at candidates."""

    def __init__(
        self,
        candidates: Candidates,
        occasions: Occasions,
        conditions: AutomationConditions,
        clock: Clock,
    ) -> None:
        self._candidates = candidates
        self._occasions = occasions
        self._conditions = conditions
        self._clock = clock

    async def look(self, automation: Automation, candidate: Candidate) -> None:
        """Decide about one; where that can't be done now, later. Raises DependencyUnavailable when the database is
        away."""
        now = self._clock.now()
        try:
            decided = await self._decide(automation, candidate, now)
        except DependencyUnavailable as error:
            log.info("candidate waits", automation=automation.automation_id, error=error.message)
            decided = False
        if not decided:
            await self._candidates.put_off(candidate, now + AGAIN)

    async def _decide(self, automation: Automation, candidate: Candidate, now: datetime) -> bool:
        project_id, lead_id = automation.project_id, candidate.lead_id
        trigger = automation.definition.trigger
        lead = await self._occasions.lead(project_id, lead_id)
        if lead is None or not _is_its(automation, candidate):
            return await self._candidates.decide(candidate, None, now)
        next_actions = None
        met = True
        if isinstance(trigger, NextActionBecame):
            known = await self._candidates.next_action(automation.automation_id, lead_id)
            before = known
            if before is None:
                earlier = await self._occasions.lead(
                    project_id, lead_id, candidate.trigger_time - BEFORE
                )
                before = "" if earlier is None else str(earlier["next_action"])
            after = str(lead["next_action"])
            met = trigger.became(before, after)
            next_actions = (known, after)
        elif isinstance(trigger, Inactive):
            pause = await self._occasions.last_event_time(project_id, lead_id)
            # It may have done something meanwhile, or something else was the newest event after all.
            met = pause is not None and moment_of_pause(pause) == candidate.moment
        firing = None
        condition = automation.definition.condition
        if met and self._conditions.hold(condition, lead_id, candidate.change, lead):
            firing = Firing(
                automation.automation_id,
                project_id,
                lead_id,
                bucket(automation.definition.frequency, candidate.moment, candidate.trigger_time),
                trigger.kind,
                candidate.version,
                candidate.change,
                candidate.trigger_time,
            )
        return await self._candidates.decide(candidate, firing, now, next_actions)


def _is_its(automation: Automation, candidate: Candidate) -> bool:
    """Whether the candidate is one of the trigger that the automation has now: it may have had another."""
    if candidate.change is None:
        return isinstance(automation.definition.trigger, Inactive)
    return candidate.trigger_time >= automation.active_since and automation.definition.triggered(
        convert.to_change(candidate.change)
    )
