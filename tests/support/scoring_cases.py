"""Events, rules and histories for scoring's tests, and hypothesis strategies that make them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from scoreline.events.v1 import event_pb2
from services.scoring import convert
from services.scoring.domain.model import ANY_TYPE, MILLI, Bounds, Entry, Rule, RuleSet, Stage
from services.scoring.ports import Activation, IncomingEvent
from services.shared import structs
from services.shared.times import to_timestamp
from tests.support.clocks import START

TYPES = ("page_view", "signup", "refund", "purchase", "unheard_of")


def rule(event_type: str, points: float, enabled: bool = True, rule_id: str = "") -> Rule:
    return Rule(rule_id or f"r-{event_type}", event_type, round(points * MILLI), enabled)


STAGES = (Stage("cold", 0), Stage("warm", 30 * MILLI), Stage("hot", 60 * MILLI))

RULES = RuleSet(
    version=1,
    rules=(rule("page_view", 1), rule("signup", 20), rule("refund", -50), rule("purchase", 100)),
    stages=STAGES,
    bounds=Bounds(0, 1_000 * MILLI),
)


def entry(
    event_id: str,
    event_type: str = "page_view",
    minutes: float = 0,
    source: str = "",
    **properties: object,
) -> Entry:
    return Entry(event_id, event_type, START + timedelta(minutes=minutes), properties, source)


def accepted(
    event_id: str,
    event_type: str = "page_view",
    minutes: float = 0,
    subject: str = "lead:ada",
    project_id: str = "p1",
    source: str = "web",
    **properties: object,
) -> event_pb2.AcceptedEvent:
    """An event as ingest puts it into the stream."""
    at = START + timedelta(minutes=minutes)
    said = repr((event_type, at, subject, source, properties))
    message = event_pb2.AcceptedEvent(
        project_id=project_id,
        subject=subject,
        payload_hash=hashlib.sha256(said.encode()).digest(),
        accept_time=to_timestamp(START),
    )
    message.event.event_id = event_id
    message.event.type = event_type
    message.event.source = source
    message.event.occur_time.CopyFrom(to_timestamp(at))
    message.event.properties.CopyFrom(structs.from_dict(properties))
    return message


def incoming(event_id: str, *args: object, **kwargs: object) -> IncomingEvent:
    """`accepted`, read by scoring."""
    payload = accepted(event_id, *args, **kwargs).SerializeToString()  # type: ignore[arg-type]
    return convert.incoming_event(payload)


def activation(number: int, rule_set: RuleSet = RULES, project_id: str = "p1") -> Activation:
    at: datetime = START + timedelta(seconds=number)
    return Activation(project_id, number, at, "key_1", replace(rule_set, version=number))


def in_batches(items: Sequence[IncomingEvent], cuts: Sequence[int]) -> list[list[IncomingEvent]]:
    """The items cut at these places."""
    places = [0, *sorted(cut % (len(items) + 1) for cut in cuts), len(items)]
    batches = (list(items[start:end]) for start, end in itertools.pairwise(places))
    return [batch for batch in batches if batch]


points = st.integers(-200_000, 200_000)

rules = st.builds(
    Rule,
    rule_id=st.sampled_from(["a", "b", "c"]),
    event_type=st.sampled_from([*TYPES[:4], ANY_TYPE]),
    points=points,
    enabled=st.booleans(),
)

bounds = st.builds(
    Bounds,
    min_score=st.none() | st.integers(-300_000, 0),
    max_score=st.none() | st.integers(0, 300_000),
)

stages = st.lists(points, unique=True, max_size=4).map(
    lambda thresholds: tuple(
        Stage(f"s{number}", limit) for number, limit in enumerate(sorted(thresholds))
    )
)

rule_sets = st.builds(
    RuleSet,
    version=st.just(1),
    rules=st.lists(rules, max_size=6).map(tuple),
    stages=stages,
    bounds=bounds,
)

entries = st.lists(
    st.builds(
        entry,
        # Few instants and ids beyond ASCII: equal times are the rule, and the id decides.
        event_id=st.text("abé😀", min_size=1, max_size=3),
        event_type=st.sampled_from(TYPES),
        minutes=st.integers(0, 5),
    ),
    unique_by=lambda one: one.event_id,
    max_size=14,
)
