"""What set an automation off in the last days, read from scoring's history: the newest, as much as is looked at. What
the automation would have done about it is in `automation_trial.py`."""

from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notify import convert
from services.notify.automation_conditions import AutomationCondition, AutomationConditions
from services.notify.automation_ports import History
from services.notify.domain.automations import (
    Automation,
    Daily,
    Inactive,
    NextActionBecame,
    Trigger,
    moment_of_changes,
    moment_of_pause,
    moment_of_version,
)
from services.notify.domain.trials import Met
from services.shared.turns import Turns

CHANGES_MAX = 200_000
"""As the contract says, like the next two."""

MET_MAX = 30_000
"""Some 20 MB."""

FACTS_MAX = 1_000

SPAN = timedelta(hours=6)
"""History is read from its end in spans of so long: what is left out is the oldest. Within a span the oldest comes
first, so one that has more than a part of what may be looked at is left, and a shorter one is read."""

SPAN_MIN = timedelta(seconds=1)
"""A second with more is not looked at, nor is what was before."""

PARTS = 8
"""Of what may be looked at; a span has one at most."""

READ_AGAIN_MAX = 3
"""Times what may be looked at: how much is read, with what is read in spans that are left."""

PAGE_LEADS = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """What set it off, oldest first; since when all of it is there, and how many changes were looked at for it."""

    met: list[Met]
    since: datetime
    change_count: int = 0


@dataclass(slots=True)
class _Read:
    """A span: how many changes are in it, how many met the trigger, and the newest of these."""

    met: deque[Met]
    count: int = 0
    met_count: int = 0
    too_many_at: datetime | None = None
    """How far it was read, where there were too many."""


class Past:
    """Reads history."""

    def __init__(self, history: History, conditions: AutomationConditions) -> None:
        self._history = history
        self._conditions = conditions

    async def changes(self, automation: Automation, since: datetime, until: datetime) -> Found:
        """Changes that met the trigger. Raises DependencyUnavailable."""
        condition, needs_lead = self._condition(automation)
        met_max = FACTS_MAX if needs_lead else MET_MAX
        found: list[Met] = []
        count = met_count = read_count = 0
        span, turns = SPAN, Turns()
        while until > since and met_count < met_max and read_count < READ_AGAIN_MAX * CHANGES_MAX:
            begin = max(since, until - span)
            room = min(CHANGES_MAX - count, CHANGES_MAX // PARTS)
            read = _Read(deque(maxlen=met_max))
            await self._read(automation, condition, (begin, until), room, read, turns)
            read_count += read.count
            if read.too_many_at is not None:
                if until - begin <= SPAN_MIN or room < CHANGES_MAX // PARTS:
                    break
                span = max(SPAN_MIN, (read.too_many_at - begin) / 2)
                continue
            count += read.count
            met_count += read.met_count
            found = [*read.met, *found][-met_max:]
            until = begin
            if 2 * read.count < room:
                span = min(SPAN, span * 2)
        if met_count > len(found):
            until = found[0].time
        return Found(found, until, count)

    async def pauses(
        self, automation: Automation, inactive: Inactive, since: datetime, until: datetime
    ) -> Found:
        """Pauses of leads that have not ended yet and became long enough in that time. Raises DependencyUnavailable."""
        met_max = FACTS_MAX if automation.definition.condition else MET_MAX
        found: deque[Met] = deque(maxlen=met_max)
        count, cursor = 0, ""
        begun = (since - inactive.pause, until - inactive.pause)
        while True:
            paused, cursor = await self._history.paused(
                automation.project_id, *begun, PAGE_LEADS, cursor
            )
            count += len(paused)
            for one in paused:
                moment = moment_of_pause(one.last_event_time)
                long_enough = one.last_event_time + inactive.pause
                found.append(Met(one.lead_id, one.version, long_enough, moment))
            if not cursor:
                break
        return Found(list(found), found[0].time if count > len(found) else since)

    async def _read(
        self,
        automation: Automation,
        condition: AutomationCondition | None,
        span: tuple[datetime, datetime],
        room: int,
        read: _Read,
        turns: Turns,
    ) -> None:
        definition = automation.definition
        async with aclosing(self._history.changes(automation.project_id, *span)) as changes:
            async for encoded in changes:
                await turns.give()
                read.count += 1
                if read.count > room:
                    read.too_many_at = convert.change_place(encoded)[2]
                    return
                change = convert.to_change(encoded)
                if not definition.triggered(change):
                    continue
                if condition is None or condition.needs_lead or condition.holds(change):
                    read.met_count += 1
                    read.met.append(met_by(encoded, definition.trigger))

    def _condition(self, automation: Automation) -> tuple[AutomationCondition | None, bool]:
        """The condition, and whether what happened can't be judged without the lead."""
        definition = automation.definition
        needs_lead = isinstance(definition.trigger, NextActionBecame)
        if not definition.condition:
            return None, needs_lead
        condition = self._conditions.compile(definition.condition)
        return condition, needs_lead or condition.needs_lead


def times_of_day(daily: Daily, since: datetime, until: datetime) -> Found:
    """When that time of day came."""
    found = []
    time = daily.latest(until)
    while time > since:
        found.append(Met("", 0, time, time.date().isoformat()))
        time -= timedelta(days=1)
    return Found(found[::-1], since)


def met_by(encoded: bytes, trigger: Trigger) -> Met:
    """That a change met the trigger."""
    lead_id, version, change_time = convert.change_place(encoded)
    moment = moment_of_version(version)
    if isinstance(trigger, NextActionBecame):
        # As it acts: whatever was changed together made one next action.
        moment = moment_of_changes(change_time)
    return Met(lead_id, version, change_time, moment, encoded)
