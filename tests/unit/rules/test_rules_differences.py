"""What changed from one rule set to another, part by part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules import convert, presets, yaml_reading, yaml_writing
from services.rules.domain.checks import Problems
from services.rules.domain.differences import Difference, Kind, differences
from services.rules.domain.model import Content
from tests.support.rules_contents import contents

PLATFORM = yaml_writing.tree(convert.content_message(presets.load("platform")))
STAGES = "stages: [{name: cold}, {name: warm, min_score: 30}, {name: hot, min_score: 60}]"


def said(before: str, after: str) -> list[str]:
    """Each difference on a line."""
    problems = Problems()
    trees = [yaml_writing.tree(yaml_reading.read(text, problems)) for text in (before, after)]
    assert problems.found == []
    messages = convert.difference_messages(differences(*trees))
    for one in messages:
        assert not (one.before == "" and one.after == "")
    signs = {1: "+", 2: "-", 3: "~", 4: ">"}
    return [f"{signs[one.kind]} {one.path} {one.before} -> {one.after}" for one in messages]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("{}", "{}", []),
        ("{}", "description: Größe", ["+ description  -> Größe"]),
        ("description: a", "description: b", ["~ description a -> b"]),
        ("description: a", "{}", ["- description a -> "]),
        ("{}", "late_events: REPLAY", []),
        ("binding: AT_PROCESSING", "{}", ["~ binding AT_PROCESSING -> CURRENT"]),
        ("rules: [{rule_id: a, event_type: x, points: 5}]",
         "rules: [{rule_id: a, event_type: x, points: 10}]", ["~ rules[a].points 5 -> 10"]),
        ("rules: [{rule_id: a, event_type: x}]",
         "rules: [{rule_id: a, event_type: x, enabled: false, group: fit}]",
         ["+ rules[a].group  -> fit", "~ rules[a].enabled true -> false"]),
        ("rules: [{rule_id: a, event_type: x, enabled: true}]",
         "rules: [{rule_id: a, event_type: x, standing: true}]",
         ["~ rules[a].standing false -> true"]),
        ("rules: [{rule_id: a, event_type: x}]",
         "rules: [{rule_id: b, event_type: x, points: 1}]",
         ["- rules[a] {rule_id: a, event_type: x, points: 0} -> ",
          "+ rules[b]  -> {rule_id: b, event_type: x, points: 1}"]),
        ("rules: [{rule_id: a, event_type: x, limits: [{count: 1}]}]",
         "rules: [{rule_id: a, event_type: x, limits: [{count: 1}, {count: 3, window: 7d}]}]",
         ["~ rules[a].limits [{count: 1}] -> [{count: 1}, {count: 3, window: 7d}]"]),
        ("rules: [{rule_id: a}, {rule_id: b}, {rule_id: c}]",
         "rules: [{rule_id: c}, {rule_id: a}, {rule_id: b}]", ["> rules[c] 3 -> 1"]),
        ("rules: [{rule_id: a}, {rule_id: b}]",
         "rules: [{rule_id: b, points: 2}, {rule_id: a}]",
         ["~ rules[b].points 0 -> 2", "> rules[b] 2 -> 1"]),
        (STAGES, STAGES.replace("60", "65.5"), ["~ stages[hot].min_score 60 -> 65.5"]),
        (STAGES, STAGES.replace("hot", "boiling"),
         ["- stages[hot] {name: hot, min_score: 60} -> ",
          "+ stages[boiling]  -> {name: boiling, min_score: 60}"]),
        ("bounds: {min_score: 0}", "bounds: {max_score: 9}",
         ["- bounds.min_score 0 -> ", "+ bounds.max_score  -> 9"]),
        ("{}", "decay: {half_life: {days: 3}}", ["+ decay  -> {half_life: {days: 3}}"]),
        ("decay: {half_life: {days: 3}}", "decay: {half_life: {days: 4}}",
         ["~ decay {half_life: {days: 3}} -> {half_life: {days: 4}}"]),
        ("groups: [{name: g, bounds: {max_score: 5}}]",
         "groups: [{name: g, bounds: {max_score: 6}, decay: {half_life: {days: 3}}}]",
         ["~ groups[g].bounds.max_score 5 -> 6", "+ groups[g].decay  -> {half_life: {days: 3}}"]),
        ("velocity: {window: 1d, saturating: true}", "velocity: {window: 2d, per_event: 1}",
         ["~ velocity.window 1d -> 2d", "+ velocity.per_event  -> 1",
          "- velocity.saturating true -> "]),
        ("risk: {high_after: 7d, high_event_types: [a, b]}",
         "risk: {high_after: 7d, high_event_types: [b, c]}",
         ["- risk.high_event_types[a] a -> ", "+ risk.high_event_types[c]  -> c"]),
        ("grading: {fit_grades: [{name: A, min_score: 5}]}",
         "grading: {fit_grades: [{name: A, min_score: 6}]}",
         ["~ grading.fit_grades[A].min_score 5 -> 6"]),
        ("next_actions: [{when: a, action: call}, {when: b, action: wait}, {when: c, action: call}]",
         "next_actions: [{when: a, action: call}, {when: d, action: call}, {action: wait}]",
         ["~ next_actions[call#2].when c -> d", "> next_actions[call#2] 3 -> 2",
          "- next_actions[wait].when b -> "]),
        ("tests: [{name: t, events: [{type: a}], expected: {score: 1}}]",
         "tests: [{name: t, events: [{type: b}], expected: {score: 1, stage: hot}}]",
         ["~ tests[t].events [{type: a}] -> [{type: b}]", "+ tests[t].expected.stage  -> hot"]),
        ("engagement_group: a", "engagement_group: b", ["~ engagement_group a -> b"]),
    ],
)  # fmt: skip
def test_what_is_said(before: str, after: str, lines: list[str]) -> None:
    assert sorted(said(before, after)) == sorted(lines)


def test_parts_come_in_the_order_of_a_text() -> None:
    other = {**PLATFORM, "description": "x", "stages": [], "tests": []}
    paths = [one.path for one in differences(PLATFORM, other)]
    order = [
        next(at for at, part in enumerate(PLATFORM) if path.startswith(part)) for path in paths
    ]
    assert order == sorted(order)
    assert len(paths) == 1 + len(PLATFORM["stages"]) + len(PLATFORM["tests"])


def test_only_what_was_moved_is_said_to_be() -> None:
    rules = PLATFORM["rules"]
    moved = {**PLATFORM, "rules": [rules[-1], *rules[:-1]]}
    assert differences(PLATFORM, moved) == [
        Difference(Kind.MOVED, "rules[contract_signed]", len(rules), 1)
    ]


@settings(max_examples=40)
@given(contents())
def test_a_rule_set_does_not_differ_from_itself(content: Content) -> None:
    tree = yaml_writing.tree(convert.content_message(content))
    assert differences(tree, tree) == []
    other = replace(content, description=content.description + "!")
    changed = differences(tree, yaml_writing.tree(convert.content_message(other)))
    assert [one.path for one in changed] == ["description"]


@settings(max_examples=40)
@given(contents(), contents())
def test_two_rule_sets_differ_where_they_are_not_the_same(one: Content, other: Content) -> None:
    trees = [yaml_writing.tree(convert.content_message(each)) for each in (one, other)]
    found = differences(*trees)
    assert bool(found) == (one != other)
    for each in found:
        assert (each.before is None) == (each.kind is Kind.ADDED)
        assert (each.after is None) == (each.kind is Kind.REMOVED)
    back = differences(*reversed(trees))
    assert {each.path for each in found if each.kind is Kind.ADDED} == {
        each.path for each in back if each.kind is Kind.REMOVED
    }


@given(st.permutations(list("abcdefgh")))
def test_as_few_as_possible_move(order: list[str]) -> None:
    """The rest stand in their old order: the longest such sequence there is."""
    rules: list[dict[str, Any]] = [{"rule_id": name} for name in "abcdefgh"]
    after = [{"rule_id": name} for name in order]
    moved = {one.path[6:-1] for one in differences({"rules": rules}, {"rules": after})}
    stayed = [name for name in order if name not in moved]
    assert stayed == sorted(stayed)
    assert len(stayed) == _longest(order)


def _longest(order: list[str]) -> int:
    """Of a rising sequence, tried out plainly."""
    longest = [1] * len(order)
    for at, name in enumerate(order):
        for before in range(at):
            if order[before] < name:
                longest[at] = max(longest[at], longest[before] + 1)
    return max(longest)
