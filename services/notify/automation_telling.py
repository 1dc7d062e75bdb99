"""What webhook endpoints are told of automations (`automation.executed`)."""

from datetime import datetime
from typing import Any

from services.notify.automation_ports import Claimed
from services.notify.domain.actions import Occasion
from services.notify.domain.automations import ExecutionState
from services.notify.domain.endpoints import AUTOMATION_EXECUTED, Told
from services.notify.domain.executing import States, state_of
from services.shared.times import to_timestamp


def executed(claimed: Claimed, states: States, now: datetime) -> Told:
    """That an execution came to its end."""
    automation = claimed.automation
    return Told(
        automation.project_id,
        AUTOMATION_EXECUTED,
        claimed.lead_id,
        # It may come to its end more than once: retried by hand.
        f"{claimed.execution_id}/{claimed.claim}",
        now,
        {
            "automation_id": automation.automation_id,
            "automation_name": automation.definition.display_name,
            "execution_id": claimed.execution_id,
            "lead_id": claimed.lead_id,
            "trigger": claimed.trigger,
            "bucket": claimed.bucket,
            "state": state_of(states).value,
            "actions": [
                {"kind": one.kind, "state": one.state.value, "error": one.error} for one in states
            ],
            "execute_time": _json_time(now),
        },
    )


def acting(occasion: Occasion, place: int, now: datetime) -> Told:
    """What an automation's own webhook action sends: that it acts, and on what."""
    about = {"lead": occasion.lead, "change": occasion.change, "digest": occasion.digest}
    data: dict[str, Any] = {
        "automation_id": occasion.automation_id,
        "automation_name": occasion.automation_name,
        "execution_id": occasion.execution_id,
        "lead_id": occasion.lead_id,
        "trigger": occasion.trigger,
        "bucket": occasion.bucket,
        "state": ExecutionState.PENDING.value,
        "execute_time": _json_time(now),
        **{name: value for name, value in about.items() if value is not None},
    }
    return Told(
        occasion.project_id,
        AUTOMATION_EXECUTED,
        occasion.lead_id,
        f"{occasion.execution_id}/action/{place}",
        now,
        data,
    )


def _json_time(instant: datetime) -> str:
    return to_timestamp(instant).ToJsonString()
