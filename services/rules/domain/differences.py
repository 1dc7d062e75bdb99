"""What changed from one rule set to another, part by part. Both come as trees of maps, lists and values, as a text has
them; what is a list of named parts is compared by name."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What happened to a part."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that is not the same. What was added has no value before, what was removed none after; of what was moved
    the values are its places in its list, from 1."""

    kind: Kind
    path: str
    before: Any = None
    after: Any = None


Tree = Mapping[str, Any]

DEFAULTS: Tree = {"late_events": "REPLAY", "binding": "CURRENT"}
"""What a rule set says that does not say it."""

_RULE_DEFAULTS: Tree = {"enabled": True, "standing": False}

_NAMES: Mapping[str, str] = {
    "rules": "rule_id",
    "stages": "name",
    "groups": "name",
    "grading.fit_grades": "name",
    "grading.engagement_grades": "name",
    "next_actions": "action",
    "tests": "name",
}
"""Lists of parts, and which of its fields each part is called by."""

_WHOLE = ("decay", "limits", "events")
"""Maps and lists that are compared as one value: their parts mean little alone."""


def differences(before: Tree, after: Tree) -> list[Difference]:
    """What changed, in the order of the parts."""
    return list(_maps({**DEFAULTS, **before}, {**DEFAULTS, **after}, ""))


def _maps(before: Tree, after: Tree, path: str) -> Iterator[Difference]:
    for name in _names(before, after):
        inner = f"{path}.{name}" if path else name
        yield from _values(before.get(name), after.get(name), name, inner)


def _names(before: Tree, after: Tree) -> list[str]:
    """The names of both, in their common order: a name that only one has follows the one before it there."""
    names = list(before)
    for index, name in enumerate(after):
        if name not in before:
            earlier = list(after)[:index]
            place = max((names.index(one) + 1 for one in earlier), default=0)
            names.insert(place, name)
    return names


def _values(before: Any, after: Any, name: str, path: str) -> Iterator[Difference]:
    if before == after:
        return
    if path in _NAMES or path == "risk.high_event_types":
        yield from _lists(before or [], after or [], path)
    elif before is None:
        yield Difference(Kind.ADDED, path, after=after)
    elif after is None:
        yield Difference(Kind.REMOVED, path, before=before)
    elif isinstance(before, Mapping) and isinstance(after, Mapping) and name not in _WHOLE:
        yield from _maps(before, after, path)
    else:
        yield Difference(Kind.CHANGED, path, before, after)


def _lists(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Difference]:
    """First what is gone, then the rest in its new order."""
    old, new = _called(before, path), _called(after, path)
    for name, part in old.items():
        if name not in new:
            yield Difference(Kind.REMOVED, f"{path}[{name}]", before=part)
    old_places, new_places = _places(old), _places(new)
    stay = _longest_rise([old_places[name] for name in new if name in old])
    for name, part in new.items():
        inner = f"{path}[{name}]"
        if name not in old:
            yield Difference(Kind.ADDED, inner, after=part)
            continue
        if old_places[name] not in stay:
            yield Difference(Kind.MOVED, inner, old_places[name], new_places[name])
        if isinstance(part, Mapping):
            defaults = _RULE_DEFAULTS if path == "rules" else {}
            yield from _maps({**defaults, **old[name]}, {**defaults, **part}, inner)


def _called(parts: Sequence[Any], path: str) -> dict[str, Any]:
    """The parts by name. One whose name is there already, as an action's may be, is called by a number besides."""
    field = _NAMES.get(path)
    called: dict[str, Any] = {}
    for part in parts:
        name = wanted = part[field] if field else part
        number = 1
        while name in called:
            number += 1
            name = f"{wanted}#{number}"
        called[name] = part
    return called


def _places(parts: Mapping[str, Any]) -> dict[str, int]:
    return {name: place for place, name in enumerate(parts, start=1)}


def _longest_rise(places: Sequence[int]) -> set[int]:
    """Those that can stay where they are, so that as few as possible are said to have moved: a longest increasing
    subsequence, by patience sorting."""
    tops: list[int] = []
    piles: list[int] = []
    for place in places:
        pile = bisect_left(tops, place)
        tops[pile : pile + 1] = [place]
        piles.append(pile)
    stay: set[int] = set()
    wanted = len(tops) - 1
    for place, pile in zip(reversed(places), reversed(piles), strict=True):
        if pile == wanted:
            stay.add(place)
            wanted -= 1
    return stay
