"""What sets automations off, how often they act, how an execution goes on, whose turn it is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain import executing
from services.notify.domain.actions import (
    AssignOwner,
    CreateTask,
    Outcome,
    Publish,
    Slack,
    Territory,
)
from services.notify.domain.automations import (
    ActionState,
    AnyChange,
    Daily,
    Definition,
    ExecutionState,
    Frequency,
    Inactive,
    NextActionBecame,
    RiskReached,
    ScoreCrossed,
    StageEntered,
    StageLeft,
    Trigger,
    VelocityReached,
    bucket,
    execution_id,
    moment_of_version,
)
from services.notify.domain.filtering import Change
from services.notify.domain.owners import turns_of

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
UP = Change("a", 2, cause="EVENT", previous_score=10, score=60, previous_stage="cold", stage="hot")
NEW = Change("a", 1, cause="EVENT", score=60, stage="hot")
DOWN = Change(
    "a", 3, cause="DECAY", previous_score=60, score=10, previous_stage="hot", stage="cold"
)
SAME = Change("a", 4, cause="EVENT", previous_score=60, score=60, previous_stage="hot", stage="hot")


def speed(before: float, after: float) -> Change:
    return Change("a", 2, cause="EVENT", previous_velocity=before, velocity=after)


def risk(before: str, after: str) -> Change:
    return Change("a", 2, cause="DECAY", previous_risk=before, risk=after)


@pytest.mark.parametrize(
    ("trigger", "change", "met"),
    [
        (StageEntered(), UP, True),
        (StageEntered(), NEW, True),
        (StageEntered(), SAME, False),
        (StageEntered(("hot",)), UP, True),
        (StageEntered(("cold",)), UP, False),
        (StageEntered(("cold",)), DOWN, True),
        (StageLeft(), UP, True),
        (StageLeft(), NEW, False),
        (StageLeft(("cold",)), UP, True),
        (StageLeft(("hot",)), UP, False),
        (StageLeft(("hot",)), SAME, False),
        (ScoreCrossed(60), UP, True),
        (ScoreCrossed(60.001), UP, False),
        (ScoreCrossed(10), UP, False),
        (ScoreCrossed(60), SAME, False),
        (ScoreCrossed(60), DOWN, False),
        (ScoreCrossed(60, downwards=True), DOWN, True),
        (ScoreCrossed(10, downwards=True), DOWN, False),
        (ScoreCrossed(60, downwards=True), UP, False),
        (VelocityReached(5), speed(4, 5), True),
        (VelocityReached(5), speed(5, 6), False),
        (VelocityReached(5), speed(6, 4), False),
        (RiskReached("MEDIUM"), risk("", "MEDIUM"), True),
        (RiskReached("MEDIUM"), risk("LOW", "HIGH"), True),
        (RiskReached("MEDIUM"), risk("HIGH", "MEDIUM"), False),
        (RiskReached("HIGH"), risk("LOW", "MEDIUM"), False),
        (RiskReached("LOW"), risk("", "LOW"), True),
        (AnyChange(), SAME, True),
        (Inactive(7), UP, False),
        (Daily(time(8)), UP, False),
        (NextActionBecame(), SAME, True),
    ],
)
def test_a_trigger_is_met_by_what_it_says(trigger: Trigger, change: Change, met: bool) -> None:
    assert trigger.met(change) is met


@pytest.mark.parametrize("cause", ["RULES", "REPLAY"])
def test_replays_and_other_rules_set_nothing_off_unless_asked(cause: str) -> None:
    change = Change("a", 2, cause=cause, score=60, stage="hot")
    act = (CreateTask("t"),)
    assert not Definition("n", AnyChange(), act).triggered(change)
    assert Definition("n", AnyChange(), act, include_bulk_changes=True).triggered(change)
    # What the next action was before other rules can't be told from what it is after.
    became = Definition("n", NextActionBecame(), act, include_bulk_changes=True)
    assert not became.triggered(change)


def test_a_lead_that_is_merged_away_sets_nothing_off() -> None:
    gone = Change("a", 9, cause="MERGE", previous_score=60, previous_stage="hot", merged_into="b")
    for trigger in (AnyChange(), StageLeft(), ScoreCrossed(5, downwards=True)):
        assert not Definition("n", trigger, (), include_bulk_changes=True).triggered(gone)


def test_a_next_action_becomes_another_one() -> None:
    trigger = NextActionBecame(("call", "mail"))
    assert trigger.became("", "call")
    assert trigger.became("mail", "call")
    assert not trigger.became("call", "call")
    assert not trigger.became("call", "wait")
    assert NextActionBecame().became("call", "")


def test_it_acts_once_a_day_by_utc() -> None:
    late = datetime(2026, 2, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    names = [
        bucket(Frequency.DAILY, "v1", late),
        bucket(Frequency.DAILY, "v2", late + timedelta(microseconds=1)),
        # The same instant as the first, written elsewhere.
        bucket(Frequency.DAILY, "v3", late.astimezone(timezone(timedelta(hours=9)))),
    ]
    assert names == ["2026-02-01", "2026-02-02", "2026-02-01"]


def test_it_acts_every_time_or_once() -> None:
    versions = [moment_of_version(one) for one in (1, 2)]
    assert [bucket(Frequency.EVERY_TIME, one, NOW) for one in versions] == ["v1", "v2"]
    assert {bucket(Frequency.ONCE, one, NOW) for one in versions} == {"ever"}


def test_an_execution_has_one_id_for_ever() -> None:
    named = execution_id("aut_1", "a", "2026-02-01")
    # Never to change: what was done would be done again.
    assert named == "exe_dc6489ad77f212b73ae50f168bf4e27d"
    assert (
        len({named, execution_id("aut_1", "a2", "026-02-01"), execution_id("aut_", "1a", "x")}) == 3
    )


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        (datetime(2026, 2, 1, 8, 30, tzinfo=UTC), datetime(2026, 2, 1, 8, 30, tzinfo=UTC)),
        (datetime(2026, 2, 1, 8, 29, 59, tzinfo=UTC), datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        (datetime(2026, 2, 1, 23, 0, tzinfo=UTC), datetime(2026, 2, 1, 8, 30, tzinfo=UTC)),
    ],
)
def test_the_time_of_day_came_last(now: datetime, latest: datetime) -> None:
    assert Daily(time(8, 30)).latest(now) == latest


TWO = (CreateTask("t"), Publish("s"))


def test_actions_go_on_where_they_were() -> None:
    fresh = executing.states_of(TWO, ())
    assert [one.state for one in fresh] == [ExecutionState.PENDING] * 2
    first = executing.after(fresh, 0, Outcome("tsk_1"), NOW)
    failed = executing.after(first, 1, Outcome(error="away"), NOW)
    assert executing.state_of(failed) is ExecutionState.PENDING
    assert executing.states_of(TWO, failed) == failed
    # Another order changes nothing: what was done is known by what it is.
    turned = executing.states_of(TWO[::-1], failed)
    assert [one.state for one in turned] == [ExecutionState.PENDING, ExecutionState.SUCCEEDED]
    # An edited one counts as what it was.
    edited = executing.states_of((CreateTask("other"), TWO[1]), failed)
    assert [one.state for one in edited] == [ExecutionState.SUCCEEDED, ExecutionState.PENDING]
    # Another kind of action came to that place meanwhile: it has not been carried out.
    other = executing.states_of((Slack("https://a", "t"), Publish("s")), failed)
    assert [one.state for one in other] == [ExecutionState.PENDING] * 2
    assert (other[0].kind, other[0].detail, other[1].error) == ("slack", "", "away")
    done = executing.after(failed, 1, Outcome(), NOW)
    assert executing.state_of(done) is ExecutionState.SUCCEEDED


def test_what_fails_for_good_is_not_tried_again_but_by_hand() -> None:
    states = executing.states_of(TWO, ())
    states = executing.after(states, 0, Outcome(), NOW)
    states = executing.after(states, 1, Outcome(error="no such channel", permanent=True), NOW)
    assert executing.state_of(states) is ExecutionState.FAILED
    again = executing.begun_again(states)
    assert [one.state for one in again] == [ExecutionState.SUCCEEDED, ExecutionState.PENDING]
    given_up = executing.given_up(again)
    assert executing.state_of(given_up) is ExecutionState.FAILED
    assert given_up[0].state is ExecutionState.SUCCEEDED


@given(st.lists(st.sampled_from(["ok", "again", "never"]), min_size=1, max_size=20))
def test_an_action_that_was_carried_out_never_is_again(outcomes: list[str]) -> None:
    made = {
        "ok": Outcome(),
        "again": Outcome(error="e"),
        "never": Outcome(error="e", permanent=True),
    }
    states = executing.states_of(TWO, ())
    done = 0
    for outcome in outcomes:
        if states[0].state is ExecutionState.PENDING:
            done += outcome == "ok"
            states = executing.after(states, 0, made[outcome], NOW)
        states = executing.states_of(TWO, states)
    assert done <= 1
    assert states[1] == ActionState(
        "publish", ExecutionState.PENDING, action=executing.named(TWO[1])
    )


def test_two_actions_that_are_alike_are_two() -> None:
    alike = (Publish("s"), Publish("s"))
    states = executing.after(executing.states_of(alike, ()), 0, Outcome(), NOW)
    again = executing.states_of(alike, states)
    assert [one.state for one in again] == [ExecutionState.SUCCEEDED, ExecutionState.PENDING]


def test_an_action_is_known_without_its_secrets() -> None:
    names = {executing.named(Slack(url, "t")) for url in ("https://a", "https://b")}
    assert len(names) == 1
    assert executing.named(Slack("https://a", "u")) not in names


def test_the_other_side_is_left_alone_without_the_others_waiting() -> None:
    states = executing.states_of(TWO, ())
    states = executing.after(states, 0, Outcome(error="busy", retry_after_s=86_400), NOW)
    states = executing.after(states, 1, Outcome(error="away"), NOW)
    states, due = executing.next_attempt(states, 5.0, NOW)
    assert due == NOW + timedelta(seconds=5)
    assert [executing.is_due(one, due) for one in states] == [False, True]
    # At the end of the schedule only who asked for it is waited for.
    ended, last = executing.next_attempt(states, None, NOW)
    assert last == NOW + timedelta(days=1)
    assert [one.state for one in ended] == [ExecutionState.PENDING, ExecutionState.FAILED]
    given_up, never = executing.next_attempt(ended, None, last)
    assert (never, executing.state_of(given_up)) == (None, ExecutionState.FAILED)
    assert executing.next_attempt(executing.states_of((), ()), 5.0, NOW) == ((), None)


@given(st.text(st.characters(codec=None), max_size=600))
def test_whatever_somebody_says_can_be_kept(said: str) -> None:
    states = executing.after(executing.states_of(TWO, ()), 0, Outcome(detail=said, error=said), NOW)
    for kept in (states[0].detail, states[0].error):
        assert len(kept) <= executing.SAID_CHARS_MAX
        assert kept.isprintable()
        kept.encode()


SALES = AssignOwner(
    owners=("x", "y"),
    territory_attribute="country",
    territories=(Territory(("DE", "at"), ("d1", "d2")), Territory(("GB",), ("g",))),
)


@pytest.mark.parametrize(
    ("attributes", "owners"),
    [
        ({"country": "de"}, ("d1", "d2")),
        ({"country": " AT "}, ("d1", "d2")),
        ({"country": "GB"}, ("g",)),
        ({"country": "FR"}, ("x", "y")),
        ({"country": None}, ("x", "y")),
        ({"country": ["DE"]}, ("x", "y")),
        ({"country": True}, ("x", "y")),
        ({}, ("x", "y")),
    ],
)
def test_a_lead_belongs_to_its_territory(attributes: dict[str, object], owners: tuple[str]) -> None:
    turns = turns_of(SALES, attributes)
    assert turns is not None
    assert turns.owners == owners
    assert [turns.owner(taken) for taken in range(4)] == [
        owners[taken % len(owners)] for taken in range(4)
    ]


def test_a_lead_of_nobody_stays_as_it_is() -> None:
    only = AssignOwner(territory_attribute="country", territories=SALES.territories)
    assert turns_of(only, {"country": "FR"}) is None
    number = AssignOwner(("a",), "zone", (Territory(("7",), ("seven",)),))
    assert turns_of(number, {"zone": 7}).owners == ("seven",)  # type: ignore[union-attr]
