"""Judging the CEL expressions in rule sets: conditions of rules, of velocity and of next actions, and keys of limits;
each by itself, and what all of them cost together. Evaluating them is scoring's business; the variables are those it
gives."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from services.rules.domain.checks import Expressions
from services.rules.domain.inspection import Finding
from services.rules.domain.model import ANY_EVENT_TYPE, Content
from services.shared.cel import Environment, Expression, InvalidExpression
from services.shared.cel_budget import LOOK, Spent, overspent
from services.shared.cel_cost import Cost

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
"""Faults and costs: a rule set that is imported or validated again says mostly the same."""


class _Judge:
    """Compiles expressions of one kind, and remembers what came of it."""

    def __init__(self, compiled: Callable[[str], Expression]) -> None:
        self._compiled = compiled
        self._judged = lru_cache(_REMEMBERED)(self._judge)

    def fault(self, source: str) -> str | None:
        """What is wrong with it; None: nothing."""
        found = self._judged(source)
        return found if isinstance(found, str) else None

    def cost(self, source: str) -> Cost | None:
        """What it takes at worst; None where something is wrong with it."""
        found = self._judged(source)
        return None if isinstance(found, str) else found

    def _judge(self, source: str) -> str | Cost:
        try:
            return self._compiled(source).cost
        except InvalidExpression as error:
            return str(error)


_CONDITION, _KEY = _Judge(_EVENT.condition), _Judge(_EVENT.key)
_NEXT_ACTION = _Judge(_SITUATION.condition)

EXPRESSIONS = Expressions(
    condition=_CONDITION.fault,
    key=_KEY.fault,
    standing=_Judge(_LEAD.condition).fault,
    situation=_NEXT_ACTION.fault,
)
"""What conditions and keys must be."""


def costly(content: Content) -> list[Finding]:
    """Expressions that a rule set has no room for besides the others; what is wrong with one by itself is not said."""
    return list(overspent(_spent(content)))


def _spent(content: Content) -> Iterator[Spent]:
    for field, event_type, judge, source in _expressions(content):
        cost = judge.cost(source) if source else None
        if cost is not None:
            yield Spent(field, event_type, cost)


def _expressions(content: Content) -> Iterator[tuple[str, str, _Judge, str]]:
    for place, rule in enumerate(content.rules):
        yield f"rules[{place}].when", rule.event_type, _CONDITION, rule.when
        for number, limit in enumerate(rule.limits):
            yield f"rules[{place}].limits[{number}].key", rule.event_type, _KEY, limit.key
    if content.velocity is not None:
        yield "velocity.when", ANY_EVENT_TYPE, _CONDITION, content.velocity.when
    for place, action in enumerate(content.next_actions):
        yield f"next_actions[{place}].when", LOOK, _NEXT_ACTION, action.when
