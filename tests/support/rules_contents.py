"""Hypothesis strategies for rule sets that pass every check, with everything in them that there may be."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from services.rules.domain.checks import DAY_US, HOUR_US, LONGEST_US, SECOND_US
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    ANY_EVENT_TYPE,
    Binding,
    Bounds,
    Content,
    Decay,
    Grade,
    Grading,
    Group,
    HalfLife,
    IdleAmount,
    IdleFactor,
    LateEvents,
    Limit,
    NextAction,
    PerContribution,
    Risk,
    Rule,
    Stage,
    Velocity,
)
from services.shared import structs

CONDITIONS = (
    "",
    "event.properties.size > 3",
    "event.properties.plan == \"team: large\" && lead.x != '#1'",
    "[1, 2].exists(n, n == event.properties.count) ?\n  true : lead.a == b'\\x00'",
    "event.type.matches('(?i)^pa{1,2}ge') // Größe 🚀",
)
KEYS = ("", "event.id", "event.properties['form id']")
STANDING = ("lead.size > 3", 'has(lead.plan) && lead.plan == "y"')
SITUATIONS = (
    "",
    'stage == "hot" && velocity >= 7.0',
    "has(events.unsubscribe)",
    "groups.fit > 3.5",
)

points = st.integers(-1_000_000_000, 1_000_000_000)
scores = st.integers(-(10**12), 10**12)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True)
kinds = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,5})?", fullmatch=True) | st.sampled_from(
    ["yes", "null", "on", "no", "e5", "true"]
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
printable = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=32
) | st.sampled_from(
    ["1", "null", "~", "0x1f", "2026-01-01", "yes", "{a: b}", "- x", "a: b", "1:30", " x ", "#"]
)
lengths = st.integers(0, LONGEST_US)
steps = st.integers(HOUR_US, LONGEST_US) | st.sampled_from([HOUR_US, DAY_US, 90 * 60 * SECOND_US])

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
properties = st.dictionaries(texts, _VALUES, max_size=4).map(
    # As an event's properties are kept: numbers are those of a Struct.
    lambda made: structs.to_dict(structs.from_dict(made))
)

limits = st.builds(
    Limit,
    st.integers(1, 1_000),
    st.none() | st.integers(SECOND_US, LONGEST_US),
    st.sampled_from(KEYS),
)


def _bounds(lowest: int, highest: int) -> st.SearchStrategy[Bounds | None]:
    return st.none() | st.builds(
        Bounds, st.none() | st.integers(lowest, 0), st.none() | st.integers(0, highest)
    )


decays: st.SearchStrategy[Decay | None] = st.one_of(
    st.none(),
    st.builds(IdleFactor, lengths, steps, st.integers(0, 999_999)),
    st.builds(IdleAmount, lengths, steps, st.integers(1, 10**12), scores),
    st.builds(
        lambda every, more, percent: PerContribution(every, percent, min(every + more, LONGEST_US)),
        steps, lengths, st.integers(1, 100),
    ),
    st.builds(HalfLife, st.integers(1, 3_650)),
)  # fmt: skip


@st.composite
def rules(draw: st.DrawFn, rule_id: str, groups: list[str]) -> Rule:
    standing = draw(st.booleans())
    return Rule(
        rule_id,
        ANY_EVENT_TYPE if standing else draw(kinds | st.just(ANY_EVENT_TYPE)),
        draw(points),
        draw(st.booleans()),
        draw(texts),
        group=draw(st.sampled_from(["", *groups])),
        when=draw(st.sampled_from(STANDING if standing else CONDITIONS)),
        limits=() if standing else tuple(draw(st.lists(limits, max_size=4))),
        standing=standing,
    )


@st.composite
def _grades(draw: st.DrawFn) -> tuple[Grade, ...]:
    named = draw(
        st.lists(printable.map(lambda name: name[:8]), min_size=1, max_size=8, unique=True)
    )
    least = draw(st.lists(scores, min_size=len(named), max_size=len(named), unique=True))
    return tuple(
        Grade(name, score) for name, score in zip(named, sorted(least, reverse=True), strict=True)
    )


expectations = st.builds(
    Expectation,
    st.none() | scores,
    st.none() | printable | st.just(""),
    st.none() | st.just("A1"),
    st.none() | st.integers(0, 10**9),
    st.none() | st.sampled_from(["low", "medium", "high"]),
    st.none() | names | st.just(""),
).map(lambda made: Expectation(score_milli=0) if made == Expectation() else made)

tests = st.builds(
    GoldenTest,
    printable,
    st.lists(
        st.builds(GoldenEvent, kinds, st.none() | lengths, properties, st.just("") | printable),
        min_size=1,
        max_size=3,
    ).map(tuple),
    expectations,
    st.none() | lengths,
)

risks = st.builds(
    lambda times, kinds, high_for: Risk(*times, tuple(kinds), high_for),
    st.tuples(lengths, lengths).map(sorted)
    | st.tuples(st.none(), st.none() | lengths)
    | st.tuples(lengths, st.none()),
    st.lists(kinds, max_size=3, unique=True),
    st.none() | lengths,
)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """A rule set that could be put in force but for its tests."""
    groups = draw(st.lists(names, max_size=4, unique=True))
    stages = draw(st.lists(printable, max_size=4, unique=True))
    least = sorted(draw(st.lists(scores, min_size=len(stages), max_size=len(stages), unique=True)))
    grading = None
    if groups and draw(st.booleans()):
        group = st.sampled_from(groups)
        grading = Grading(draw(group), draw(_grades()), draw(group), draw(_grades()))
    actions = st.builds(NextAction, names, st.sampled_from(SITUATIONS))
    return Content(
        description=draw(texts),
        rules=tuple(
            draw(rules(rule_id, groups))
            for rule_id in draw(st.lists(names, min_size=1, max_size=5, unique=True))
        ),
        stages=tuple(Stage(name, score) for name, score in zip(stages, least, strict=True)),
        bounds=draw(_bounds(-(10**12), 10**12)),
        groups=tuple(
            Group(name, draw(_bounds(-(10**12), 10**12)), draw(decays)) for name in groups
        ),
        decay=draw(decays),
        grading=grading,
        velocity=draw(
            st.none()
            | st.builds(
                Velocity,
                st.integers(HOUR_US, 30 * DAY_US),
                st.none() | st.integers(1, 1_000_000),
                st.sampled_from(CONDITIONS),
            )
        ),
        risk=draw(st.none() | risks),
        next_actions=tuple(draw(st.lists(actions, max_size=4))),
        late_events=draw(st.sampled_from(LateEvents)),
        binding=draw(st.sampled_from(Binding)),
        tests=tuple(draw(st.lists(tests, max_size=3, unique_by=lambda test: test.name))),
        engagement_group=draw(st.sampled_from(["", *groups])),
    )
