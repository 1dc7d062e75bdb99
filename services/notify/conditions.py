"""Filters in CEL over `change`: compiled once however many watches have the same one, and each evaluated once a change.
The language and its bounds are in services/shared/cel.py."""

from typing import Final
from weakref import WeakValueDictionary

from services.notify.domain.filtering import Change
from services.shared.cel import Environment, Expression, Given, InvalidExpression
from services.shared.errors import LimitExceeded

# Names of their own rather than fields of one, so that a wrong one is found when the expression is compiled.
_SAMPLE: Final = Change(
    lead_id="lead", version=1, cause="EVENT", event_type="page_view", score=1.0, delta_points=1.0
)
"""Every change has all variables and each is of one type, so what gives no answer for this one is wrong for all."""


def variables(change: Change) -> dict[str, object]:
    """The change as expressions see it."""
    return {
        "change.lead_id": change.lead_id,
        "change.cause": change.cause,
        "change.event_type": change.event_type,
        "change.score": change.score,
        "change.previous_score": change.previous_score,
        "change.delta": change.delta_points,
        "change.stage": change.stage,
        "change.previous_stage": change.previous_stage,
        "change.velocity": change.velocity,
        "change.previous_velocity": change.previous_velocity,
        "change.risk": change.risk,
        "change.previous_risk": change.previous_risk,
        "change.late": change.late,
        "change.merged_into": change.merged_into,
    }


class Conditions:
    """The conditions of all watches of the process."""

    def __init__(self, conditions_max: int) -> None:
        self._conditions_max = conditions_max
        self._environment = Environment(tuple(variables(_SAMPLE)))
        self._known: WeakValueDictionary[str, SharedCondition] = WeakValueDictionary()
        self._change: Change | None = None
        self._given: Given | None = None

    def compile(self, source: str) -> "SharedCondition":
        """The condition of that text. Raises InvalidExpression, or LimitExceeded when there are too many others."""
        known = self._known.get(source)
        if known is not None:
            return known
        expression = self._environment.condition(source)
        if not isinstance(expression.value(variables(_SAMPLE)), bool):
            raise InvalidExpression(
                "must be true or false of every change, and can't be worked out"
            )
        if len(self._known) >= self._conditions_max:
            raise LimitExceeded(
                "the watches of this process have as many different filters as they may have",
                self._conditions_max,
            )
        made = self._known[source] = SharedCondition(self, expression)
        return made

    def given(self, change: Change) -> Given:
        """The change as expressions see it; made once for all of them."""
        if self._given is None or self._change is not change:
            self._change, self._given = change, self._environment.given(variables(change))
        return self._given


class SharedCondition:
    """`filtering.Condition` of all watches that asked for the same. Remembers its last answer: a change is offered to
    all of them in a row."""

    def __init__(self, conditions: Conditions, expression: Expression) -> None:
        self._conditions = conditions
        self._expression = expression
        self._change: Change | None = None
        self._held = False

    def holds(self, change: Change) -> bool:
        """Whether it is true of the change."""
        if self._change is not change:
            self._held = self._expression.holds(self._conditions.given(change))
            self._change = change
        return self._held
