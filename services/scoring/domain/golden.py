"""Golden tests of a rule set: a made-up lead's events in, what comes out, and in words what of it is not expected."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.scoring.domain.fold import in_order
from services.scoring.domain.intelligence import Observation
from services.scoring.domain.model import MILLI, Entry, RuleSet, instant

BEGIN = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, from which the times of tests' events are counted."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come out, or what came out; None may be anything. Score and velocity in thousandths."""

    score: int | None = None
    stage: str | None = None
    grade: str | None = None
    velocity: int | None = None
    risk: str | None = None
    next_action: str | None = None


@dataclass(frozen=True, slots=True)
class GoldenTest:
    """A test."""

    name: str
    events: tuple[Entry, ...]
    """In the order in which they arrive."""
    after: int | None
    """Microseconds after the first event in time at which to look; None: at the last event in time."""
    expected: Expectation


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """How a test came out."""

    name: str
    actual: Expectation
    differences: tuple[str, ...]
    """Such as `score is 75, not 80`; none where it passed."""


def run(test: GoldenTest, rules: RuleSet) -> GoldenResult:
    """Fold the test's events under the rules, and compare."""
    times = [entry.at for entry in test.events]
    as_of = max(times) if test.after is None else min(times) + test.after
    observation = Observation(rules)
    for entry in in_order(_counting(test.events, as_of), rules):
        observation.apply(entry)
    found = observation.intelligence(as_of)
    actual = Expectation(
        score=found.measures.score,
        stage=found.measures.stage,
        grade=found.grade,
        velocity=found.measures.velocity,
        risk=found.measures.risk,
        next_action=found.next_action,
    )
    return GoldenResult(test.name, actual, tuple(_differences(test.expected, actual)))


def _counting(events: Sequence[Entry], as_of: int) -> list[Entry]:
    """Those that happened by then, each id once, as the ledger would hold them."""
    by_id: dict[str, Entry] = {}
    for entry in events:
        by_id.setdefault(entry.event_id, entry)
    until = instant(as_of)
    return [entry for entry in by_id.values() if entry.occurred_at <= until]


def _differences(expected: Expectation, actual: Expectation) -> list[str]:
    compared = (
        ("score", _points(actual.score), _points(expected.score)),
        ("stage", actual.stage, expected.stage),
        ("grade", actual.grade, expected.grade),
        ("velocity", _points(actual.velocity), _points(expected.velocity)),
        ("risk", actual.risk, expected.risk),
        ("next action", actual.next_action, expected.next_action),
    )
    return [
        f"{name} is {is_ or 'none'}, not {should or 'none'}"
        for name, is_, should in compared
        if should is not None and is_ != should
    ]


def _points(milli: int | None) -> str | None:
    """Thousandths with as few decimals as they have."""
    if milli is None:
        return None
    whole, rest = divmod(abs(milli), MILLI)
    decimals = f".{rest:03}".rstrip("0") if rest else ""
    return f"{'-' if milli < 0 else ''}{whole}{decimals}"
