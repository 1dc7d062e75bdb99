"""What the fold knows after some entries: everything that the next entry, or time alone, needs to go on. It
is kept with the lead as JSON; the number of its form tells when an older one must be made anew from the ledger."""

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from services.scoring.domain.model import instant, microseconds
from services.scoring.domain.values import value

FORMAT = 3
"""Goes up whenever the JSON, or the meaning of anything in it, changes."""


@value(frozen=True, slots=True)
class Contribution:
    """Points that fade on their own."""

    group: str
    at: int
    """Microseconds."""
    original: int
    left: int
    """Milli-points."""


@value(frozen=True, slots=True)
class Activity:
    """What the lead did, apart from what that earned. Times are microseconds; retracted, discarded and suspect events
    don't count."""

    first: int | None = None
    """When the first event happened; None before it."""
    newest: int | None = None
    """When the newest event happened."""
    last: int | None = None
    """When the lead was last active, which is later where a late event applied on arrival."""
    recent: tuple[int, ...] = ()
    """Of the newest events that velocity counts, in order."""
    forced: int | None = None
    """Of the newest event that makes the risk high."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Events by type."""


NO_ACTIVITY = Activity()


@value(frozen=True, slots=True)
class State:
    """All of a lead's score is here; the rest of a snapshot is bookkeeping."""

    scores: Mapping[str, int] = field(default_factory=dict)
    """Milli-points by group; rules without one share the group with the empty name."""
    total_faded: int = 0
    """What the decay of the total has taken; not positive for positive scores."""
    event_count: int = 0
    """Events in the ledger, also those that count for nothing."""
    last_position: tuple[datetime, str] | None = None
    """The greatest position of any entry; None before the first."""
    faded_to: int = 0
    """Microseconds up to which decay has been applied: the newest time applied."""
    activity: Activity = NO_ACTIVITY
    contributions: tuple[Contribution, ...] = ()
    """Of groups whose contributions fade one by one; without those that are gone."""
    uses: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    """Rule id (for its second limit followed by `#2`, and so on) -> key -> when the rule counted, for rules with
    limits."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The lead's attributes as its events said last."""
    standing: Mapping[str, int] = field(default_factory=dict)
    """Rule id -> milli-points that counted, of standing rules whose condition holds."""

    @property
    def score(self) -> int:
        """Milli-points."""
        return sum(self.scores.values()) + self.total_faded


EMPTY = State()

# A state is a tree: nothing in it needs to be remembered to find out that it comes round again.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True
)


def to_json(state: State) -> str:
    """The state as text; the same state always gives the same text."""
    occurred_at, event_id = state.last_position or (None, None)
    activity = state.activity
    # A tuple is written as a list.
    parts = {
        "scores": state.scores,
        "total_faded": state.total_faded,
        "event_count": state.event_count,
        "last": [microseconds(occurred_at), event_id] if occurred_at else None,
        "faded_to": state.faded_to,
        "contributions": [(c.group, c.at, c.original, c.left) for c in state.contributions],
        "uses": state.uses,
        "attributes": state.attributes,
        "standing": state.standing,
        "activity": (
            activity.first,
            activity.newest,
            activity.last,
            activity.recent,
            activity.forced,
            activity.counts,
        ),
    }
    return _ENCODER.encode(parts)


def from_json(text: str) -> State:
    """The state that `to_json` gave."""
    parts = json.loads(text)
    last = parts["last"]
    first, newest, active, recent, forced, counts = parts["activity"]
    return State(
        scores=parts["scores"],
        total_faded=parts["total_faded"],
        event_count=parts["event_count"],
        last_position=(instant(last[0]), last[1]) if last else None,
        faded_to=parts["faded_to"],
        contributions=tuple(Contribution(*values) for values in parts["contributions"]),
        uses={
            rule: {key: tuple(times) for key, times in of.items()}
            for rule, of in parts["uses"].items()
        },
        attributes=parts["attributes"],
        standing=parts["standing"],
        activity=Activity(first, newest, active, tuple(recent), forced, counts),
    )
