"""Groups, limits, decay and the rest of a rule set in words, and limits and times as people write them: `3/7d`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import typer
from google.protobuf.duration_pb2 import Duration

from scoreline.cli.output import points
from scoreline.client.rule_requests import Effective
from scoreline.rules.v1.rule_set_pb2 import (
    Binding,
    Bounds,
    Decay,
    Grade,
    Group,
    LateEvents,
    Limit,
    NextAction,
    Risk,
    RuleSet,
    Velocity,
)

_UNITS_S: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LIMIT: Final = re.compile(r"(\d{1,9})(?:/(\d{1,9})([dhms]))?")


def limit(text: str) -> Limit:
    """A limit as people write it: `1` for once, `3/7d` for three times in 7 days; empty for none."""
    if not text:
        return Limit()
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write e.g. 1 (once) or 3/7d (at most 3 in 7 days; d, h, m or s)")
    count, length, unit = found.groups()
    if length is None:
        return Limit(count=int(count))
    return Limit(count=int(count), window=Duration(seconds=int(length) * _UNITS_S[unit]))


def limit_text(limit: Limit) -> str:
    """How often a rule counts, e.g. `3 in 7 d for each event.properties.form`."""
    parts = [f"{limit.count}"]
    if limit.HasField("window"):
        parts.append(f"in {length(limit.window)}")
    if limit.key:
        parts.append(f"for each {limit.key}")
    return " ".join(parts)


def limits_text(limits: Sequence[Limit]) -> str:
    """How often a rule counts: where every one of them lets it."""
    return ", ".join(limit_text(one) for one in limits)


def length(duration: Duration) -> str:
    """A duration in its largest whole unit, e.g. `7 d`."""
    if not duration.nanos and duration.seconds:
        for unit, seconds in _UNITS_S.items():
            if duration.seconds % seconds == 0:
                return f"{duration.seconds // seconds} {unit}"
    return f"{duration.ToTimedelta() / timedelta(seconds=1):g} s"


def bounds_text(bounds: Bounds) -> str:
    """Limits of a score; empty when there are none."""
    parts = []
    if bounds.HasField("min_score"):
        parts.append(f"at least {points(bounds.min_score)}")
    if bounds.HasField("max_score"):
        parts.append(f"at most {points(bounds.max_score)}")
    return ", ".join(parts)


def decay_text(decay: Decay) -> str:
    """How a score fades; empty when it does not."""
    kind = decay.WhichOneof("kind")
    if kind == "idle_factor":
        factor = decay.idle_factor
        return f"times {factor.factor:g} every {length(factor.every)} {_idle(factor.after_idle)}"
    if kind == "idle_amount":
        amount = decay.idle_amount
        return (
            f"{points(-amount.points)} every {length(amount.every)} {_idle(amount.after_idle)}, "
            f"not below {points(amount.floor)}"
        )
    if kind == "contribution":
        each = decay.contribution
        return (
            f"each contribution -{each.percent} % every {length(each.every)}, "
            f"gone after {length(each.gone_after)}"
        )
    if kind == "half_life":
        return f"halves every {decay.half_life.days} d"
    return ""


def group_text(group: Group) -> str:
    """A group on one line."""
    parts = [text for text in (bounds_text(group.bounds), decay_text(group.decay)) if text]
    return f"{group.name}: {'; '.join(parts) or 'no bounds, no decay'}"


def _idle(after: Duration) -> str:
    return f"after {length(after)} without events" if after.ToNanoseconds() else "without events"


def profile_lines(rule_set: RuleSet) -> Iterator[str]:
    """What a rule set says besides its rules, groups and stages, line by line; nothing for what it does not say."""
    if rule_set.HasField("grading"):
        grading = rule_set.grading
        yield f"grades of {grading.fit_group}: {_grades(grading.fit_grades)}"
        yield f"grades of {grading.engagement_group}: {_grades(grading.engagement_grades)}"
    if rule_set.engagement_group:
        yield f"engagement score: group {rule_set.engagement_group}"
    if rule_set.HasField("velocity"):
        yield f"velocity: {_velocity(rule_set.velocity)}"
    if rule_set.HasField("risk"):
        yield f"risk: {_risk(rule_set.risk)}"
    if rule_set.next_actions:
        yield "next action, the first that applies:"
        yield from (f"  {_next_action(one)}" for one in rule_set.next_actions)
    if rule_set.late_events:
        yield f"late events: {_LATE_EVENTS[rule_set.late_events]}"
    if rule_set.binding:
        yield f"rules of an event: {_BINDINGS[rule_set.binding]}"
    if rule_set.tests:
        yield f"golden tests: {len(rule_set.tests)}"


_LATE_EVENTS: Final = {
    LateEvents.LATE_EVENTS_REPLAY: "the history is replayed in time order",
    LateEvents.LATE_EVENTS_APPLY_ON_ARRIVAL: "count as they arrive",
    LateEvents.LATE_EVENTS_DISCARD_AND_AUDIT: "are kept and count for nothing",
}

_BINDINGS: Final = {
    Binding.BINDING_CURRENT: "those in force now",
    Binding.BINDING_AT_EVENT_TIME: "those in force when it happened",
    Binding.BINDING_AT_PROCESSING: "those in force when it was recorded",
}


def _grades(grades: Sequence[Grade]) -> str:
    *upper, last = grades
    texts = [f"{grade.name} from {points(grade.min_score)}" for grade in upper]
    return ", ".join([*texts, f"else {last.name}" if upper else f"always {last.name}"])


def _velocity(velocity: Velocity) -> str:
    of = f"n events in {length(velocity.window)}"
    text = (
        f"n x {velocity.per_event:g} for {of}"
        if velocity.HasField("per_event")
        else f"10 n / (n + 5) for {of}, rounded down"
    )
    return f"{text}, only if {velocity.when}" if velocity.when else text


def _risk(risk: Risk) -> str:
    parts = [
        f"{name} after {length(duration)} without events"
        for name, field in (("medium", "medium_after"), ("high", "high_after"))
        if risk.HasField(field)
        for duration in [getattr(risk, field)]
    ]
    if risk.high_event_types:
        how_long = f" for {length(risk.high_for)}" if risk.HasField("high_for") else ""
        parts.append(f"high after {', '.join(risk.high_event_types)}{how_long}")
    return "; ".join(parts) or "low"


def _next_action(action: NextAction) -> str:
    return f"{action.action} if {action.when}" if action.when else f"else {action.action}"


def effective(text: str) -> Effective:
    """From when on rules score, as people write it: `all`, `now` or a time."""
    if text in ("all", "now"):
        return "all" if text == "all" else "now"
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            "write all, now, or a time: 2026-03-01, 2026-03-01T09:30 or 2026-03-01T09:30:00Z",
            param_hint="--effective",
        ) from error
