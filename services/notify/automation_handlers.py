"""What administrators do with automations and their executions. Trying them is in automation_trial.py."""

import asyncio
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.notify.automation_conditions import AutomationConditions
from services.notify.automation_ports import (
    AutomationPosition,
    AutomationStore,
    Doing,
    EndpointLookup,
)
from services.notify.domain.actions import Action, CreateTask, Webhook
from services.notify.domain.automations import (
    Automation,
    Definition,
    Execution,
    ExecutionState,
)
from services.notify.texts import Texts
from services.shared.cel import InvalidExpression
from services.shared.clock import Clock
from services.shared.errors import ResourceNotFound, Violations

AUTOMATIONS_MAX = 100
"""Of a project."""

AUTOMATION_ID_PREFIX = "aut_"
AUTOMATION_ID_CHARS = 24

_ALPHABET = string.ascii_letters + string.digits


class Checks:
    """Refuses definitions that could not be carried out."""

    def __init__(
        self,
        conditions: AutomationConditions,
        texts: Texts,
        doings: Mapping[str, Doing[Any]],
        endpoints: EndpointLookup,
    ) -> None:
        self._conditions = conditions
        self._texts = texts
        self._doings = doings
        self._endpoints = endpoints

    async def check(self, project_id: str, definition: Definition) -> None:
        """Raises InvalidFields with every field at fault, or what an action needs of the operator."""
        wrong = Violations()
        if definition.condition:
            try:
                self._conditions.compile(definition.condition)
            except InvalidExpression as error:
                wrong.add("automation.condition", str(error))
        for index, action in enumerate(definition.actions):
            path = f"automation.actions[{index}]"
            for field, problem in await self._problems(project_id, action):
                wrong.add(f"{path}.{field}", problem)
        wrong.raise_if_any()

    async def _problems(self, project_id: str, action: Action) -> list[tuple[str, str]]:
        if isinstance(action, Webhook):
            if await self._endpoints.exists(project_id, action.endpoint_id):
                return []
            return [("webhook.endpoint_id", "there is no such webhook endpoint")]
        if isinstance(action, CreateTask):
            texts = {"title": action.title, "note": action.note, "assignee": action.assignee}
            problems = await asyncio.to_thread(
                lambda: {name: self._texts.problem(source) for name, source in texts.items()}
            )
            return [(f"create_task.{name}", found) for name, found in problems.items() if found]
        doing = self._doings.get(action.kind)
        # Texts and expressions are tried, which takes the processor's time.
        return [] if doing is None else await asyncio.to_thread(doing.check, action)


class AutomationHandlers:
    """Makes, changes and shows automations."""

    def __init__(
        self,
        automations: AutomationStore,
        checks: Checks,
        nudge: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._automations = automations
        self._checks = checks
        self._nudge = nudge
        self._clock = clock

    async def create(self, project_id: str, definition: Definition) -> Automation:
        """Make one. Raises InvalidFields, TooManyAutomations, and what an action needs of the operator."""
        await self._checks.check(project_id, definition)
        now = self._clock.now()
        drawn = "".join(secrets.choice(_ALPHABET) for _ in range(AUTOMATION_ID_CHARS))
        automation = Automation(
            AUTOMATION_ID_PREFIX + drawn, project_id, definition, 1, now, now, now
        )
        await self._automations.add(automation, AUTOMATIONS_MAX)
        return automation

    async def unmade(self, project_id: str, definition: Definition) -> Automation:
        """One that is not kept, to be tried. Raises as `create` does."""
        await self._checks.check(project_id, definition)
        now = self._clock.now()
        return Automation("", project_id, definition, 0, now, now, now)

    async def get(self, project_id: str, automation_id: str) -> Automation:
        """One. Raises ResourceNotFound."""
        return _there(await self._automations.get(project_id, automation_id), automation_id)

    async def newest(
        self, project_id: str, after: AutomationPosition | None, limit: int
    ) -> list[Automation]:
        """Automations, newest first."""
        return await self._automations.newest(project_id, after, limit)

    async def update(
        self, project_id: str, automation_id: str, change: Callable[[Automation], Definition]
    ) -> Automation:
        """Change one. Raises ResourceNotFound, EtagMismatch, InvalidFields."""
        # Checked outside of the transaction: it asks more than this one's row. Whoever is faster with another change
        # meanwhile has his own checked as well, and what is written is made of what is there then.
        found = await self.get(project_id, automation_id)
        before, after = found.definition, change(found)
        if (after.condition, after.actions) != (before.condition, before.actions):
            # What stays as it is may have come to be wrong by itself: it can be disabled all the same.
            await self._checks.check(project_id, after)
        now = self._clock.now()

        def changed(automation: Automation) -> Automation:
            after = change(automation)
            return replace(
                automation,
                definition=after,
                revision=automation.revision + 1,
                update_time=now,
                active_since=_active_since(automation, after, now),
            )

        automation = _there(
            await self._automations.change(project_id, automation_id, changed), automation_id
        )
        self._nudge()
        return automation

    async def delete(self, project_id: str, automation_id: str) -> None:
        """Remove one. Raises ResourceNotFound."""
        if not await self._automations.remove(project_id, automation_id):
            raise ResourceNotFound("automation", automation_id)

    async def executions(
        self,
        project_id: str,
        automation_id: str,
        state: ExecutionState | None,
        lead_id: str,
        before: int | None,
        limit: int,
    ) -> list[Execution]:
        """Executions, newest first. Raises ResourceNotFound."""
        await self.get(project_id, automation_id)
        return await self._automations.executions(automation_id, state, lead_id, before, limit)

    async def retry(self, project_id: str, automation_id: str, execution_id: str) -> Execution:
        """Have one that failed tried again. Raises ResourceNotFound, ExecutionNotFailed."""
        await self.get(project_id, automation_id)
        found = await self._automations.retry(automation_id, execution_id, self._clock.now())
        if found is None:
            raise ResourceNotFound("automation_execution", execution_id)
        self._nudge()
        return found


def _active_since(before: Automation, after: Definition, now: datetime) -> datetime:
    """What happened while it was disabled, or before it was told what to look for, sets nothing off."""
    enabled = before.definition.disabled and not after.disabled
    other = before.definition.trigger != after.trigger
    return now if enabled or other else before.active_since


def _there(found: Automation | None, automation_id: str) -> Automation:
    if found is None:
        raise ResourceNotFound("automation", automation_id)
    return found
