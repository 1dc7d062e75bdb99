"""What the clock sets off: pauses that became long enough, and times of day. One process at a time looks."""

import asyncio
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notify.automation_candidates import note_candidates
from services.notify.automation_ports import Candidate, Firing, Leads, Paused
from services.notify.automation_queue import find, note_firings
from services.notify.automation_rows import Definitions
from services.notify.domain.automations import (
    Automation,
    Daily,
    Inactive,
    moment_of_pause,
)
from services.notify.planning import AWAY
from services.notify.tables import automations
from services.shared import logs
from services.shared.clock import Clock
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.exclusive import LOCK_RETRY_S, exclusive

log = logs.get("automations")

LOCK = "notify_automation_clock"

LOOK_S = 5.0
"""Between two looks at the clock: how late a time of day is at most."""

PAUSES_S = 60.0
"""Between two looks for pauses of one automation: pauses are days."""

SETTLED = timedelta(minutes=1)
"""An event that happened just now may not be in scoring's books yet: pauses are looked for up to a minute ago."""

PAGE_LEADS = 500
"""Read from scoring at once, and noted in one transaction."""

RETRY_S = 1.0
"""Between two tries while the database or scoring is away."""


class AutomationClock:
    """Looks at the clock for automations. Run it in every process; one of them is at work, the others stand by."""

    def __init__(
        self, database: Database, definitions: Definitions, leads: Leads, clock: Clock
    ) -> None:
        self._database = database
        self._definitions = definitions
        self._leads = leads
        self._clock = clock

    async def run(self) -> None:
        """Wait to be the one that looks, then look again and again. Never returns."""
        while True:
            try:
                async with exclusive(self._database, LOCK, _stand_by):
                    while True:
                        await self.look()
                        await asyncio.sleep(LOOK_S)
            except AWAY as error:
                log.warning("the clock of automations waits", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def look(self) -> None:
        """Note what is due by now. Raises what AWAY says."""
        kept = automations.c
        which = sa.and_(kept.trigger_kind.in_((Inactive.kind, Daily.kind)), ~kept.disabled)
        async with self._database.begin() as connection:
            found = await find(connection, self._definitions, which)
            looked = sa.select(kept.automation_id, kept.looked_until).where(which)
            looked_until = {
                row.automation_id: row.looked_until for row in await connection.execute(looked)
            }
        for automation in found.values():
            try:
                await self._one(automation, looked_until.get(automation.automation_id))
            except DependencyUnavailable as error:
                # The others are not to wait for it.
                log.warning(
                    "the clock could not be held against an automation",
                    automation=automation.automation_id,
                    error=error.message,
                )

    async def _one(self, automation: Automation, looked_until: datetime | None) -> None:
        now = self._clock.now()
        trigger = automation.definition.trigger
        if isinstance(trigger, Daily):
            latest = trigger.latest(now)
            if latest >= (looked_until or automation.active_since) and latest != looked_until:
                await self._time_of_day(automation, trigger, latest)
        elif isinstance(trigger, Inactive):
            since, until = looked_until or automation.active_since, now - SETTLED
            if (until - since).total_seconds() >= (PAUSES_S if looked_until else 0):
                await self._pauses(automation, trigger, since, until)

    async def _time_of_day(self, automation: Automation, daily: Daily, latest: datetime) -> None:
        # Once a day whatever the frequency says: it comes once a day.
        firing = Firing(
            automation.automation_id,
            automation.project_id,
            "",
            latest.date().isoformat(),
            daily.kind,
            0,
            None,
            latest,
        )
        async with self._database.begin() as connection:
            if await self._stays(automation, connection):
                await note_firings(connection, [firing], self._clock.now())
                await _looked(connection, automation, latest)

    async def _pauses(
        self, automation: Automation, inactive: Inactive, since: datetime, until: datetime
    ) -> None:
        begun = (since - inactive.pause, until - inactive.pause)
        cursor = ""
        while True:
            paused, cursor = await self._leads.paused(
                automation.project_id, *begun, PAGE_LEADS, cursor
            )
            async with self._database.begin() as connection:
                if not await self._stays(automation, connection):
                    return
                if paused:
                    due = [_candidate(automation, inactive.pause, one) for one in paused]
                    await note_candidates(connection, due, self._clock.now())
                if not cursor:
                    # Only now: whoever is interrupted before begins anew, and notes the same again.
                    await _looked(connection, automation, until)
                    return

    async def _stays(self, automation: Automation, connection: AsyncConnection) -> bool:
        """Whether the automation is still what it was; it stays so until the transaction ends."""
        kept = automations.c
        revision = await connection.scalar(
            sa.select(kept.revision)
            .where(kept.automation_id == automation.automation_id)
            .with_for_update(key_share=True)
        )
        return revision == automation.revision


async def _looked(connection: AsyncConnection, automation: Automation, until: datetime) -> None:
    await connection.execute(
        sa.update(automations)
        .where(automations.c.automation_id == automation.automation_id)
        .values(looked_until=until)
    )


def _candidate(automation: Automation, pause: timedelta, paused: Paused) -> Candidate:
    return Candidate(
        automation.automation_id,
        paused.lead_id,
        moment_of_pause(paused.last_event_time),
        paused.version,
        None,
        paused.last_event_time + pause,
    )


async def _stand_by() -> bool:
    await asyncio.sleep(LOCK_RETRY_S)
    return True
