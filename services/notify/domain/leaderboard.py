"""A leaderboard at one moment, and what differs between two. When boards are read is in `services/notify/boards.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from services.notify.domain.filtering import Change


@dataclass(frozen=True, slots=True)
class Place:
    """A lead on the board."""

    position: int
    """1, 2, 3 ..."""
    rank: int
    """Equal scores share one."""
    lead_id: str
    display_name: str
    email: str
    company: str
    score: float
    stage: str


@dataclass(frozen=True, slots=True)
class Which:
    """Which board of a project."""

    limit: int
    stages: frozenset[str]
    """All when empty."""


class Board:
    """The leaders as they were read, in order. One object serves all watchers."""

    __slots__ = ("__weakref__", "_lead_ids", "places", "which")

    def __init__(self, which: Which, places: Sequence[Place]) -> None:
        self.which = which
        self.places = tuple(places)
        self._lead_ids = frozenset(place.lead_id for place in self.places)

    def may_differ_after(self, change: Change) -> bool:
        """Whether the change may show on the board, unless it was made before the board was read. Who is below the last
        place can only come up when somebody falls, and that is a change of its own."""
        if change.lead_id in self._lead_ids or change.merged_into in self._lead_ids:
            return True
        if self.which.stages and change.stage not in self.which.stages:
            return False
        return len(self.places) < self.which.limit or change.score >= self.places[-1].score


class Kind(Enum):
    """What can happen to a lead on a board."""

    ENTERED = auto()
    LEFT = auto()
    MOVED = auto()
    UPDATED = auto()


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """What happened to one lead."""

    kind: Kind
    place: Place
    """Now; of one that left, before."""
    previous: Place | None


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Difference:
    """What happened between two boards. One object serves all watchers."""

    changes: tuple[PlaceChange, ...]
    """Who left first, then the others in order of their new position."""


def difference(before: Board, after: Board) -> Difference:
    """Everything that differs."""
    earlier = {place.lead_id: place for place in before.places}
    changes = []
    for place in after.places:
        previous = earlier.pop(place.lead_id, None)
        if previous is None:
            changes.append(PlaceChange(Kind.ENTERED, place, None))
        elif (previous.position, previous.rank) != (place.position, place.rank):
            changes.append(PlaceChange(Kind.MOVED, place, previous))
        elif previous != place:
            changes.append(PlaceChange(Kind.UPDATED, place, previous))
    left = [PlaceChange(Kind.LEFT, place, place) for place in earlier.values()]
    return Difference((*left, *changes))
