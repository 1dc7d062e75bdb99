"""Rules' conditions and limit keys in CEL, as the domain takes them: functions of an entry and the lead's attributes.

`event.type`, `event.properties`, `event.source`, `event.id`, and `lead`, the attributes that the lead's `identify` and
`lead_updated` events gave up to then. What can't be evaluated, e.g. for want of a property, does not hold.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from services.scoring.domain.model import Attributes, Condition, Entry, Key, Situation
from services.shared.cel import Environment

_ENVIRONMENT = Environment(("event", "lead"))

_SITUATION = Environment(
    (
        "score",
        "stage",
        "grade",
        "fit_grade",
        "engagement_grade",
        "velocity",
        "risk",
        "trend",
        "groups",
        "events",
        "lead",
    )
)

KEY_CHARS_MAX = 64
"""What a limit counts by is kept with the lead; of anything longer its SHA-256, which has as many digits."""

COMPILED_MAX = 2_048
"""Expressions kept compiled: rules, versions and drafts share most of theirs."""

_LEAD = re.compile(r"\blead\b")

T = TypeVar("T")


@lru_cache(COMPILED_MAX)
def condition(source: str) -> Condition:
    """A compiled condition, the same one for the same source. Raises InvalidExpression."""
    expression = _ENVIRONMENT.condition(source)

    def holds(entry: Entry, attributes: Attributes) -> bool:
        return expression.holds(_variables(entry, attributes))

    return _once_an_entry(source, holds)


def situation(source: str) -> Callable[[Situation], bool]:
    """A compiled condition of a next action. Raises InvalidExpression."""
    expression = _SITUATION.condition(source)

    def holds(found: Situation) -> bool:
        return expression.holds(dict(found))

    return holds


@lru_cache(COMPILED_MAX)
def key(source: str) -> Key:
    """A compiled limit key, the same one for the same source. Raises InvalidExpression."""
    expression = _ENVIRONMENT.key(source)

    def value(entry: Entry, attributes: Attributes) -> str:
        text = json.dumps(_listed(expression.value(_variables(entry, attributes))), default=str)
        return text if len(text) <= KEY_CHARS_MAX else sha256(text.encode()).hexdigest()

    return _once_an_entry(source, value)


def _once_an_entry(
    source: str, evaluate: Callable[[Entry, Attributes], T]
) -> Callable[[Entry, Attributes], T]:
    """Evaluated once for all who ask about the same entry one after the other (rules with the same condition, several
    rule sets), where the lead's attributes have no say."""
    if _LEAD.search(source):
        return evaluate
    last: tuple[Entry, T] | None = None

    def evaluated(entry: Entry, attributes: Attributes) -> T:
        nonlocal last
        if last is None or last[0] is not entry:
            last = (entry, evaluate(entry, attributes))
        return last[1]

    return evaluated


def _listed(value: Any) -> Any:
    """Maps as lists of pairs in one order: their keys may be of types that don't compare, or that JSON lacks."""
    if isinstance(value, dict):
        pairs = ([json.dumps(key, default=str), _listed(inner)] for key, inner in value.items())
        return {"map": sorted(pairs, key=lambda pair: pair[0])}
    return [_listed(inner) for inner in value] if isinstance(value, list) else value


def _variables(entry: Entry, attributes: Attributes) -> dict[str, Any]:
    event = {
        "id": entry.event_id,
        "type": entry.type,
        "source": entry.source,
        "properties": dict(entry.properties),
    }
    return {"event": event, "lead": dict(attributes)}
