"""The use cases on a store in memory. What several of them do side by side is in tests/conformance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scoreline.rules.v1 import rule_set_pb2
from services.rules import errors, presets
from services.rules.domain import size
from services.rules.domain.editing import RuleChanges, RuleSetChanges
from services.rules.domain.model import (
    Bounds,
    Group,
    HalfLife,
    IdleAmount,
    Limit,
    Rule,
    Stage,
    State,
    Velocity,
)
from services.rules.handlers import Installer, Rules
from services.shared import cel_budget
from services.shared.errors import EtagMismatch, InvalidFields, LimitExceeded
from tests.support.clocks import SteppingClock
from tests.support.rules_golden import FakeTests
from tests.support.rules_store import InMemoryStore

PRESET = presets.load(presets.SIMPLE)
HOUR_US = 3_600_000_000
CHAT = Rule("chat", "chat", 5_000, True, "")


class Room:
    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.nudges = 0
        clock = SteppingClock()
        self.installer = Installer(self.store, clock, PRESET, self.nudge)
        presets_there = presets.load_all()
        self.tests = FakeTests()
        self.rules = Rules(self.store, clock, self.installer, self.nudge, presets_there, self.tests)

    def nudge(self) -> None:
        self.nudges += 1


def anything(_: Rule) -> None:
    """Every rule is whole."""


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_call_before_the_news_of_a_project_installs_the_preset(room: Room) -> None:
    rule_set = await room.rules.rule_set("acme", 0)
    assert (rule_set.version, rule_set.state, rule_set.etag) == (1, State.ACTIVE, "1.1")
    assert [rule.rule_id for rule in rule_set.rules] == [rule.rule_id for rule in PRESET.rules]
    assert {rule.etag for rule in rule_set.rules} == {"1.1"}
    assert room.nudges == 1
    await room.installer.install(["acme", "other"])
    assert room.nudges == 2
    assert [entry.subject for entry in room.store.outbox] == ["rules.acme.1", "rules.other.1"]


@pytest.mark.parametrize("method", ["rule_sets", "activations"])
async def test_lists_install_too(room: Room, method: str) -> None:
    assert len(await getattr(room.rules, method)("acme", None, 10)) == 1


async def test_the_first_edit_makes_the_draft_and_the_next_goes_into_it(room: Room) -> None:
    made = await room.rules.create_rule("acme", CHAT)
    assert made.etag == "2.1"
    active = await room.rules.rule_set("acme", 1)
    draft = await room.rules.rule_set("acme", 0)
    assert (draft.version, draft.state) == (2, State.DRAFT)
    assert draft.rules == (*active.rules, made)
    assert draft.create_time > active.create_time
    changed = await room.rules.update_rule(
        "acme", "chat", RuleChanges(enabled=False), made.etag, anything
    )
    assert changed == Rule("chat", "chat", 5_000, False, "", "2.2")
    assert (await room.rules.rule_set("acme", 0)).rules[-1] == changed
    assert await room.rules.rule_set("acme", 1) == active


async def test_only_named_fields_change(room: Room) -> None:
    rules = room.rules
    await rules.create_rule("acme", CHAT)
    await rules.update_rule("acme", "chat", RuleChanges(points_milli=0), "", anything)
    await rules.update_rule("acme", "chat", RuleChanges(event_type="*"), "", anything)
    changed = await rules.update_rule("acme", "chat", RuleChanges(description="d"), "", anything)
    assert changed == Rule("chat", "*", 0, True, "d", "2.4")
    before = await rules.rule_set("acme", 0)
    after = await rules.update_rule_set("acme", RuleSetChanges(description="new"), "")
    assert (after.description, after.stages, after.bounds) == ("new", before.stages, before.bounds)
    after = await rules.update_rule_set("acme", RuleSetChanges(bounds=None), after.etag)
    assert (after.description, after.stages, after.bounds) == ("new", before.stages, None)
    after = await rules.update_rule_set("acme", RuleSetChanges(stages=(Stage("s", 0),)), "")
    assert (after.stages, after.rules) == ((Stage("s", 0),), before.rules)
    after = await rules.update_rule_set("acme", RuleSetChanges(bounds=Bounds(None, 9)), "")
    assert after.bounds == Bounds(None, 9)
    assert after.etag == "2.8"


async def test_who_has_read_the_active_version_may_edit_what_is_copied_from_it(room: Room) -> None:
    active = await room.rules.rule_set("acme", 0)
    first, second = active.rules[:2]
    await room.rules.update_rule(
        "acme", first.rule_id, RuleChanges(points_milli=1), first.etag, anything
    )
    await room.rules.update_rule(
        "acme", second.rule_id, RuleChanges(points_milli=1), second.etag, anything
    )
    with pytest.raises(EtagMismatch):
        await room.rules.update_rule(
            "acme", first.rule_id, RuleChanges(points_milli=2), first.etag, anything
        )
    with pytest.raises(EtagMismatch):
        await room.rules.update_rule_set("acme", RuleSetChanges(description="x"), active.etag)


async def test_an_etag_is_never_current_again(room: Room) -> None:
    made = await room.rules.create_rule("acme", CHAT)
    await room.rules.update_rule("acme", "chat", RuleChanges(points_milli=1), "", anything)
    back = await room.rules.update_rule(
        "acme", "chat", RuleChanges(points_milli=5_000), "", anything
    )
    await room.rules.delete_rule("acme", "chat", back.etag)
    again = await room.rules.create_rule("acme", CHAT)
    assert len({made.etag, back.etag, again.etag}) == 3
    for stale in (made.etag, back.etag):
        with pytest.raises(EtagMismatch):
            await room.rules.delete_rule("acme", "chat", stale)


async def test_refused_edits_make_no_draft(room: Room) -> None:
    rules = room.rules
    signup = (await rules.rule_set("acme", 0)).rules[0]
    with pytest.raises(errors.RuleExists):
        await rules.create_rule("acme", signup)
    with pytest.raises(errors.RuleNotFound):
        await rules.update_rule("acme", "nope", RuleChanges(points_milli=1), "", anything)
    with pytest.raises(errors.RuleNotFound):
        await rules.delete_rule("acme", "nope", "")
    with pytest.raises(EtagMismatch):
        await rules.delete_rule("acme", signup.rule_id, "9.9")
    with pytest.raises(EtagMismatch):
        await rules.update_rule_set("acme", RuleSetChanges(description="x"), "9.9")
    assert [one.version for one in await rules.rule_sets("acme", None, 10)] == [1]
    assert (await rules.create_rule("acme", CHAT)).etag == "2.1"


async def test_a_rule_set_is_full_at_500_rules(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    assert size.RULES_MAX == 500
    monkeypatch.setattr(size, "RULES_MAX", len(PRESET.rules) + 1)
    await room.rules.create_rule("acme", CHAT)
    with pytest.raises(LimitExceeded):
        await room.rules.create_rule("acme", Rule("more", "more", 1, True, ""))


async def test_a_rule_set_always_fits_one_message(room: Room) -> None:
    """The largest rule set that is taken stays below the broker's 1 MB with everything around it."""

    async def fill() -> None:
        for number in range(size.RULES_MAX):
            limits = (Limit(1_000, 3_650 * 86_400 * 10**6 - 1, "ß" * 25),) * 4
            rule = Rule(
                f"r{number:063}", f"e{number:063}", 999_999_999, True, "ß" * 500,
                group=f"g{number:063}", when="ß" * 100, limits=limits,
            )  # fmt: skip
            await room.rules.create_rule("acme", rule)

    decay = IdleAmount(10**15 - 1, 10**15 - 1, 10**12 - 1, -(10**12) + 1)
    groups = tuple(
        Group(f"g{number:063}", Bounds(-(10**12), 10**12), decay)
        for number in range(size.RULES_MAX)
    )
    await room.rules.update_rule_set("acme", RuleSetChanges(groups=groups, decay=decay), "")
    with pytest.raises(LimitExceeded) as caught:
        await fill()
    assert caught.value.metadata == {"limit": str(size.TEXT_BYTES_MAX)}
    await room.rules.activate("acme", 0, "", "me")
    largest = room.store.outbox[-1].payload
    assert size.TEXT_BYTES_MAX * 0.75 < len(largest) < 900_000


@pytest.mark.parametrize("field", ["description", "group", "when", "key"])
async def test_every_text_of_a_rule_counts(
    room: Room, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setattr(size, "TEXT_BYTES_MAX", 4_000)
    long = "ß" * 1_000
    await room.rules.create_rule("acme", CHAT)
    rule = replace(CHAT, rule_id="long")
    texts = {"limits": (Limit(1, None, long),)} if field == "key" else {field: long}
    with pytest.raises(LimitExceeded):
        await room.rules.create_rule("acme", replace(rule, **texts))  # type: ignore[arg-type]


async def test_activation_puts_the_draft_in_force(room: Room) -> None:
    await room.rules.create_rule("acme", CHAT)
    nudges = room.nudges
    activation, rule_set = await room.rules.activate("acme", 0, "2.1", "key_1")
    assert (activation.number, activation.version, activation.actor) == (2, 2, "key_1")
    assert (rule_set.state, rule_set.etag) == (State.ACTIVE, "2.1")
    assert (await room.rules.rule_set("acme", 1)).state is State.SUPERSEDED
    assert room.nudges == nudges + 1
    entry = room.store.outbox[-1]
    told = rule_set_pb2.Activation.FromString(entry.payload)
    assert entry.subject == "rules.acme.2"
    assert (told.project_id, told.number, told.version) == ("acme", 2, 2)
    assert told.rule_set.state == rule_set_pb2.RULE_SET_STATE_ACTIVE
    assert told.rule_set.rules[-1].points == 5.0
    assert told.rule_set.bounds.max_score == 1000.0


async def test_activating_what_is_in_force_changes_nothing(room: Room) -> None:
    first, _ = await room.rules.activate("acme", 0, "", "key_1")
    assert (first.number, first.actor) == (1, "system")
    assert (await room.rules.activate("acme", 1, "1.1", "key_1"))[0] == first
    await room.rules.create_rule("acme", CHAT)
    second, _ = await room.rules.activate("acme", 0, "", "key_1")
    assert (await room.rules.activate("acme", 0, "", "key_2"))[0] == second
    assert len(room.store.outbox) == 2


async def test_an_earlier_version_comes_back_and_the_draft_stays(room: Room) -> None:
    await room.rules.create_rule("acme", CHAT)
    await room.rules.activate("acme", 0, "", "me")
    await room.rules.delete_rule("acme", "chat", "")
    activation, rule_set = await room.rules.activate("acme", 1, "", "me")
    assert (activation.number, activation.version, rule_set.state) == (3, 1, State.ACTIVE)
    draft = await room.rules.rule_set("acme", 0)
    assert (draft.version, draft.state) == (3, State.DRAFT)


async def test_what_can_not_be_activated(room: Room) -> None:
    rules = room.rules
    with pytest.raises(errors.RuleSetNotFound):
        await rules.activate("acme", 2, "", "me")
    with pytest.raises(EtagMismatch):
        await rules.activate("acme", 0, "1.2", "me")
    for rule in (await rules.rule_set("acme", 0)).rules:
        await rules.delete_rule("acme", rule.rule_id, "")
    with pytest.raises(errors.RuleSetEmpty):
        await rules.activate("acme", 0, "", "me")
    assert len(await rules.activations("acme", None, 10)) == 1


COSTLY = 'event.properties.s.matches("(a|b)*a(a|b){900}c")'
"""Of which some ten fit into a rule set."""


async def test_edits_that_make_a_rule_set_too_costly_are_refused(room: Room) -> None:
    rules = room.rules
    for number in range(30):
        try:
            await rules.create_rule("acme", replace(CHAT, rule_id=f"r{number}", when=COSTLY))
        except InvalidFields as refused:
            (violation,) = refused.violations
            break
    assert violation.field == "rule.when"
    assert "costs too much" in violation.description
    assert 5 < number < 20
    # There is room for what is about other events, and where something goes.
    await rules.create_rule("acme", replace(CHAT, rule_id="other", event_type="other", when=COSTLY))
    changed = RuleChanges(event_type="chat")
    with pytest.raises(InvalidFields) as refused:
        await rules.update_rule("acme", "other", changed, "", anything)
    assert [one.field for one in refused.value.violations] == ["rule.when"]
    # The rule itself has room, being the first; it leaves none for the last.
    changed = RuleChanges(limits=(Limit(1, None, COSTLY),))
    with pytest.raises(InvalidFields) as refused:
        await rules.update_rule("acme", "r0", changed, "", anything)
    draft = await rules.rule_set("acme", 0)
    last = max(n for n, rule in enumerate(draft.rules) if rule.event_type == "chat")
    assert [one.field for one in refused.value.violations] == [f"rule_set.rules[{last}].when"]
    changes = RuleSetChanges(velocity=Velocity(HOUR_US, 1, COSTLY))
    with pytest.raises(InvalidFields) as refused:
        await rules.update_rule_set("acme", changes, "")
    assert [one.field for one in refused.value.violations] == ["rule_set.velocity.when"]
    await rules.update_rule("acme", "r0", RuleChanges(when=""), "", anything)
    await rules.update_rule_set("acme", changes, "")


async def test_a_rule_set_that_is_too_costly_is_not_put_in_force(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.rules.create_rule("acme", replace(CHAT, when=COSTLY))
    monkeypatch.setattr(cel_budget, "EVENT_COST_US_MAX", 1_000)
    with pytest.raises(errors.RulesCostly) as refused:
        await room.rules.activate("acme", 2, "", "key")
    draft = await room.rules.rule_set("acme", 2)
    place = f"rule_set.rules[{len(draft.rules) - 1}].when"
    assert [one.field for one in refused.value.violations] == [place]
    found = await room.rules.inspect(draft)
    assert [field for field, _ in found.faults] == [place.removeprefix("rule_set.")]


async def test_group_condition_limit_and_decay_change_and_stay(room: Room) -> None:
    rules = room.rules
    limits = (Limit(1, 2, "event.id"), Limit(3))
    full = replace(CHAT, group="g", when="true", limits=limits)
    await rules.create_rule("acme", full)
    kept = await rules.update_rule("acme", "chat", RuleChanges(points_milli=1), "", anything)
    assert (kept.group, kept.when, kept.limits) == ("g", "true", limits)
    changed = await rules.update_rule("acme", "chat", RuleChanges(group="h", when=""), "", anything)
    assert (changed.group, changed.when, changed.limits) == ("h", "", limits)
    changed = await rules.update_rule("acme", "chat", RuleChanges(limits=()), "", anything)
    assert (changed.group, changed.limits) == ("h", ())
    groups = (Group("h", None, HalfLife(1)),)
    draft = await rules.update_rule_set("acme", RuleSetChanges(groups=groups), "")
    assert (draft.groups, draft.decay) == (groups, None)
    draft = await rules.update_rule_set("acme", RuleSetChanges(decay=HalfLife(7)), "")
    assert (draft.groups, draft.decay) == (groups, HalfLife(7))
    draft = await rules.update_rule_set("acme", RuleSetChanges(decay=None), "")
    assert (draft.groups, draft.decay) == (groups, None)
    _, active = await rules.activate("acme", 0, "", "me")
    await rules.delete_rule("acme", "chat", "")
    draft = await rules.rule_set("acme", 0)
    assert (draft.state, draft.groups) == (State.DRAFT, active.groups)


async def test_a_rule_whose_group_is_not_there_keeps_a_version_from_being_activated(
    room: Room,
) -> None:
    rules = room.rules
    await rules.create_rule("acme", replace(CHAT, group="later"))
    with pytest.raises(errors.GroupsMissing) as caught:
        await rules.activate("acme", 0, "", "me")
    place = len(PRESET.rules)
    assert [one.field for one in caught.value.violations] == [f"rule_set.rules[{place}].group"]
    assert (await rules.rule_set("acme", 2)).state is State.DRAFT
    assert len(room.store.outbox) == 1
    await rules.update_rule_set("acme", RuleSetChanges(groups=(Group("later"),)), "")
    _, active = await rules.activate("acme", 0, "", "me")
    assert active.groups == (Group("later"),)


async def test_a_group_that_rules_are_in_stays(room: Room) -> None:
    rules = room.rules
    there = (Group("a"), Group("b"), Group("c"))
    await rules.update_rule_set("acme", RuleSetChanges(groups=there), "")
    for number in range(7):
        await rules.create_rule("acme", Rule(f"r{number}", "x", 1, True, "", group="a"))
    await rules.create_rule("acme", Rule("last", "x", 1, True, "", group="b"))
    await rules.create_rule("acme", Rule("early", "x", 1, True, "", group="not-yet"))
    with pytest.raises(InvalidFields) as caught:
        await rules.update_rule_set("acme", RuleSetChanges(groups=(Group("c"),)), "")
    said = [(one.field, one.description) for one in caught.value.violations]
    assert said == [
        ("rule_set.groups", "must have `a`: in it are `r0`, `r1`, `r2`, `r3`, `r4` and 2 more"),
        ("rule_set.groups", "must have `b`: in it are `last`"),
    ]
    assert (await rules.rule_set("acme", 0)).groups == there
    await rules.update_rule_set("acme", RuleSetChanges(groups=there[:2]), "")
    await rules.update_rule("acme", "last", RuleChanges(group="a"), "", anything)
    draft = await rules.update_rule_set("acme", RuleSetChanges(groups=there[:1]), "")
    assert draft.groups == there[:1]


async def test_a_preset_takes_the_place_of_everything_in_the_draft(room: Room) -> None:
    rules = room.rules
    await rules.update_rule_set(
        "acme", RuleSetChanges("mine", (), None, (Group("mine"),), HalfLife(1)), ""
    )
    await rules.create_rule("acme", replace(CHAT, group="mine"))
    before = await rules.rule_set("acme", 0)
    with pytest.raises(EtagMismatch):
        await rules.apply_preset("acme", "leadflow", "2.1")
    assert await rules.rule_set("acme", 0) == before
    applied = await rules.apply_preset("acme", "leadflow", before.etag)
    preset = presets.load("leadflow")
    assert (applied.version, applied.etag) == (2, "2.3")
    assert [rule.rule_id for rule in applied.rules] == ["page_view", "purchase"]
    assert {rule.etag for rule in applied.rules} == {"2.3"}
    assert (applied.description, applied.stages, applied.bounds) == (preset.description, (), None)
    assert (applied.groups, applied.decay) == ((), None)
    assert (await rules.rule_set("acme", 1)).rules[0].rule_id == PRESET.rules[0].rule_id


async def test_a_preset_makes_the_draft_where_there_is_none(room: Room) -> None:
    assert [preset.name for preset in room.rules.presets()] == presets.names()
    with pytest.raises(errors.PresetNotFound):
        await room.rules.apply_preset("acme", "../simple", "")
    assert [one.version for one in await room.rules.rule_sets("acme", None, 10)] == [1]
    applied = await room.rules.apply_preset("acme", "platform", "1.1")
    assert (applied.version, applied.state, applied.etag) == (2, State.DRAFT, "2.1")


async def test_a_version_that_is_not_there(room: Room) -> None:
    with pytest.raises(errors.RuleSetNotFound):
        await room.rules.rule_set("acme", 2)
