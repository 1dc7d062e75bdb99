"""Rules' conditions and limit keys in CEL, as the domain takes them: functions of an entry and the lead's attributes.

`event.type`, `event.properties`, `event.source`, `event.id`, and `lead`, the attributes that the lead's `identify` and
`lead_updated` events gave up to then. What can't be evaluated, e.g. for want of a property, does not hold.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from services.scoring.domain.model import Attributes, Condition, Entry, Key, Situation
from services.shared.cel import Environment, Expression, Given
from services.shared.cel_cost import Cost

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
    expression = _condition(source)

    def holds(entry: Entry, attributes: Attributes) -> bool:
        return expression.holds(_seen.given(entry, attributes))

    return _once_an_entry(source, holds)


def situation(source: str) -> Callable[[Situation], bool]:
    """A compiled condition of a next action. Raises InvalidExpression."""
    expression = _situation(source)

    def holds(found: Situation) -> bool:
        return expression.holds(_looked_at.given(found))

    return holds


@lru_cache(COMPILED_MAX)
def key(source: str) -> Key:
    """A compiled limit key, the same one for the same source. Raises InvalidExpression."""
    expression = _key(source)

    def value(entry: Entry, attributes: Attributes) -> str:
        found = _listed(expression.value(_seen.given(entry, attributes)))
        text = json.dumps(found, default=str)
        return text if len(text) <= KEY_CHARS_MAX else sha256(text.encode()).hexdigest()

    return _once_an_entry(source, value)


_condition = lru_cache(COMPILED_MAX)(_ENVIRONMENT.condition)
_key = lru_cache(COMPILED_MAX)(_ENVIRONMENT.key)
_situation = lru_cache(COMPILED_MAX)(_SITUATION.condition)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of expressions in rule sets."""

    compiled: Callable[[str], object]
    """Raises InvalidExpression."""
    expression: Callable[[str], Expression]

    def cost(self, source: str) -> Cost:
        """What one that compiles takes at worst."""
        return self.expression(source).cost


CONDITION = Kind(condition, _condition)
KEY = Kind(key, _key)
SITUATION = Kind(situation, _situation)


class _Last:
    """What was looked at last, made into variables once: many expressions are about the same, one after the other."""

    def __init__(
        self, environment: Environment, variables: Callable[..., Mapping[str, Any]]
    ) -> None:
        self._environment = environment
        self._variables = variables
        self._last: tuple[tuple[object, ...], Given] | None = None

    def given(self, *about: object) -> Given:
        """The variables. What they are about must not change while it is the same object."""
        last = self._last
        if last is not None and all(map(_same, last[0], about)):
            return last[1]
        given = self._environment.given(self._variables(*about))
        self._last = (about, given)
        return given


def _same(one: object, other: object) -> bool:
    return one is other


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


_seen = _Last(_ENVIRONMENT, _variables)
_looked_at = _Last(_SITUATION, dict)
