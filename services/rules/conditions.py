"""Judging the CEL expressions in rule sets: conditions of rules, of velocity and of next actions, and keys of limits.
Evaluating them is scoring's business; the variables are those it gives."""

from collections.abc import Callable
from functools import lru_cache

from services.rules.domain.checks import Expressions, Fault
from services.shared.cel import Environment, Expression, InvalidExpression

_EVENT = Environment(("event", "lead"))
_LEAD = Environment(("lead",))
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

_REMEMBERED = 4_096
"""Faults, or that there are none: a rule set that is imported or validated again says mostly the same."""


def _judge(compiled: Callable[[str], Expression]) -> Fault:
    @lru_cache(_REMEMBERED)
    def fault(source: str) -> str | None:
        try:
            compiled(source)
        except InvalidExpression as error:
            return str(error)
        return None

    return fault


EXPRESSIONS = Expressions(
    condition=_judge(_EVENT.condition),
    key=_judge(_EVENT.key),
    standing=_judge(_LEAD.condition),
    situation=_judge(_SITUATION.condition),
)
"""What conditions and keys must be."""
