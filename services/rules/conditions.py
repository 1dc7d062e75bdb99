"""Judging the CEL expressions in rule sets: conditions of rules and keys of limits. Evaluating them is scoring's
business; the variables are those it gives."""

from collections.abc import Callable

from services.rules.domain.checks import Expressions
from services.shared.cel import Environment, Expression, InvalidExpression

_ENVIRONMENT = Environment(("event", "lead"))


def _fault(compiled: Callable[[str], Expression], source: str) -> str | None:
    try:
        compiled(source)
    except InvalidExpression as error:
        return str(error)
    return None


EXPRESSIONS = Expressions(
    condition=lambda source: _fault(_ENVIRONMENT.condition, source),
    key=lambda source: _fault(_ENVIRONMENT.key, source),
)
"""What a condition and what a key must be."""
