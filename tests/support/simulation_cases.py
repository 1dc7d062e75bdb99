"""Rule sets as callers send them and as they are activated, and histories with everything that matters to a simulation:
facts, late events, attributes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.json_format import ParseDict
from hypothesis import strategies as st

from scoreline.rules.v1 import rule_set_pb2
from services.scoring import convert
from services.scoring.domain.model import ADJUSTMENT, RETRACTION, Entry
from services.scoring.handlers import EventHandlers
from services.scoring.ports import IncomingEvent
from services.shared.times import to_timestamp
from tests.support.clocks import START

TYPES = ("view", "form", "spam", "identify")
SUBJECTS = ("lead:ada", "lead:bob", "email:cy@example.com", "anonymous:v-4")


def rule_set(**content: Any) -> rule_set_pb2.RuleSet:
    """A rule set from its JSON."""
    return ParseDict(content, rule_set_pb2.RuleSet())


STAGES = [{"name": "cold"}, {"name": "warm", "min_score": 10}, {"name": "hot", "min_score": 30}]

RULES = rule_set(
    version=1,
    rules=[
        {"rule_id": "view", "event_type": "view", "points": 5, "enabled": True},
        {"rule_id": "form", "event_type": "form", "points": 20, "enabled": True},
    ],
    stages=STAGES,
    next_actions=[{"when": "stage == 'hot'", "action": "call"}],
)
"""In force unless a test says otherwise."""

GENEROUS = rule_set(
    rules=[
        {"event_type": "View", "points": 15},
        {"event_type": "form", "points": 20, "when": "event.properties.n >= 2"},
    ],
    stages=[*STAGES[:2], {"name": "qualified", "min_score": 40}],
    next_actions=[{"when": "stage != 'cold'", "action": "write"}],
    velocity={"window": "86400s", "per_event": 1.5},
    risk={"medium_after": "86400s"},
)
"""As a person writes it: without ids, and nothing said of what is enabled."""


async def activate(
    events: EventHandlers,
    project_id: str,
    number: int,
    content: rule_set_pb2.RuleSet,
    now: datetime = START,
) -> None:
    """As the rules service activates a version: from when on it counts is up to its binding."""
    message = rule_set_pb2.Activation(
        project_id=project_id, number=number, version=number, activate_time=to_timestamp(now)
    )
    message.rule_set.CopyFrom(content)
    message.rule_set.version = number
    for rule in message.rule_set.rules:
        rule.enabled = rule.enabled or not rule.HasField("enabled")
        rule.event_type = rule.event_type.lower()
        rule.rule_id = rule.rule_id or rule.event_type
    current = content.binding in (
        rule_set_pb2.BINDING_UNSPECIFIED,
        rule_set_pb2.BINDING_CURRENT,
    )
    message.effective_time.CopyFrom(to_timestamp(now))
    if current:
        message.effective_time.Clear()
    await events.record_activation(convert.activation(message.SerializeToString()))


async def rescored(events: EventHandlers) -> None:
    """Every lead is scored under the rules in force."""
    while await events.rescore_next():
        pass


def happened(
    project_id: str,
    event_id: str,
    kind: str,
    after: timedelta = timedelta(),
    subject: str = "lead:ada",
    **properties: Any,
) -> IncomingEvent:
    """An event, or a fact, on its way into the ledger."""
    text = json.dumps(properties, separators=(",", ":"), sort_keys=True)
    entry = Entry(event_id, kind, START + after, properties, "web")
    digest = hashlib.sha256(f"{event_id}{kind}{after}{text}".encode()).digest()
    return IncomingEvent(project_id, subject, entry, text, digest, b"")


_durations = st.sampled_from(["21600s", "86400s", "129600s"])
_amounts = st.integers(-40, 40).map(lambda n: n + n % 7 / 1_000)

_decays = st.one_of(
    st.builds(
        lambda every, factor: {"idle_factor": {"every": every, "factor": factor}},
        _durations,
        st.sampled_from([0, 0.333333, 0.95]),
    ),
    st.builds(
        lambda every, points: {"idle_amount": {"every": every, "points": points}},
        _durations,
        st.sampled_from([0.001, 1, 2.5]),
    ),
    st.builds(
        lambda every: {"contribution": {"every": every, "percent": 33, "gone_after": "259200s"}},
        _durations,
    ),
    st.builds(lambda days: {"half_life": {"days": days}}, st.integers(1, 10)),
)

_limits = st.builds(
    lambda count, window, key: {
        "count": count,
        **({"window": window} if window else {}),
        **({"key": key} if key else {}),
    },
    st.integers(1, 3),
    st.none() | _durations,
    st.sampled_from(["", "event.properties.n"]),
)

_event_rules = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from([*TYPES, "*"]),
        "points": _amounts,
        "group": st.sampled_from(["", "intent", "fit"]),
        "when": st.sampled_from(["", "", "event.properties.n >= 2", "lead.title == 'cto'"]),
        "limits": st.lists(_limits, max_size=2),
    }
)
_standing_rules = st.fixed_dictionaries(
    {
        "event_type": st.just("*"),
        "points": _amounts,
        "group": st.sampled_from(["", "fit"]),
        "when": st.sampled_from(["lead.title == 'cto'", "has(lead.n) && lead.n > 1"]),
        "standing": st.just(True),
    }
)


@st.composite
def rule_sets(draw: st.DrawFn) -> rule_set_pb2.RuleSet:
    """Rule sets with something of everything."""
    rules = draw(st.lists(_event_rules | _event_rules | _standing_rules, min_size=1, max_size=5))
    for number, rule in enumerate(rules):
        rule["rule_id"] = f"r{number}"
    content: dict[str, Any] = {
        "rules": rules,
        "stages": draw(st.sampled_from([[], STAGES, [{"name": "only", "min_score": 5.5}]])),
        "groups": [
            {"name": "intent", **draw(st.sampled_from([{}, {"bounds": {"max_score": 30}}]))},
            {"name": "fit", "bounds": {"min_score": -10}},
        ],
        "next_actions": [
            {"when": "risk == 'high' || score > 20.0", "action": "call"},
            {"when": "trend == 'increasing' && velocity > 0.0", "action": "write"},
            {"when": "has(events.spam)", "action": "wait"},
        ],
        "late_events": draw(st.sampled_from([1, 1, 2, 3])),
        "binding": draw(st.sampled_from([0, 1, 2, 3])),
    }
    for place in (content, *content["groups"]):
        if draw(st.booleans()):
            place["decay"] = draw(_decays)
    if draw(st.booleans()):
        content["velocity"] = {"window": "86400s", "saturating": True}
    if draw(st.booleans()):
        content["risk"] = {"medium_after": "86400s", "high_event_types": ["spam"]}
    if draw(st.booleans()):
        content["bounds"] = {"min_score": -20, "max_score": 70}
    if draw(st.booleans()):
        content["grading"] = {
            "fit_group": "fit",
            "fit_grades": [{"name": "A", "min_score": 5}, {"name": "B"}],
            "engagement_group": "intent",
            "engagement_grades": [{"name": "1", "min_score": 10}, {"name": "2"}],
        }
    return rule_set(**content)


_moments = st.one_of(
    st.integers(0, 14 * 4).map(lambda quarter: timedelta(hours=6 * quarter)),
    st.integers(0, 14 * 24 * 3_600).map(lambda second: timedelta(seconds=second)),
)

moments = _moments

_properties = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 3), "title": st.sampled_from(["cto", "intern"])}
)


@st.composite
def histories(draw: st.DrawFn, project_id: str = "p1") -> list[IncomingEvent]:
    """Events and facts in the order in which they arrive, which is not that in which they happened."""
    found: list[IncomingEvent] = []
    for number in range(draw(st.integers(1, 12))):
        subject = draw(st.sampled_from(SUBJECTS))
        earlier = [e.entry.event_id for e in found if e.subject == subject and not e.entry.is_fact]
        kind = draw(st.sampled_from([*TYPES, *TYPES, ADJUSTMENT, RETRACTION]))
        after = draw(_moments)
        properties: dict[str, Any] = draw(_properties)
        if kind == ADJUSTMENT:
            points = draw(st.sampled_from([-12_500, 7_000]))
            properties = {"points": points, "group": "intent", "reason": "r", "actor": "a"}
        elif kind == RETRACTION:
            if not earlier:
                continue
            gone = [draw(st.sampled_from(earlier))]
            properties = {"event_ids": gone, "reason": "r", "actor": "a"}
        name = f"scoreline:{number}" if kind.startswith("$") else f"e{number}"
        found.append(happened(project_id, name, kind, after, subject, **properties))
    return found


def in_batches(history: Sequence[IncomingEvent], size: int) -> list[Sequence[IncomingEvent]]:
    """The history as it may be delivered."""
    return [history[start : start + size] for start in range(0, len(history), size)]
