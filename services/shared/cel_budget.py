"""What the expressions of one rule set may cost together for one event, or for one look at a lead. The rules service
and scoring, which takes rule sets with calls, both hold them to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.shared.cel_cost import Cost

EVENT_COST_US_MAX = 1_000_000
"""For one event that is made to be as costly as one can be: everybody else's events wait meanwhile."""

LOOPING_MAX = 20
"""Expressions that loop, of a rule set."""

ANY_TYPE = "*"

LOOK = ""
"""Where next actions are evaluated: when somebody looks at a lead, whatever its events."""


@dataclass(frozen=True, slots=True)
class Spent:
    """An expression of a rule set."""

    field: str
    """Its path."""
    event_type: str
    """Of the events that it is evaluated for; ANY_TYPE, or LOOK."""
    cost: Cost


def overspent(expressions: Iterable[Spent]) -> Iterator[tuple[str, str]]:
    """The expressions that are too many, in the order in which they come, and what to say of each."""
    by_type: dict[str, int] = {}
    looping = 0
    for one in expressions:
        if one.cost.loops and looping == LOOPING_MAX:
            yield (
                one.field,
                f"is one too many that loops: a rule set has at most {LOOPING_MAX} (all, exists, exists_one)",
            )
            continue
        own = by_type.get(one.event_type, 0) + one.cost.us
        if one.event_type == ANY_TYPE:
            most = own + max(
                (by_type[name] for name in by_type.keys() - {ANY_TYPE, LOOK}), default=0
            )
        else:
            most = own + (by_type.get(ANY_TYPE, 0) if one.event_type != LOOK else 0)
        if most > EVENT_COST_US_MAX:
            # What is refused counts no more: the others may have room.
            yield one.field, _too_much(one, most)
            continue
        looping += one.cost.loops
        by_type[one.event_type] = own


def _too_much(one: Spent, most: int) -> str:
    what = "looking at a lead" if one.event_type == LOOK else "an event of the type"
    return (
        f"costs too much: with this expression {what} takes {_ms(most)} ms at worst, "
        f"{_ms(EVENT_COST_US_MAX)} ms are allowed; it takes {_ms(one.cost.us)} ms itself"
    )


def _ms(us: int) -> str:
    return f"{us / 1_000:,.3g}" if us < 100_000 else f"{us // 1_000:,}"
