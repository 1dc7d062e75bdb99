"""What actions would send, without sending it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.notify import automation_telling
from services.notify.action_inside import InsideActions
from services.notify.automation_ports import Doing, EndpointLookup, NextOwner
from services.notify.domain.actions import (
    Action,
    AssignOwner,
    CreateTask,
    Occasion,
    Unrenderable,
    Webhook,
)
from services.notify.domain.trials import Preview
from services.shared.clock import Clock


class Previews:
    """Says what actions would send."""

    def __init__(
        self,
        doings: Mapping[str, Doing[Any]],
        inside: InsideActions,
        owners: NextOwner,
        endpoints: EndpointLookup,
        clock: Clock,
    ) -> None:
        self._doings = doings
        self._inside = inside
        self._owners = owners
        self._endpoints = endpoints
        self._clock = clock

    async def of(self, actions: Sequence[Action], occasion: Occasion) -> list[Preview]:
        """What each would send, after those before it. Raises DependencyUnavailable."""
        found = []
        for place, action in enumerate(actions):
            found.append(await self._one(action, place, occasion))
            if isinstance(action, AssignOwner) and found[-1].content["owner"]:
                lead = {**(occasion.lead or {}), "owner": found[-1].content["owner"]}
                occasion = replace(occasion, lead=lead)
        return found

    async def _one(self, action: Action, place: int, occasion: Occasion) -> Preview:
        try:
            return await self._content(action, place, occasion)
        except Unrenderable as error:
            return Preview(action.kind, {}, str(error))

    async def _content(self, action: Action, place: int, occasion: Occasion) -> Preview:
        if isinstance(action, Webhook):
            there = await self._endpoints.exists(occasion.project_id, action.endpoint_id)
            told = automation_telling.acting(occasion, place, self._clock.now())
            error = "" if there else "there is no such webhook endpoint any more"
            return Preview(action.kind, told.data, error)
        if isinstance(action, AssignOwner):
            owner = await self._owners.next_owner(action, place, occasion)
            return Preview(action.kind, {"owner": owner})
        if isinstance(action, CreateTask):
            return Preview(
                action.kind, await asyncio.to_thread(self._inside.task, action, occasion)
            )
        doing = self._doings[action.kind]
        return Preview(action.kind, await asyncio.to_thread(doing.preview, action, occasion))
