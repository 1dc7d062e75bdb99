"""What came of trying an automation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Met:
    """That a trigger was met."""

    lead_id: str
    version: int
    time: datetime
    moment: str
    change: bytes | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would send."""

    kind: str
    content: Mapping[str, Any]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """An execution that would have been."""

    met: Met
    bucket: str


@dataclass(frozen=True, slots=True)
class LeadTrial:
    """What it would do for a lead."""

    reason: str
    """Why it would not act; empty where it would."""
    tried: Tried | None
    previews: Sequence[Preview]


@dataclass(frozen=True, slots=True)
class DaysTrial:
    """What it would have done."""

    newest: Sequence[Tried]
    execution_count: int
    lead_count: int
    change_count: int
    from_time: datetime
    previews: Sequence[Preview]
