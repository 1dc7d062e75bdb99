"""Hypothesis strategies for the whole scoring model: rule sets with groups, bounds, conditions, limits and every decay,
and histories that make them matter. Conditions are plain functions here; CEL has tests of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from services.scoring.domain.decay import (
    DAY,
    Decay,
    HalfLife,
    IdleAmount,
    IdleFactor,
    PerContribution,
)
from services.scoring.domain.model import (
    Attributes,
    Bounds,
    Condition,
    Entry,
    Group,
    Key,
    Limit,
    Rule,
    RuleSet,
    Stage,
)
from tests.support.clocks import START

HOUR = DAY // 24
GROUPS = ("", "intent", "fit")
TYPES = ("view", "form", "spam", "identify")


def _many(entry: Entry, attributes: Attributes) -> bool:
    return bool(entry.properties.get("n", 0) >= 2)


def _leader(entry: Entry, attributes: Attributes) -> bool:
    return attributes.get("title") == "cto"


def _form(entry: Entry, attributes: Attributes) -> str:
    return str(entry.properties.get("n"))


def _title(entry: Entry, attributes: Attributes) -> str:
    return str(attributes.get("title"))


_spans = st.sampled_from([0, 6 * HOUR, DAY, 3 * DAY])
_every = st.sampled_from([6 * HOUR, DAY, 36 * HOUR])
_milli = st.integers(-40, 40).map(lambda n: n * 1_000 + n % 7)
_conditions: st.SearchStrategy[Condition | None] = st.sampled_from([None, None, _many, _leader])
_keys: st.SearchStrategy[Key | None] = st.sampled_from([None, _form, _title])

stepped: st.SearchStrategy[Decay | None] = st.one_of(
    st.none(),
    st.builds(
        IdleFactor,
        after_idle=_spans,
        every=_every,
        factor=st.sampled_from([0, 333_333, 500_000, 950_000]),
    ),
    st.builds(
        IdleAmount,
        after_idle=_spans,
        every=_every,
        points=st.sampled_from([1, 500, 1_000, 2_500]),
        floor=st.sampled_from([-3_000, 0, 4_000]),
    ),
    st.builds(HalfLife, days=st.integers(1, 10)),
)

each: st.SearchStrategy[Decay] = st.builds(
    PerContribution,
    every=_every,
    percent=st.sampled_from([1, 25, 33, 60]),
    gone_after=st.sampled_from([2 * DAY, 3 * DAY + HOUR, 8 * DAY]),
)

decays = stepped | each

_groups = st.tuples(
    *(
        st.builds(
            Group,
            name=st.just(name),
            bounds=st.builds(
                Bounds,
                min_score=st.none() | st.integers(-30_000, 0),
                max_score=st.none() | st.integers(0, 60_000),
            ),
            decay=decays,
        )
        for name in GROUPS[1:]
    )
)

_limits = st.none() | st.builds(
    Limit,
    count=st.integers(1, 3),
    window=st.none() | st.sampled_from([6 * HOUR, DAY, 5 * DAY]),
    key=_keys,
)

_rules = st.lists(
    st.builds(
        Rule,
        rule_id=st.sampled_from(["a", "b", "c", "d", "e"]),
        event_type=st.sampled_from([*TYPES, "*"]),
        points=_milli,
        enabled=st.sampled_from([True, True, True, False]),
        group=st.sampled_from(GROUPS),
        when=_conditions,
        limit=_limits,
    ),
    unique_by=lambda rule: rule.rule_id,
    min_size=1,
    max_size=5,
)

_stages = st.sampled_from(
    [(), (Stage("cold", 0), Stage("warm", 10_000), Stage("hot", 30_000)), (Stage("only", 5_500),)]
)

rule_sets = st.builds(
    RuleSet,
    version=st.just(1),
    rules=_rules.map(tuple),
    stages=_stages,
    bounds=st.builds(
        Bounds,
        min_score=st.none() | st.integers(-20_000, 0),
        max_score=st.none() | st.integers(0, 70_000),
    ),
    groups=_groups,
    decay=decays,
)

_properties: st.SearchStrategy[Mapping[str, Any]] = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 3), "title": st.sampled_from(["cto", "intern"])}
)

moments = st.one_of(
    # On the hour, so that limits' windows and steps of decay are met exactly, and a little beside.
    st.integers(0, 14 * 4).map(lambda quarter: timedelta(hours=6 * quarter)),
    st.integers(0, 14 * 24 * 3_600).map(lambda second: timedelta(seconds=second)),
    st.integers(1, 14).map(lambda days: timedelta(days=days, microseconds=-123_456, hours=-12)),
)
"""After START, which is at noon and 123,456 microseconds."""

entries = st.lists(
    st.builds(
        Entry,
        event_id=st.text("abé😀", min_size=1, max_size=3),
        type=st.sampled_from(TYPES),
        occurred_at=moments.map(lambda after: START + after),
        properties=_properties,
    ),
    unique_by=lambda one: one.event_id,
    min_size=1,
    max_size=9,
)
