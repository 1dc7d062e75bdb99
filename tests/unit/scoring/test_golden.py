"""Golden tests: when one looks, what counts, and how a difference is said."""

from __future__ import annotations

from dataclasses import replace

from services.scoring.domain.activity import Risk, Velocity
from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.golden import BEGIN, Expectation, GoldenTest, run
from services.scoring.domain.model import (
    Entry,
    Grade,
    Grading,
    Group,
    LateEvents,
    NextAction,
    Rule,
    RuleSet,
    Stage,
    instant,
)

RULES = RuleSet(
    1,
    rules=(Rule("view", "view", 5_000), Rule("fit", "fit", 2_500, group="fit")),
    stages=(Stage("cold", 0), Stage("warm", 10_000)),
    groups=(Group("fit"),),
    grading=Grading("fit", (Grade("A", 2_000), Grade("B", 0)), "", (Grade("1", 0),)),
    velocity=Velocity(DAY, 1_500),
    risk=Risk(medium_after=DAY, high_after=3 * DAY),
    next_actions=(NextAction("call", lambda about: about["stage"] == "warm"),),
)


def event(number: int, kind: str = "view", days: float = 0, event_id: str = "") -> Entry:
    at = instant(BEGIN + round(days * DAY))
    return Entry(event_id or f"event-{number:03}", kind, at, sequence=number)


def case(*events: Entry, after: int | None = None, **expected: object) -> GoldenTest:
    return GoldenTest("it", events, after, Expectation(**expected))  # type: ignore[arg-type]


def test_what_comes_out_is_complete() -> None:
    found = run(case(event(1), event(2), event(3, "fit"), score=12_500), RULES)
    assert found.differences == ()
    assert found.actual == Expectation(12_500, "warm", "A1", 4_500, "low", "call")


def test_every_difference_is_said() -> None:
    expected = {
        "score": 80_000, "stage": "hot", "grade": "A1", "velocity": 0, "risk": "high",
        "next_action": "",
    }  # fmt: skip
    found = run(case(event(1), event(2, "fit", days=0.5), **expected), RULES)
    assert found.differences == (
        "score is 7.5, not 80",
        "stage is cold, not hot",
        "velocity is 3, not 0",
        "risk is low, not high",
    )
    negative = replace(RULES, rules=(Rule("view", "view", -1_020),), next_actions=())
    said = run(case(event(1), score=0, next_action="call"), negative).differences
    assert said == ("score is -1.02, not 0", "next action is none, not call")


def test_one_looks_at_the_last_event_or_so_long_after_the_first() -> None:
    fading = replace(RULES, decay=IdleAmount(0, DAY, 1_000, 0))
    events = (event(1, days=2), event(2, days=0))
    assert run(case(*events), fading).actual.score == 8_000
    assert run(case(*events, after=4 * DAY), fading).actual.score == 6_000
    assert run(case(*events, after=4 * DAY), fading).actual.risk == "medium"
    # What happens later has not happened yet.
    assert run(case(*events, after=DAY), fading).actual.score == 4_000
    assert run(case(*events, after=0), fading).actual.score == 5_000


def test_an_id_counts_once_and_the_first_counts() -> None:
    found = run(case(event(1, event_id="x"), event(2, "fit", event_id="x")), RULES)
    assert found.actual.score == 5_000


def test_events_arrive_in_the_order_of_the_test() -> None:
    late = (event(1, days=2), event(2, days=0))
    discarding = replace(RULES, late_events=LateEvents.DISCARD_AND_AUDIT)
    assert run(case(*late), discarding).actual.score == 5_000
    assert run(case(*reversed(late)), RULES).actual.score == 10_000
