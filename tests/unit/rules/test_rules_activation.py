"""Putting whole rule sets into the draft and in force: golden tests, effective times, going back. On a store in
memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scoreline.rules.v1 import rule_set_pb2
from services.rules import errors, presets
from services.rules.domain import activation
from services.rules.domain.activation import AS_BOUND, Effective
from services.rules.domain.editing import RuleSetChanges
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    ALL_HISTORY,
    Binding,
    Content,
    Grade,
    Grading,
    Group,
    Rule,
    State,
)
from services.rules.handlers import ACTIVATION_ATTEMPTS_MAX, Installer, Rules
from services.shared.errors import DependencyUnavailable, EtagMismatch, LimitExceeded
from tests.support.clocks import SteppingClock
from tests.support.rules_golden import FakeTests
from tests.support.rules_store import InMemoryStore

RULE = Rule("chat", "chat", 5_000, True, "")
GOLDEN = GoldenTest("one chat", (GoldenEvent("chat"),), Expectation(score_milli=5_000))
OTHER = replace(GOLDEN, name="other")
TESTED = Content(rules=(RULE,), tests=(GOLDEN, OTHER))
PLAIN = Content(rules=(RULE,))


class Room:
    def __init__(self) -> None:
        self.store, self.tests, self.clock = InMemoryStore(), FakeTests(), SteppingClock()
        known = presets.load_all()
        installer = Installer(self.store, self.clock, known[presets.SIMPLE], lambda: None)
        self.rules = Rules(self.store, self.clock, installer, lambda: None, known, self.tests)

    async def write(self, content: Content) -> str:
        """The etag of the draft that says so."""
        draft = await self.rules.rewrite("acme", content, "", replace_draft=True)
        return draft.etag

    async def put_in_force(self, content: Content, effective: Effective = AS_BOUND) -> datetime:
        """The effective time."""
        await self.write(content)
        made, _ = await self.rules.activate("acme", 0, "", "me", effective)
        return made.effective_time

    @property
    def told(self) -> rule_set_pb2.Activation:
        return rule_set_pb2.Activation.FromString(self.store.outbox[-1].payload)


@pytest.fixture
def room() -> Room:
    return Room()


async def test_the_draft_says_what_is_sent_and_nothing_else(room: Room) -> None:
    draft = await room.rules.rewrite("acme", TESTED, "1.1", replace_draft=False)
    assert (draft.version, draft.state, draft.etag) == (2, State.DRAFT, "2.1")
    assert draft.said() == {**TESTED.said(), "rules": (replace(RULE, etag="2.1"),)}
    with pytest.raises(errors.DraftExists) as caught:
        await room.rules.rewrite("acme", PLAIN, "", replace_draft=False)
    assert caught.value.metadata == {"resource_type": "rule_set", "resource": "2"}
    with pytest.raises(EtagMismatch):
        await room.rules.rewrite("acme", PLAIN, "1.1", replace_draft=True)
    assert await room.rules.rule_set("acme", 0) == draft
    again = await room.rules.rewrite("acme", PLAIN, "2.1", replace_draft=True)
    assert (again.etag, again.tests) == ("2.2", ())


async def test_what_fits_no_message_makes_no_draft(room: Room) -> None:
    large = replace(GOLDEN, events=(GoldenEvent("x", None, {"text": "x" * 30_000}),) * 20)
    with pytest.raises(LimitExceeded):
        await room.write(replace(PLAIN, tests=(large,)))
    with pytest.raises(LimitExceeded):
        await room.write(Content(rules=(RULE,) * 501))
    assert [one.version for one in await room.rules.rule_sets("acme", None, 10)] == [1]


async def test_a_version_with_a_failing_test_is_not_put_in_force(room: Room) -> None:
    await room.write(TESTED)
    room.tests.failing = {"other"}
    with pytest.raises(errors.TestsFailed) as caught:
        await room.rules.activate("acme", 0, "", "me")
    [violation] = caught.value.violations
    assert (violation.field, violation.description) == (
        "rule_set.tests[1]",
        "`other`: score is 0.001, not 5",
    )
    assert (await room.rules.rule_set("acme", 2)).state is State.DRAFT
    assert len(room.store.outbox) == 1
    room.tests.failing = set()
    _, active = await room.rules.activate("acme", 0, "", "me")
    assert active.state is State.ACTIVE
    assert [test.name for test in room.told.rule_set.tests] == ["one chat", "other"]


async def test_scoring_is_needed_only_where_there_are_tests(room: Room) -> None:
    room.tests.away = DependencyUnavailable("scoring is away")
    await room.put_in_force(PLAIN)
    await room.write(TESTED)
    with pytest.raises(DependencyUnavailable):
        await room.rules.activate("acme", 0, "", "me")
    with pytest.raises(DependencyUnavailable):
        await room.rules.inspect(TESTED)
    assert (await room.rules.inspect(PLAIN)).valid
    # Nor to see that something is in force already.
    made, _ = await room.rules.activate("acme", 2, "", "me")
    assert made.number == 2


async def test_what_can_not_be_put_in_force_anyway_is_not_tested(room: Room) -> None:
    await room.write(replace(TESTED, rules=(replace(RULE, group="nowhere"),)))
    with pytest.raises(errors.GroupsMissing):
        await room.rules.activate("acme", 0, "", "me")
    with pytest.raises(EtagMismatch):
        await room.rules.activate("acme", 0, "9.9", "me")
    await room.write(replace(TESTED, rules=()))
    with pytest.raises(errors.RuleSetEmpty):
        await room.rules.activate("acme", 0, "", "me")
    assert room.tests.asked == []


async def test_a_draft_that_is_edited_while_its_tests_run_is_tested_again(room: Room) -> None:
    etag = await room.write(TESTED)

    async def edit() -> None:
        await room.rules.update_rule_set("acme", RuleSetChanges(description="new"), "")

    room.tests.meanwhile = edit
    _, active = await room.rules.activate("acme", 0, "", "me")
    assert [one.description for one in room.tests.asked] == ["", "new"]
    assert active.description == "new"
    assert etag != active.etag


async def test_who_sends_an_etag_gets_what_he_has_read(room: Room) -> None:
    etag = await room.write(TESTED)

    async def edit() -> None:
        await room.rules.update_rule_set("acme", RuleSetChanges(description="new"), "")

    room.tests.meanwhile = edit
    with pytest.raises(EtagMismatch):
        await room.rules.activate("acme", 0, etag, "me")
    assert (await room.rules.rule_set("acme", 0)).state is State.DRAFT


async def test_a_draft_that_is_edited_all_the_time_is_given_up(room: Room) -> None:
    await room.write(TESTED)

    async def edit() -> None:
        await room.rules.update_rule_set("acme", RuleSetChanges(description="new"), "")
        room.tests.meanwhile = edit

    room.tests.meanwhile = edit
    with pytest.raises(EtagMismatch):
        await room.rules.activate("acme", 0, "", "me")
    assert len(room.tests.asked) == ACTIVATION_ATTEMPTS_MAX


async def test_results_of_other_tests_are_never_taken(room: Room) -> None:
    class Forgetful(FakeTests):
        async def run(self, content: Content) -> list:  # type: ignore[type-arg]
            return (await super().run(content))[1:]

    room.rules._tests = Forgetful()
    await room.write(TESTED)
    with pytest.raises(LookupError):
        await room.rules.activate("acme", 0, "", "me")


async def test_all_that_names_groups_keeps_a_version_from_being_put_in_force(room: Room) -> None:
    grading = Grading("fit", (Grade("A", 0),), "g", (Grade("1", 0),))
    await room.write(
        replace(PLAIN, groups=(Group("g"),), grading=grading, engagement_group="other")
    )
    with pytest.raises(errors.GroupsMissing) as caught:
        await room.rules.activate("acme", 0, "", "me")
    assert [one.field for one in caught.value.violations] == [
        "rule_set.grading.fit_group",
        "rule_set.engagement_group",
    ]


async def test_a_new_projects_rules_score_all_history(room: Room) -> None:
    await room.rules.rule_set("acme", 0)
    [first] = await room.rules.activations("acme", None, 10)
    assert first.effective_time == ALL_HISTORY
    assert room.told.HasField("effective_time")
    assert room.told.effective_time.ToSeconds() == 0


async def test_from_when_on_rules_score(room: Room) -> None:
    """As the binding says, or as it is asked."""
    assert await room.put_in_force(PLAIN) == ALL_HISTORY
    before = room.clock.now()
    for binding in (Binding.AT_EVENT_TIME, Binding.AT_PROCESSING):
        bound = replace(PLAIN, binding=binding)
        since = await room.put_in_force(bound)
        assert before < since < room.clock.now()
        assert room.told.effective_time == room.told.activate_time
        assert await room.put_in_force(bound, activation.ALL) == ALL_HISTORY
    assert before < await room.put_in_force(PLAIN, activation.NOW) < room.clock.now()
    some_day = datetime(2026, 5, 1, tzinfo=UTC)
    assert await room.put_in_force(PLAIN, Effective(some_day)) == some_day
    assert room.told.effective_time.ToDatetime(tzinfo=UTC) == some_day
    [newest] = await room.rules.activations("acme", None, 1)
    assert newest.effective_time == some_day


async def test_the_version_in_force_may_be_given_another_time(room: Room) -> None:
    some_day, other_day = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    await room.put_in_force(TESTED, Effective(some_day))
    told = len(room.store.outbox)

    async def again(effective: Effective) -> tuple[int, datetime]:
        made, active = await room.rules.activate("acme", 2, "", "key_2", effective)
        assert (made.version, active.state, active.etag) == (2, State.ACTIVE, "2.1")
        return made.number, made.effective_time

    assert await again(Effective(some_day)) == (2, some_day)
    assert await again(AS_BOUND) == (2, some_day)
    assert len(room.store.outbox) == told
    assert await again(Effective(other_day)) == (3, other_day)
    assert await again(Effective(other_day)) == (3, other_day)
    assert (room.told.number, room.told.version, room.told.actor) == (3, 2, "key_2")
    assert room.told.effective_time.ToDatetime(tzinfo=UTC) == other_day
    assert await again(activation.ALL) == (4, ALL_HISTORY)
    assert await again(activation.ALL) == (4, ALL_HISTORY)
    number, since = await again(activation.NOW)
    assert number == 5
    assert await again(activation.NOW) == (5, since)
    assert len(room.store.outbox) == told + 3
    # No more is in force than before, and going back goes to another version.
    states = [one.state for one in await room.rules.rule_sets("acme", None, 9)]
    assert states == [State.ACTIVE, State.SUPERSEDED]
    made, _ = await room.rules.rollback("acme", 2, "me", Effective(some_day))
    assert (made.number, made.version, made.effective_time) == (6, 2, some_day)
    made, _ = await room.rules.rollback("acme", 0, "me")
    assert (made.number, made.version) == (7, 1)
    room.tests.failing = {"one chat"}
    with pytest.raises(errors.TestsFailed):
        await room.rules.activate("acme", 2, "", "me", activation.ALL)


async def test_going_back(room: Room) -> None:
    with pytest.raises(errors.NeverInForce):
        await room.rules.rollback("acme", 0, "me")
    await room.put_in_force(PLAIN)
    await room.put_in_force(replace(PLAIN, binding=Binding.AT_EVENT_TIME))
    await room.write(replace(PLAIN, description="draft"))
    made, active = await room.rules.rollback("acme", 0, "key_1")
    assert (made.number, made.version, made.actor) == (4, 2, "key_1")
    assert (active.state, made.effective_time) == (State.ACTIVE, ALL_HISTORY)
    draft = await room.rules.rule_set("acme", 0)
    assert (draft.version, draft.description) == (4, "draft")
    # The one before the present one is now the one that was gone back from.
    made, _ = await room.rules.rollback("acme", 0, "me")
    assert (made.number, made.version) == (5, 3)
    made, _ = await room.rules.rollback("acme", 1, "me", activation.NOW)
    assert (made.number, made.version) == (6, 1)
    assert made.effective_time == made.activate_time


async def test_what_there_is_no_going_back_to(room: Room) -> None:
    await room.put_in_force(PLAIN)
    await room.write(PLAIN)
    with pytest.raises(errors.NeverInForce) as caught:
        await room.rules.rollback("acme", 3, "me")
    assert caught.value.metadata == {"resource_type": "rule_set", "resource": "3"}
    with pytest.raises(errors.RuleSetNotFound):
        await room.rules.rollback("acme", 4, "me")
    made, _ = await room.rules.rollback("acme", 2, "me")
    assert made.number == 2


async def test_going_back_needs_passing_tests_too(room: Room) -> None:
    await room.put_in_force(TESTED)
    await room.put_in_force(PLAIN)
    room.tests.failing = {"one chat"}
    with pytest.raises(errors.TestsFailed):
        await room.rules.rollback("acme", 0, "me")
    room.tests.failing = set()
    assert (await room.rules.rollback("acme", 0, "me"))[0].version == 2


async def test_what_there_is_to_say_of_a_rule_set(room: Room) -> None:
    room.tests.failing = {"other"}
    found = await room.rules.inspect(TESTED)
    assert (found.faults, found.valid) == ([], False)
    assert [(one.name, one.passed) for one in found.results] == [
        ("one chat", True),
        ("other", False),
    ]
    room.tests.failing = set()
    found = await room.rules.inspect(replace(TESTED, groups=(Group("empty"),)))
    assert found.valid
    assert [field for field, _ in found.warnings] == ["groups[0]"]
    found = await room.rules.inspect(replace(TESTED, engagement_group="nowhere"))
    assert not found.valid
    assert ([field for field, _ in found.faults], found.results) == (["engagement_group"], [])
    # What its reader found comes first; what follows from that is left out.
    found = await room.rules.inspect(Content(), [("rules[0].points", "is none")])
    assert [field for field, _ in found.faults] == ["rules[0].points"]
    assert await room.rules.rule_sets("acme", None, 9) != []
    assert len(room.store.outbox) == 1


async def test_the_version_in_force_is_what_changes_are_compared_to(room: Room) -> None:
    await room.put_in_force(PLAIN)
    await room.write(replace(PLAIN, description="draft"))
    assert (await room.rules.in_force("acme")).version == 2
