"""Golden tests of a rule set: events in, what must come out, and how it came out. They are kept here, and run by
scoring."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class GoldenEvent:
    """An event of a golden test."""

    type: str
    """In normal form."""
    at_us: int | None = None
    """Microseconds after the beginning of 2026; None: with the event before."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """As JSON has it."""
    event_id: str = ""
    """Empty: numbered."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come out, or what came out; None may be anything."""

    score_milli: int | None = None
    stage: str | None = None
    grade: str | None = None
    velocity_milli: int | None = None
    risk: str | None = None
    """`low`, `medium` or `high`."""
    next_action: str | None = None


@dataclass(frozen=True, slots=True)
class GoldenTest:
    """What the rules must make of some events."""

    name: str
    events: tuple[GoldenEvent, ...]
    """In the order in which they arrive."""
    expected: Expectation
    after_us: int | None = None
    """Look so long after the first event in time; None: at the last one."""


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """How a golden test came out."""

    name: str
    passed: bool
    actual: Expectation
    differences: tuple[str, ...] = ()
    """What differs, in words; none where it passed."""
