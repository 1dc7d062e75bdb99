"""Rule sets as YAML: what is written is read again as it was, and what can't be read is said with its path."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreline.rules.v1 import rule_set_pb2
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import convert, requests, rows, yaml_reading, yaml_writing
from services.rules.domain import inspection
from services.rules.domain.checks import Problems
from services.rules.domain.model import Content
from services.shared.errors import InvalidFields
from tests.support.rules_contents import contents

few = settings(max_examples=40)
"""Whole rule sets are large: each example has many in it."""

RULE = "rules: [{event_type: a, points: 1}]\n"


def read(text: str) -> tuple[Content, list[tuple[str, str]]]:
    problems = Problems()
    _, content = yaml_reading.content(text, problems)
    return content, problems.found


def faults(text: str) -> list[str]:
    return [field for field, _ in read(text)[1]]


@few
@given(contents())
def test_what_is_exported_imports_to_the_same(content: Content) -> None:
    text = yaml_writing.write(convert.content_message(content))
    imported = requests.imported_rule_set(pb.ImportRuleSetRequest(yaml=text))
    assert imported == content
    # And it is written the same again: a repository sees no change where there is none.
    assert yaml_writing.write(convert.content_message(imported)) == text


@few
@given(contents())
def test_what_is_answered_can_be_sent_back_and_stored(content: Content) -> None:
    message = convert.content_message(content)
    assert requests.whole_rule_set(pb.CreateRuleSetRequest(rule_set=message)) == content
    stored = json.loads(json.dumps(rows.content(content)))
    assert rows.parts(stored) == content.said()
    assert inspection.faults(content) == []


@few
@given(contents())
def test_every_part_is_shown_on_one_line(content: Content) -> None:
    for value in yaml_writing.tree(convert.content_message(content)).values():
        line = yaml_writing.one_line(value)
        assert line
        assert "\n" not in line


@given(st.text(max_size=60) | st.text("{}[]:,-&*!|>'\"#%@` \n\tab01?", max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    read(text)
    read(f"description: {text}\n{RULE}")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", ["yaml"]),
        ("just text", ["yaml"]),
        ("- a\n- b", ["yaml"]),
        ("rules: [", ["yaml"]),
        ("a: b: c", ["yaml"]),
        ("a: 1\n--- \nb: 2", ["yaml"]),
        ("rules: \x07", ["yaml"]),
        ("rules: *nothing", ["yaml"]),
        ("colour: red", ["colour"]),
        ("version: 3", ["version"]),
        (f"{RULE}{RULE}", ["rules"]),
        ("rules: {a: b}", ["rules"]),
        ("rules: [a]", ["rules[0]"]),
        ("rules: [{event_type: a, etag: x}]", ["rules[0].etag"]),
        ("rules: [{event_type: a, point: 1}]", ["rules[0].point"]),
        ("rules: [{event_type: a, points: many}]", ["rules[0].points"]),
        ("rules: [{event_type: a, points: '5'}]", ["rules[0].points"]),
        ("rules: [{event_type: a, points: true}]", ["rules[0].points"]),
        ("rules: [{event_type: a, points: .nan}]", ["rules[0].points"]),
        (f"rules: [{{event_type: a, points: {'9' * 400}}}]", ["rules[0].points"]),
        (f"rules: [{{event_type: a, points: {'9' * 5_000}}}]", ["rules[0].points"]),
        ("rules: [{event_type: yes, points: 1}]", ["rules[0].event_type"]),
        ("rules: [{event_type: 2026-01-01, points: 1}]", ["rules[0].event_type"]),
        ("rules: [{event_type: a}, {event_type: a}]", ["rules[1].rule_id"]),
        ("rules: [{event_type: a, limits: [{count: 1.5}]}]", ["rules[0].limits[0].count"]),
        ("rules: [{event_type: a, limits: [{count: 1, window: 7}]}]",
         ["rules[0].limits[0].window"]),
        ("rules: [{event_type: a, limits: [{count: 99999999999}]}]", ["rules[0].limits[0].count"]),
        ("rules: [{event_type: a, limit: {count: 1}}]", ["rules[0].limit"]),
        ("rules: [{event_type: a, when: 'lead.'}]", ["rules[0].when"]),
        ("decay: {}", ["decay"]),
        ("decay: {linear: {days: 3}}", ["decay.linear"]),
        ("decay: {half_life: {days: 3, floor: 1}}", ["decay.half_life.floor"]),
        ("decay: {half_life: {days: 3}, idle_factor: {every: 1d, factor: 0.5}}", ["decay"]),
        ("decay: {idle_factor: {every: 1 week, factor: 0.5}}", ["decay.idle_factor.every"]),
        ("late_events: SOMETIMES", ["late_events"]),
        ("late_events: [REPLAY]", ["late_events"]),
        ("stages: [{name: 1, min_score: 0}]", ["stages[0].name"]),
        ("risk: {high_event_types: [a, 1]}", ["risk.high_event_types[1]"]),
        ("tests: [{name: t, events: [{type: a, properties: {d: 2026-01-01}}], expected: {score: 1}}]",
         ["tests[0].events[0].properties"]),
        ("tests: [{name: t, events: [{type: a, properties: {1: x}}], expected: {score: 1}}]",
         ["tests[0].events[0].properties"]),
        ("tests: [{name: t, events: [{type: a, properties: {a: 1, a: 2}}], expected: {score: 1}}]",
         ["tests[0].events[0].properties"]),
        ("tests: [{name: t, events: [{type: a}], expected: {scores: 1}}]",
         ["tests[0].expected.scores"]),
    ],
)  # fmt: skip
def test_what_can_not_be_read(text: str, paths: list[str]) -> None:
    assert faults(text) == paths


def test_everything_wrong_is_said_at_once() -> None:
    text = """
        description: 7
        rules:
          - {event_type: a, points: x, when: lead.}
          - {event_type: b, points: 0.0005, limits: [{count: 0}, {count: 1, window: soon}]}
        stages: [{name: hot, min_score: 5}, {name: hot, min_score: 4}]
    """
    assert faults(text) == [
        "description",
        "rules[0].points",
        "rules[1].limits[1].window",
        "rules[0].when",
        "rules[1].points",
        "rules[1].limits[0].count",
        "stages[1].name",
        "stages[1].min_score",
    ]


def test_a_syntax_fault_is_said_with_its_place() -> None:
    [(field, said)] = read("rules:\n  - event_type: a\n  points: 1\n")[1]
    assert field == "yaml"
    assert said.startswith("line 3, column 3: ")


def test_a_value_of_nothing_is_absent() -> None:
    content, found = read(f"decay:\nstages: ~\n{RULE}")
    assert found == []
    assert (content.decay, content.stages) == (None, ())


def test_aliases_stand_for_what_they_name() -> None:
    text = "rules:\n- {event_type: a, when: &w lead.x}\n- {event_type: b, when: *w}\n"
    content, found = read(text)
    assert found == []
    assert [rule.when for rule in content.rules] == ["lead.x", "lead.x"]


def nested(times: int) -> str:
    """Each line stands for nine of the line before it."""
    first = ["a0: &a0 [lol, lol, lol]"]
    more = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, times)]
    return "\n".join(first + more)


@pytest.mark.parametrize(
    "text",
    [
        nested(12),
        "rules: &a [*a]",
        "a: &a {b: *a}",
        "[" * 100_000,
        "[" * 40 + "]" * 40,
        "{a: " * 100_000,
        "- " * 200_000,
        f"description: {'x' * (1024 * 1024)}",
        f"[{'1,' * 210_000}]",
        f"a: [{'{},' * 210_000}]",
    ],
)
def test_what_would_cost_too_much_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    [(field, said)] = read(text)[1]
    assert field == "yaml"
    assert said
    assert time.perf_counter() - began < 2


def test_a_text_that_is_too_long_is_a_fault_of_the_request() -> None:
    text = "#" * (yaml_reading.TEXT_BYTES_MAX + 1)
    with pytest.raises(InvalidFields) as caught:
        requests.imported_rule_set(pb.ImportRuleSetRequest(yaml=text))
    assert [one.field for one in caught.value.violations] == ["yaml"]


@pytest.mark.parametrize(
    ("text", "seconds", "nanos", "written"),
    [
        ("14d", 14 * 86_400, 0, "14d"),
        ("1h30m", 5_400, 0, "1h30m"),
        ("1h 30m", 5_400, 0, "1h30m"),
        ("90m", 5_400, 0, "1h30m"),
        ("24h", 86_400, 0, "1d"),
        ("86400s", 86_400, 0, "1d"),
        ("1d1s", 86_401, 0, "1d1s"),
        ("1.5s", 1, 500_000_000, "1.5s"),
        ("0.000001s", 0, 1_000, "0.000001s"),
        ("0s", 0, 0, "0s"),
    ],
)
def test_durations(text: str, seconds: int, nanos: int, written: str) -> None:
    problems = Problems()
    message = yaml_reading.read(f"risk: {{high_for: {text}}}", problems)
    assert problems.found == []
    assert (message.risk.high_for.seconds, message.risk.high_for.nanos) == (seconds, nanos)
    assert yaml_writing.duration_text(message.risk.high_for) == written


@pytest.mark.parametrize("text", ["1", "d", "''", "-1d", "1w", "1m1h", "1.5d", "1 d", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    assert faults(f"risk: {{high_for: {text}}}\n{RULE}") == ["risk.high_for"]


def test_what_is_written_is_short_and_in_the_order_people_read() -> None:
    message = rule_set_pb2.RuleSet(
        version=7,
        etag="7.1",
        rules=[
            rule_set_pb2.Rule(rule_id="a", event_type="a", points=0, enabled=True, etag="7.1"),
            rule_set_pb2.Rule(rule_id="b", event_type="b", points=1.5, enabled=False),
        ],
        stages=[rule_set_pb2.Stage(name="cold")],
        bounds=rule_set_pb2.Bounds(min_score=0),
        description="Größe",
        late_events=rule_set_pb2.LATE_EVENTS_REPLAY,
    )
    assert yaml_writing.write(message) == (
        "description: Größe\n"
        "bounds: {min_score: 0}\n"
        "stages:\n"
        "- {name: cold, min_score: 0}\n"
        "late_events: REPLAY\n"
        "rules:\n"
        "- {rule_id: a, event_type: a, points: 0}\n"
        "- {rule_id: b, event_type: b, points: 1.5, enabled: false}\n"
    )
