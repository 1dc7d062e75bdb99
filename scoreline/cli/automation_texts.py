"""Automations in words: what sets one off, how often it acts, what it does and what became of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.text import Text

from scoreline.cli.output import plain, points, when
from scoreline.notify.v1.automation_pb2 import (
    ActionOutcome,
    Automation,
    AutomationAction,
    AutomationExecution,
    AutomationFrequency,
    AutomationTrigger,
)
from scoreline.scoring.v1.intelligence_pb2 import RiskLevel

_FREQUENCIES: Final = {
    AutomationFrequency.AUTOMATION_FREQUENCY_UNSPECIFIED: "once a day",
    AutomationFrequency.AUTOMATION_FREQUENCY_DAILY: "once a day",
    AutomationFrequency.AUTOMATION_FREQUENCY_EVERY_TIME: "every time",
    AutomationFrequency.AUTOMATION_FREQUENCY_ONCE: "once and never again",
}
_MARKS: Final = {
    ActionOutcome.STATE_PENDING: ("…", "yellow"),
    ActionOutcome.STATE_SUCCEEDED: ("✓", "green"),
    ActionOutcome.STATE_FAILED: ("✗", "red"),
}
_STATE_STYLES: Final = {"pending": "yellow", "succeeded": "green", "failed": "red"}


def trigger_text(trigger: AutomationTrigger) -> str:
    """What sets it off, e.g. `enters hot or qualified`."""
    kind = trigger.WhichOneof("kind")
    if kind is None:
        return ""
    inner: Any = getattr(trigger, kind)
    if kind == "stage_entered":
        return f"enters {_either(inner.stages, 'another stage')}"
    if kind == "stage_left":
        return f"leaves {_either(inner.stages, 'its stage')}"
    if kind == "score_crossed":
        way = "falls below" if inner.downwards else "comes to"
        return f"score {way} {points(inner.threshold)}"
    if kind == "velocity_reached":
        return f"velocity comes to {inner.velocity:g}"
    if kind == "risk_reached":
        return f"risk comes to {risk_name(inner.risk)}"
    if kind == "next_action_became":
        return f"next action becomes {_either(inner.next_actions, 'another')}"
    if kind == "inactive":
        return f"nothing for {inner.days} d"
    if kind == "daily":
        return f"daily at {inner.time_of_day} UTC"
    return "any change"


def risk_name(risk: RiskLevel) -> str:
    """A level without what all of them begin with."""
    return RiskLevel.Name(risk).removeprefix("RISK_LEVEL_").lower()


def frequency_text(automation: Automation) -> str:
    """How often it may act on one lead."""
    return _FREQUENCIES[automation.frequency]


def kinds(automation: Automation) -> str:
    """What it does, in one word each."""
    return ", ".join(one.WhichOneof("kind") or "?" for one in automation.actions)


def action_text(action: AutomationAction) -> str:
    """What is done, and to whom or where; no secret."""
    kind = action.WhichOneof("kind")
    if kind is None:
        return "?"
    inner: Any = getattr(action, kind)
    about: dict[str, Callable[[], str]] = {
        "webhook": lambda: inner.endpoint_id,
        "email": lambda: f"{', '.join(inner.to)}: {inner.subject}",
        "slack": lambda: inner.text,
        "hubspot": lambda: ", ".join(sorted(inner.properties)),
        "salesforce": lambda: (
            f"{inner.object_type or 'Lead'} at {inner.instance_url}: {', '.join(sorted(inner.fields))}"
        ),
        "publish": lambda: inner.subject,
        "assign_owner": lambda: _owners(inner),
        "create_task": lambda: inner.title,
    }
    return f"{kind}  {about[kind]()}".rstrip()


def execution_state(execution: AutomationExecution) -> Text:
    """What became of it, and when it goes on."""
    name = AutomationExecution.State.Name(execution.state).removeprefix("STATE_").lower()
    text = Text(name, _STATE_STYLES.get(name, ""))
    if execution.HasField("next_attempt_time"):
        text.append(f", again {when(execution.next_attempt_time)}")
    return text


def outcomes(actions: Sequence[ActionOutcome]) -> Text:
    """What became of each action, a line each."""
    lines = []
    for one in actions:
        mark, style = _MARKS.get(one.state, ("?", ""))
        said = one.error or one.detail
        line = Text.assemble((mark, style), " ", plain(one.kind))
        lines.append(line.append_text(plain(f": {said}")) if said else line)
    return Text("\n").join(lines)


def _either(names: Sequence[str], otherwise: str) -> str:
    return " or ".join(names) or otherwise


def _owners(action: Any) -> str:
    names = [*action.owners, *(name for one in action.territories for name in one.owners)]
    shown = ", ".join(dict.fromkeys(names))
    return f"{shown} by {action.territory_attribute}" if action.territory_attribute else shown
