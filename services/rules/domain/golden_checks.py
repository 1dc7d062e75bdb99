"""What may be in golden tests. Like checks.py: every fault is noted under its path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.rules.domain import checks
from services.rules.domain.checks import SCORE_MAX, Problems
from services.rules.domain.golden import Expectation, GoldenEvent, GoldenTest
from services.rules.domain.model import ANY_EVENT_TYPE
from services.rules.domain.profile_checks import GRADE_NAME_MAX, PER_EVENT_MAX

TESTS_MAX = 50
TEST_NAME_MAX = 128
EVENTS_MAX = 100

EVENT_ID_MAX = 128
"""As of every event."""

VELOCITY_MAX = 1_000 * PER_EVENT_MAX
"""Of as many events as count, each adding the most it may."""

RISKS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class GoldenEventInput:
    """An event as a caller wrote it."""

    type: str
    at_ns: int | None
    properties: Mapping[str, Any]
    properties_fault: str | None
    """What is wrong with the properties, as the edge that decoded them found."""
    event_id: str


@dataclass(frozen=True, slots=True)
class ExpectationInput:
    """What a caller expects; None is anything."""

    score: float | None
    stage: str | None
    grade: str | None
    velocity: float | None
    risk: str | None
    next_action: str | None


@dataclass(frozen=True, slots=True)
class GoldenTestInput:
    """A golden test as a caller wrote it."""

    name: str
    events: Sequence[GoldenEventInput]
    after_ns: int | None
    expected: ExpectationInput


def tests(
    written: Sequence[GoldenTestInput], field: str, problems: Problems
) -> tuple[GoldenTest, ...]:
    """Golden tests, each name once."""
    if len(written) > TESTS_MAX:
        problems.note(field, f"must be at most {TESTS_MAX}, are {len(written)}")
        return ()
    checked: list[GoldenTest] = []
    for index, one in enumerate(written):
        path = f"{field}[{index}]"
        there = [before.name for before in checked]
        checks.unique_name(one.name, TEST_NAME_MAX, there, f"{path}.name", problems)
        checked.append(
            GoldenTest(
                one.name,
                _events(one.events, f"{path}.events", problems),
                _expectation(one.expected, f"{path}.expected", problems),
                _length(one.after_ns, f"{path}.after", problems),
            )
        )
    return tuple(checked)


def _events(
    written: Sequence[GoldenEventInput], field: str, problems: Problems
) -> tuple[GoldenEvent, ...]:
    if not 1 <= len(written) <= EVENTS_MAX:
        problems.note(field, f"must be 1 to {EVENTS_MAX}, are {len(written)}")
        return ()
    return tuple(_event(one, f"{field}[{index}]", problems) for index, one in enumerate(written))


def _event(written: GoldenEventInput, field: str, problems: Problems) -> GoldenEvent:
    if written.type == ANY_EVENT_TYPE:
        problems.note(f"{field}.type", "must be an event type, not every type")
        kind = ""
    else:
        kind = checks.event_type(written.type, f"{field}.type", problems)
    if written.properties_fault:
        problems.note(f"{field}.properties", written.properties_fault)
    if len(written.event_id) > EVENT_ID_MAX or not written.event_id.isprintable():
        problems.note(f"{field}.event_id", f"must be at most {EVENT_ID_MAX} printable characters")
    at = _length(written.at_ns, f"{field}.at", problems)
    return GoldenEvent(kind, at, written.properties, written.event_id)


def _expectation(written: ExpectationInput, field: str, problems: Problems) -> Expectation:
    texts = (
        ("stage", written.stage, checks.STAGE_NAME_MAX),
        ("grade", written.grade, 2 * GRADE_NAME_MAX),
        ("next_action", written.next_action, checks.RULE_ID_MAX),
    )
    for name, text, longest in texts:
        if text is not None and (len(text) > longest or not text.isprintable()):
            problems.note(f"{field}.{name}", f"must be at most {longest} printable characters")
    if written.risk is not None and written.risk not in RISKS:
        problems.note(f"{field}.risk", f"must be one of {', '.join(RISKS)}")
    score, velocity = written.score, written.velocity
    if velocity is not None and not 0 <= velocity <= VELOCITY_MAX:
        problems.note(f"{field}.velocity", f"must be between 0 and {VELOCITY_MAX:,}")
        velocity = 0
    checked = Expectation(
        None if score is None else checks.milli(score, SCORE_MAX, f"{field}.score", problems),
        written.stage,
        written.grade,
        None
        if velocity is None
        else checks.milli(velocity, VELOCITY_MAX, f"{field}.velocity", problems),
        written.risk,
        written.next_action,
    )
    if checked == Expectation():
        problems.note(field, "must say something: score, stage, grade, velocity, risk, next_action")
    return checked


def _length(written_ns: int | None, field: str, problems: Problems) -> int | None:
    return None if written_ns is None else checks.duration(written_ns, 0, field, problems)
