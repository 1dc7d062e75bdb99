"""Hypothesis strategies for the whole scoring model: rule sets with everything the model has, and histories that make
it matter. Conditions are plain functions here; CEL has tests of its own. Facts, and rules that follow each other, are
in scoring_records.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from services.scoring.domain.activity import Risk, Velocity
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
    Binding,
    Bounds,
    Condition,
    Entry,
    Grade,
    Grading,
    Group,
    Key,
    LateEvents,
    Limit,
    NextAction,
    Rule,
    RuleSet,
    Situation,
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


def _free_mail(entry: Entry, attributes: Attributes) -> bool:
    return "@gmail" in str(attributes.get("email"))


def _intern(entry: Entry, attributes: Attributes) -> bool:
    return attributes.get("title") == "intern"


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

_limit = st.builds(
    Limit,
    count=st.integers(1, 3),
    window=st.none() | st.sampled_from([6 * HOUR, DAY, 5 * DAY]),
    key=_keys,
)

_limits = st.lists(_limit, max_size=3).map(tuple)

_ids = st.sampled_from(["a", "b", "c", "d", "e"])

_enabled = st.sampled_from([True, True, True, False])

_event_rules = st.builds(
    Rule,
    rule_id=_ids,
    event_type=st.sampled_from([*TYPES, "*"]),
    points=_milli,
    enabled=_enabled,
    group=st.sampled_from(GROUPS),
    when=_conditions,
    limits=_limits,
)

_standing_rules = st.builds(
    Rule,
    rule_id=_ids,
    event_type=st.just("*"),
    points=_milli,
    enabled=_enabled,
    group=st.sampled_from(GROUPS),
    when=st.sampled_from([_leader, _intern, _free_mail]),
    standing=st.just(True),
)

rules = st.lists(
    # As often as not a rule is about events.
    _event_rules | _event_rules | _standing_rules,
    unique_by=lambda rule: rule.rule_id,
    min_size=1,
    max_size=5,
).map(tuple)

_velocities = st.none() | st.builds(
    Velocity,
    window=st.sampled_from([HOUR, DAY, 3 * DAY]),
    per_event=st.sampled_from([None, 1, 1_500]),
    when=_conditions,
)

_waits = st.sampled_from([0, DAY, 3 * DAY])


@st.composite
def _risks(draw: st.DrawFn) -> Risk | None:
    if draw(st.booleans()):
        return None
    medium, more = draw(st.none() | _waits), draw(st.none() | _waits)
    return Risk(
        medium_after=medium,
        high_after=None if more is None else (medium or 0) + more,
        high_event_types=draw(st.sampled_from([frozenset(), frozenset({"spam", "form"})])),
        high_for=draw(st.sampled_from([None, DAY, 5 * DAY])),
    )


def _grades(names: str) -> st.SearchStrategy[tuple[Grade, ...]]:
    return st.lists(st.integers(-10_000, 30_000), unique=True, min_size=1, max_size=len(names)).map(
        lambda least: tuple(map(Grade, names, sorted(least, reverse=True)))
    )


_gradings = st.none() | st.builds(
    Grading,
    fit_group=st.sampled_from(["fit", "gone"]),
    fit_grades=_grades("ABC"),
    engagement_group=st.just("intent"),
    engagement_grades=_grades("123"),
)


def _is_hot(about: Situation) -> bool:
    return bool(about["stage"] == "hot" and about["score"] >= 30)


def _is_lively(about: Situation) -> bool:
    return bool(about["velocity"] > 2 and about["trend"] == "increasing")


def _is_leaving(about: Situation) -> bool:
    return bool(about["risk"] == "high" or about["events"].get("spam", 0) > 1)


def _is_good(about: Situation) -> bool:
    return bool(about["grade"].startswith("A") or about["lead"].get("title") == "cto")


_next_actions = st.lists(
    st.builds(
        NextAction,
        action=st.sampled_from(["call", "write", "wait"]),
        when=st.sampled_from([None, _is_hot, _is_lively, _is_leaving, _is_good]),
    ),
    max_size=4,
).map(tuple)

_stages = st.sampled_from(
    [(), (Stage("cold", 0), Stage("warm", 10_000), Stage("hot", 30_000)), (Stage("only", 5_500),)]
)

replaying = st.builds(
    RuleSet,
    version=st.just(1),
    rules=rules,
    stages=_stages,
    bounds=st.builds(
        Bounds,
        min_score=st.none() | st.integers(-20_000, 0),
        max_score=st.none() | st.integers(0, 70_000),
    ),
    groups=_groups,
    decay=decays,
    grading=_gradings,
    velocity=_velocities,
    risk=_risks(),
    next_actions=_next_actions,
    engagement_group=st.sampled_from(["", "intent"]),
)
"""Rule sets under which late events are replayed, so that the order of arrival changes nothing."""

rule_sets = st.builds(
    replace,
    replaying,
    # Most of what there is to get wrong is under REPLAY.
    late_events=st.sampled_from([LateEvents.REPLAY, *LateEvents]),
    binding=st.sampled_from(list(Binding)),
)


@st.composite
def edited(draw: st.DrawFn, rule_set: RuleSet) -> RuleSet:
    """The same rules with other points and limits, as versions follow each other."""
    return replace(
        rule_set,
        rules=tuple(
            one
            if one.standing
            else replace(one, points=draw(_milli | st.just(one.points)), limits=draw(_limits))
            for one in rule_set.rules
        ),
    )


_properties: st.SearchStrategy[Mapping[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(0, 3),
        "title": st.sampled_from(["cto", "intern"]),
        "email": st.sampled_from(["ada@navy.example", 7]),
        # Only the boolean makes an event count for nothing.
        "suspect": st.sampled_from([False, False, "true", 1, True]),
    },
)

_subjects = st.sampled_from(["", "lead:ada", "email:ada@gmail.com", "email:ada@navy.example"])

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
        subject=_subjects,
    ),
    unique_by=lambda one: one.event_id,
    min_size=1,
    max_size=9,
)
