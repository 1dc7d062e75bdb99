"""What automations act on, put together: the lead as scoring has it, its owner as this room has it, the change, the
digest."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify.automation_ports import Claimed, Leads, Owners
from services.notify.domain.actions import Occasion
from services.notify.domain.automations import Daily


class LeadGone(Exception):
    """The lead is not there any more, or it is another one now; or the automation is about leads now and was not, or
    the other way."""


class Occasions:
    """Puts occasions together."""

    def __init__(self, leads: Leads, owners: Owners) -> None:
        self._leads = leads
        self._owners = owners

    async def lead(
        self, project_id: str, lead_id: str, as_of: datetime | None = None
    ) -> dict[str, Any] | None:
        """A lead as Occasion.lead says; None when there is no such lead any more. Raises DependencyUnavailable."""
        found = await self._leads.facts(project_id, lead_id, as_of)
        if found is None:
            return None
        return found | {"owner": await self._owners.owner(project_id, lead_id)}

    async def last_event_time(self, project_id: str, lead_id: str) -> datetime | None:
        """When a lead's newest event happened. Raises DependencyUnavailable."""
        return await self._leads.last_event_time(project_id, lead_id)

    async def of(self, claimed: Claimed) -> Occasion:
        """What an execution is about. Raises LeadGone, DependencyUnavailable."""
        automation = claimed.automation
        lead = digest = None
        trigger = automation.definition.trigger
        if bool(claimed.lead_id) == isinstance(trigger, Daily):
            raise LeadGone
        if claimed.lead_id:
            lead = await self.lead(automation.project_id, claimed.lead_id)
            if lead is None:
                raise LeadGone
        elif isinstance(trigger, Daily):
            digest = await self._leads.digest(automation.project_id, trigger, claimed.trigger_time)
        return Occasion(
            automation.project_id,
            automation.automation_id,
            automation.definition.display_name,
            claimed.execution_id,
            claimed.trigger,
            claimed.bucket,
            claimed.trigger_time,
            lead,
            change_values(claimed.change),
            digest,
        )

    async def with_owner(self, occasion: Occasion) -> Occasion:
        """The same with the owner that the lead has now."""
        owner = await self._owners.owner(occasion.project_id, occasion.lead_id)
        return replace(occasion, lead={**(occasion.lead or {}), "owner": owner})


def change_values(encoded: bytes | None) -> dict[str, Any] | None:
    """A score change as JSON has it."""
    if encoded is None:
        return None
    found: dict[str, Any] = MessageToDict(
        ScoreChange.FromString(encoded),
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return found
