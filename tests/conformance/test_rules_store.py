"""What any rules store must do, run against the one in memory and the one in Postgres: by itself, and under the use
cases side by side."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from scoreline.rules.v1 import rule_set_pb2
from services.rules import convert, errors, presets
from services.rules.convert import StreamEntry
from services.rules.domain.activation import Effective
from services.rules.domain.editing import RuleChanges, RuleSetChanges
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import (
    ALL_HISTORY,
    Activation,
    Binding,
    Bounds,
    Content,
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
    RuleSet,
    Stage,
    State,
    Velocity,
)
from services.rules.domain.presets import first_activation, first_version
from services.rules.handlers import Installer, Rules
from services.rules.ports import Store
from services.rules.store import PostgresStore
from services.rules.tables import outbox
from services.shared.errors import EtagMismatch
from services.shared.outbox import outbox_messages
from stack import Stack
from tests.support import service_database
from tests.support.clocks import START, SteppingClock
from tests.support.rules_golden import FakeTests
from tests.support.rules_store import InMemoryStore
from tests.support.service_database import Migrated

PRESET = presets.load(presets.SIMPLE)


@dataclass
class Subject:
    """A store, and what it has written for the RULES stream."""

    store: Store
    outbox: Callable[[], Awaitable[list[StreamEntry]]]

    async def told(self, project_id: str) -> list[rule_set_pb2.Activation]:
        """The activations of the project that scoring is told of, in order."""
        activations = []
        for entry in await self.outbox():
            if entry.subject.startswith(f"rules.{project_id}."):
                activation = rule_set_pb2.Activation.FromString(entry.payload)
                assert entry.subject == f"rules.{project_id}.{activation.number}"
                assert entry.version == 1
                activations.append(activation)
        return activations

    def rules(self) -> Rules:
        """The use cases, as a process of their own has them."""
        clock = SteppingClock()
        installer = Installer(self.store, clock, PRESET, lambda: None)
        return Rules(self.store, clock, installer, lambda: None, presets.load_all(), FakeTests())


def anything(_: Rule) -> None:
    """Every rule is whole."""


@pytest.fixture(scope="session")
def rules_schema(migrated: Migrated) -> Stack:
    return migrated("rules")


@pytest.fixture(params=["memory", "postgres"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        memory = InMemoryStore()

        async def written() -> list[StreamEntry]:
            return list(memory.outbox)

        yield Subject(memory, written)
        return
    servers = request.getfixturevalue("rules_schema")
    async with service_database.opened(servers, "rules") as database:

        async def rows() -> list[StreamEntry]:
            async with database.begin() as connection:
                found = await connection.execute(sa.select(outbox).order_by(outbox.c.id))
                return [
                    StreamEntry(
                        one.subject, int(str(one.message_id)[len(one.subject) + 1 :]), one.payload
                    )
                    for row in found
                    for one in outbox_messages(row)
                ]

        yield Subject(PostgresStore(database), rows)


@pytest.fixture
def project_id() -> str:
    return f"p-{secrets.token_hex(8)}"


async def install(subject: Subject, project_id: str) -> RuleSet:
    rule_set = first_version(PRESET, START)
    assert await subject.store.install(rule_set, first_activation(project_id, START))
    return rule_set


async def test_what_is_installed_is_there_and_told(subject: Subject, project_id: str) -> None:
    assert await subject.store.missing([project_id, "x" + project_id]) == [
        project_id,
        "x" + project_id,
    ]
    rule_set = await install(subject, project_id)
    assert await subject.store.missing([project_id, "x" + project_id]) == ["x" + project_id]
    assert await subject.store.rule_set(project_id, 0) == rule_set
    assert await subject.store.rule_set(project_id, 1) == rule_set
    assert await subject.store.rule_set(project_id, 2) is None
    assert await subject.store.activations(project_id, None, 10) == [
        Activation(project_id, 1, 1, START, "system", ALL_HISTORY)
    ]
    [told] = await subject.told(project_id)
    assert (told.number, told.version, told.actor) == (1, 1, "system")
    assert len(told.rule_set.rules) == len(PRESET.rules)


async def test_installing_again_changes_nothing(subject: Subject, project_id: str) -> None:
    rule_set = await install(subject, project_id)
    other = replace(rule_set, description="other")
    assert not await subject.store.install(other, first_activation(project_id, START))
    assert await subject.store.rule_set(project_id, 1) == rule_set
    assert len(await subject.told(project_id)) == 1


async def test_racing_installations_have_one_winner(subject: Subject, project_id: str) -> None:
    rule_set = first_version(PRESET, START)
    won = await asyncio.gather(
        *(subject.store.install(rule_set, first_activation(project_id, START)) for _ in range(10))
    )
    assert won.count(True) == 1
    assert len(await subject.told(project_id)) == 1


async def test_a_rule_set_comes_back_as_it_was_saved(subject: Subject, project_id: str) -> None:
    rule_set = await install(subject, project_id)
    full = replace(
        rule_set,
        description='Größe\n🚀 " \\',
        rules=(
            Rule("a", "*", -1_000_000_000, False, "x" * 1024, "1.7"),
            Rule("b", "page_view", 1, True, "", "1.1"),
            Rule(
                "c",
                "x",
                1,
                True,
                "",
                "1.1",
                "g",
                "lead.x == 'ß'",
                (Limit(1, 10**15, "event.id"), Limit(2)),
            ),
            Rule("d", "x", 1, True, "", "1.1", limits=(Limit(1_000),)),
        ),
        stages=(Stage("tief", -5), Stage("hoch", 10**12)),
        bounds=Bounds(None, -1),
        revision=8,
        groups=(
            Group("g", Bounds(0, None), IdleFactor(0, 1, 999_999)),
            Group("h", None, PerContribution(1, 100, 10**15)),
            Group("i", Bounds(None, None), HalfLife(1)),
            Group("j"),
        ),
        decay=IdleAmount(10**15, 1, 10**12, -(10**12)),
        grading=Grading("g", (Grade("A", 5), Grade("B", -5)), "h", (Grade("1", 0),)),
        velocity=Velocity(7, 1_500, "event.type == 'ß'"),
        risk=Risk(1, 2, ("x", "y"), None),
        next_actions=(NextAction("call", "score > 5.0"), NextAction("wait")),
        late_events=LateEvents.DISCARD_AND_AUDIT,
        binding=Binding.AT_EVENT_TIME,
        tests=(
            GoldenTest(
                "one",
                (GoldenEvent("x", 7, {"a": [1, 2.5, None, {"b": "ß"}], "huge": 1e300}, "e-1"),),
                Expectation(1, "s", "A1", 2, "high", "call"),
                9,
            ),
        ),
        engagement_group="h",
    )
    async with subject.store.change(project_id) as change:
        await change.save(full)
    assert await subject.store.rule_set(project_id, 1) == full
    async with subject.store.change(project_id) as change:
        await change.record(Activation(project_id, 2, 1, START, "x"), full)
    told = (await subject.told(project_id))[-1].rule_set
    assert told == convert.rule_set_message(full)
    [listed] = await subject.store.rule_sets(project_id, None, 10)
    assert listed == replace(full, rules=(), next_actions=(), tests=())
    empty = replace(full, **Content().said())
    async with subject.store.change(project_id) as change:
        await change.save(empty)
    assert await subject.store.rule_set(project_id, 1) == empty


async def test_a_failed_change_leaves_nothing(subject: Subject, project_id: str) -> None:
    rule_set = await install(subject, project_id)

    async def fail_at_the_end() -> None:
        async with subject.store.change(project_id) as change:
            assert await change.next_version() == 2
            assert await change.next_activation() == 2
            await change.save(replace(rule_set, state=State.SUPERSEDED))
            await change.save(replace(rule_set, version=2, state=State.ACTIVE))
            await change.record(Activation(project_id, 2, 2, START, "x"), rule_set)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at_the_end()
    assert await subject.store.rule_set(project_id, 0) == rule_set
    assert await subject.store.rule_set(project_id, 2) is None
    assert len(await subject.store.activations(project_id, None, 10)) == 1
    assert len(await subject.told(project_id)) == 1
    async with subject.store.change(project_id) as change:
        assert await change.next_version() == 2
        assert await change.next_activation() == 2


async def test_a_project_without_rules_can_not_be_changed(
    subject: Subject, project_id: str
) -> None:
    with pytest.raises(errors.ProjectNotInstalled):
        async with subject.store.change(project_id):
            raise AssertionError("there is nothing to change")
    assert await subject.store.rule_set(project_id, 0) is None
    assert await subject.store.rule_sets(project_id, None, 10) == []
    assert await subject.store.activations(project_id, None, 10) == []


async def test_the_newest_is_the_draft_and_else_the_one_in_force(
    subject: Subject, project_id: str
) -> None:
    rules = subject.rules()
    await rules.create_rule(project_id, Rule("a", "a", 1, True, ""))
    await rules.activate(project_id, 0, "", "me")
    await rules.create_rule(project_id, Rule("b", "b", 1, True, ""))
    assert (await rules.rule_set(project_id, 0)).version == 3
    await rules.activate(project_id, 1, "", "me")
    newest = await rules.rule_set(project_id, 0)
    assert (newest.version, newest.state) == (3, State.DRAFT)
    await rules.activate(project_id, 3, "", "me")
    await rules.activate(project_id, 2, "", "me")
    newest = await rules.rule_set(project_id, 0)
    assert (newest.version, newest.state) == (2, State.ACTIVE)
    states = [one.state.name for one in await subject.store.rule_sets(project_id, None, 10)]
    assert states == ["SUPERSEDED", "ACTIVE", "SUPERSEDED"]


async def test_lists_come_newest_first_page_by_page(subject: Subject, project_id: str) -> None:
    rules = subject.rules()
    for number in range(4):
        await rules.create_rule(project_id, Rule(f"r{number}", "x", 1, True, ""))
        await rules.activate(project_id, 0, "", "me")
    first = await subject.store.rule_sets(project_id, None, 3)
    rest = await subject.store.rule_sets(project_id, first[-1].version, 3)
    assert [one.version for one in (*first, *rest)] == [5, 4, 3, 2, 1]
    assert all(one.rules == () and one.stages == PRESET.stages for one in first)
    newest = await subject.store.activations(project_id, None, 2)
    older = await subject.store.activations(project_id, newest[-1].number, 9)
    assert [one.number for one in (*newest, *older)] == [5, 4, 3, 2, 1]


async def test_of_two_edits_with_one_etag_one_wins(subject: Subject, project_id: str) -> None:
    one, other = subject.rules(), subject.rules()
    read = (await one.rule_set(project_id, 0)).rules[0]
    for _ in range(5):
        results = await asyncio.gather(
            one.update_rule(
                project_id, read.rule_id, RuleChanges(points_milli=7), read.etag, anything
            ),
            other.update_rule(
                project_id, read.rule_id, RuleChanges(points_milli=8), read.etag, anything
            ),
            return_exceptions=True,
        )
        won = [result for result in results if isinstance(result, Rule)]
        lost = [result for result in results if isinstance(result, EtagMismatch)]
        assert (len(won), len(lost)) == (1, 1)
        kept = (await one.rule_set(project_id, 0)).rules[0]
        assert kept == won[0]
        read = kept


async def test_of_many_edits_of_a_rule_set_with_one_etag_one_wins(
    subject: Subject, project_id: str
) -> None:
    rules = subject.rules()
    etag = (await rules.rule_set(project_id, 0)).etag
    results = await asyncio.gather(
        *(
            subject.rules().update_rule_set(project_id, RuleSetChanges(description=str(n)), etag)
            for n in range(8)
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in results) == ["EtagMismatch"] * 7 + ["RuleSet"]
    # The seven took no number of a version either.
    assert [one.version for one in await rules.rule_sets(project_id, None, 10)] == [2, 1]


async def test_edits_side_by_side_lose_nothing(subject: Subject, project_id: str) -> None:
    await asyncio.gather(
        *(
            subject.rules().create_rule(project_id, Rule(f"r{n}", "x", n, True, ""))
            for n in range(12)
        )
    )
    draft = await subject.rules().rule_set(project_id, 0)
    assert (draft.version, draft.revision) == (2, 12)
    added = draft.rules[len(PRESET.rules) :]
    assert sorted(rule.rule_id for rule in added) == sorted(f"r{n}" for n in range(12))
    assert [rule.etag for rule in added] == [f"2.{n}" for n in range(1, 13)]


async def test_racing_activations_get_dense_numbers_in_the_order_they_are_told(
    subject: Subject, project_id: str
) -> None:
    rules = subject.rules()
    for number in range(3):
        await rules.create_rule(project_id, Rule(f"r{number}", "x", 1, True, ""))
        await rules.activate(project_id, 0, "", "me")
    answered = await asyncio.gather(
        *(subject.rules().activate(project_id, 1 + n % 4, "", f"key_{n}") for n in range(20))
    )
    kept = await subject.store.activations(project_id, None, 100)
    numbers = [activation.number for activation in kept]
    assert numbers == list(range(len(kept), 0, -1))
    assert {activation for activation, _ in answered} <= set(kept)
    told = await subject.told(project_id)
    assert [activation.number for activation in told] == sorted(numbers)
    by_number = {activation.number: activation for activation in kept}
    assert all(by_number[one.number].version == one.version for one in told)
    assert all(one.rule_set.version == one.version for one in told)
    # None follows itself: what is in force already is not activated again.
    versions = [activation.version for activation in reversed(kept)]
    assert all(a != b for a, b in pairwise(versions))
    active = [
        one for one in await rules.rule_sets(project_id, None, 10) if one.state is State.ACTIVE
    ]
    assert [one.version for one in active] == [kept[0].version]


async def test_a_version_activated_again_from_another_time_on_and_back_to_the_one_before(
    subject: Subject, project_id: str
) -> None:
    rules = subject.rules()
    await rules.create_rule(project_id, Rule("chat", "chat", 1, True, ""))
    times = [START + timedelta(days=days) for days in (5, 3, 3, 1)]
    made = [(await rules.activate(project_id, 2, "", "me", Effective(time)))[0] for time in times]
    assert [one.number for one in made] == [2, 3, 3, 4]
    kept = await subject.store.activations(project_id, None, 100)
    assert [(one.number, one.version) for one in kept] == [(4, 2), (3, 2), (2, 2), (1, 1)]
    told = await subject.told(project_id)
    assert [one.effective_time.ToDatetime(tzinfo=UTC) for one in told[1:]] == [
        times[0], times[1], times[3],
    ]  # fmt: skip
    states = [one.state for one in await rules.rule_sets(project_id, None, 10)]
    assert states == [State.ACTIVE, State.SUPERSEDED]
    back, _ = await rules.rollback(project_id, 0, "me")
    assert (back.number, back.version) == (5, 1)


@pytest.mark.parametrize("name", presets.names())
async def test_every_preset_can_be_applied_and_activated(
    subject: Subject, project_id: str, name: str
) -> None:
    rules = subject.rules()
    await rules.create_rule(project_id, Rule("mine", "x", 1, True, ""))
    applied = await rules.apply_preset(project_id, name, "2.1")
    preset = presets.load(name)
    assert (applied.version, applied.state, applied.etag) == (2, State.DRAFT, "2.2")
    assert applied == await subject.store.rule_set(project_id, 2)
    said = {**preset.said(), "rules": tuple(replace(rule, etag="2.2") for rule in preset.rules)}
    assert applied.said() == said
    _, active = await rules.activate(project_id, 0, "", "me")
    assert (await subject.told(project_id))[-1].rule_set == convert.rule_set_message(active)


async def test_projects_do_not_meet(subject: Subject, project_id: str) -> None:
    rules = subject.rules()
    other = project_id + "-2"
    await rules.create_rule(project_id, Rule("mine", "x", 1, True, ""))
    assert len((await rules.rule_set(other, 0)).rules) == len(PRESET.rules)
    await rules.activate(project_id, 0, "", "me")
    assert [one.number for one in await rules.activations(other, None, 10)] == [1]
    assert [one.number for one in await subject.told(other)] == [1]
