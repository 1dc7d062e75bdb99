"""Groups, limits and decay in words, and limits as people write them: `3/7d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import typer
from google.protobuf.duration_pb2 import Duration

from scoreline.cli.output import points
from scoreline.rules.v1.rule_set_pb2 import Bounds, Decay, Group, Limit

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
