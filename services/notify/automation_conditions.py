"""What automations say in CEL: conditions over `change.*` and `lead.*`, and the values of fields of other systems, over
`automation.*` besides. Which variables of leads there are stands here and nowhere else; those of changes are in
`conditions.py`. Conditions are in the language of filters (services/shared/cel.py), values in that of webhook mappings
(services/shared/cel_values.py), which can take texts apart."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from google.protobuf.json_format import ParseDict

from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from services.notify import conditions
from services.notify.automation_samples import LEAD, OCCASION
from services.notify.convert import to_change
from services.notify.domain.actions import Occasion, Unrenderable
from services.notify.domain.filtering import Change
from services.shared.budgets import Budget
from services.shared.cel import Environment, Expression, InvalidExpression
from services.shared.cel import Given as CelGiven
from services.shared.cel_values import (
    EvaluationFailed,
    Given,
    ValueEnvironment,
    ValueExpression,
)

ATTRIBUTES = "lead.attributes"
"""A map: what is in it differs from lead to lead, and from project to project."""

COMPILED_MAX = 2_000
"""Conditions, and values, kept ready; those that were not used for the longest time are compiled anew."""

VALUE_CHARS_MAX = 65_536
"""Of a text that is sent as a field; no CRM takes longer ones."""

LOOP_VALUES_MAX = 2_000
"""Values of a lead, attributes and what is in them counted, that an expression may loop over: a tenth of a second."""

EVALUATION_S_MAX = 0.5
"""Time of the processor for all fields of one record: no expression begins after that."""

Value = str | int | float | bool | None


def lead_variables(lead: Mapping[str, Any]) -> dict[str, object]:
    """A lead, as an Occasion has it, as expressions see it."""
    return {f"lead.{name}": value for name, value in lead.items()}


def change_of(occasion: Occasion) -> Change:
    """The change that set something off; where none did, one of that lead of which nothing is known."""
    if occasion.change is None:
        return no_change(str(occasion.lead["lead_id"]) if occasion.lead is not None else "")
    written = ParseDict(dict(occasion.change), ScoreChange(), ignore_unknown_fields=True)
    return to_change(written.SerializeToString())


def no_change(lead_id: str) -> Change:
    """What conditions see as the change of a lead to which nothing happened: all else is empty or 0."""
    return Change(lead_id=lead_id, version=0)


_CHANGE = conditions.variables(change_of(OCCASION))
_LEAD = lead_variables(LEAD)
_FACTS = {name: value for name, value in _LEAD.items() if name != ATTRIBUTES}
_AUTOMATION = ("automation.automation_id", "automation.display_name")


class AutomationCondition:
    """A condition that is compiled. `needs_lead`: it can't be answered from a change alone."""

    def __init__(
        self, expression: Expression, needs_lead: bool, given: Callable[[Change], CelGiven]
    ) -> None:
        self._expression = expression
        self.needs_lead = needs_lead
        self._given = given

    def holds(self, change: Change, lead: Mapping[str, Any] | None = None) -> bool:
        """Whether it is true; what can't be evaluated, for want of an attribute or a lead, is not."""
        if not self.needs_lead:
            return self._expression.holds(self._given(change))
        if lead is None:
            return False
        return self._expression.holds(conditions.variables(change) | lead_variables(lead))


class AutomationConditions:
    """Compiles conditions."""

    def __init__(self) -> None:
        self._of_change = Environment(tuple(_CHANGE))
        self._of_facts = Environment((*_CHANGE, *_FACTS))
        self._last: tuple[Change, CelGiven] | None = None
        self._of_lead = Environment((*_CHANGE, *_LEAD))
        self._compiled: Callable[[str], AutomationCondition] = lru_cache(COMPILED_MAX)(
            self._compile
        )

    def _given(self, change: Change) -> CelGiven:
        """A change as conditions see it; made once for all of them, which look at it one after the other."""
        if self._last is None or self._last[0] is not change:
            self._last = change, self._of_change.given(conditions.variables(change))
        return self._last[1]

    def compile(self, source: str) -> AutomationCondition:
        """The condition of that text. Raises InvalidExpression."""
        return self._compiled(source)

    def hold(
        self, source: str, lead_id: str, change: bytes | None, lead: Mapping[str, Any]
    ) -> bool:
        """Whether a condition holds for a lead and an encoded ScoreChange, None where nothing happened to it; an empty
        one always does. Raises InvalidExpression."""
        if not source:
            return True
        happened = no_change(lead_id) if change is None else to_change(change)
        return self.compile(source).holds(happened, lead)

    def _compile(self, source: str) -> AutomationCondition:
        for environment, needs_lead in ((self._of_change, False), (self._of_facts, True)):
            try:
                expression = environment.condition(source)
            except InvalidExpression:
                continue
            if not isinstance(expression.value(_CHANGE | _FACTS if needs_lead else _CHANGE), bool):
                raise InvalidExpression("must be true or false, and can't be worked out")
            return AutomationCondition(expression, needs_lead, self._given)
        # With attributes it can't be tried: which there are, and of what type, only leads say.
        return AutomationCondition(self._of_lead.condition(source), True, self._given)


class Values:
    """Compiles expressions that give the fields of other systems, and works them out."""

    def __init__(self) -> None:
        self._environment = ValueEnvironment(
            (*_CHANGE, *_LEAD, *_AUTOMATION), loop_values_max=LOOP_VALUES_MAX
        )
        self._compiled: Callable[[str], ValueExpression] = lru_cache(COMPILED_MAX)(
            self._environment.anything
        )

    def problem(self, source: str) -> str | None:
        """What is wrong with an expression that is to be kept, as a sentence; None when nothing is."""
        try:
            self._value(source, self._given(_TRIED))
        except (InvalidExpression, EvaluationFailed) as error:
            return str(error)
        return None

    def evaluate(
        self, expressions: Mapping[str, str], occasion: Occasion, budget: Budget | None = None
    ) -> dict[str, Value]:
        """The values by the names of the fields; None where something that is read is not there. A map or a list is
        JSON. `budget`: of all expressions of a record; without, these have one of their own. Raises Unrenderable."""
        budget = budget or Budget(EVALUATION_S_MAX)
        given = self._given(occasion, budget)
        found: dict[str, Value] = {}
        with budget.spending():
            for name, source in expressions.items():
                try:
                    found[name] = self._value(source, given)
                except (InvalidExpression, EvaluationFailed) as error:
                    raise Unrenderable(f"{name}: {error}") from None
        return found

    def _given(self, occasion: Occasion, budget: Budget | None = None) -> Given:
        if occasion.lead is None:
            raise Unrenderable("fields are taken from a lead, and this is about none")
        values = conditions.variables(change_of(occasion)) | lead_variables(occasion.lead)
        values |= {
            "automation.automation_id": occasion.automation_id,
            "automation.display_name": occasion.automation_name,
        }
        return self._environment.given(values, _count(values), budget)

    def _value(self, source: str, given: Given) -> Value:
        plain = _plain(self._compiled(source).value(given))
        made = isinstance(plain, dict | list)
        found: Value = (
            json.dumps(plain, ensure_ascii=False, separators=(",", ":")) if made else plain
        )
        if isinstance(found, str) and len(found) > VALUE_CHARS_MAX:
            raise EvaluationFailed(f"gives a text of more than {VALUE_CHARS_MAX:,} characters")
        return found


_TRIED = replace(OCCASION, lead=LEAD | {"attributes": {}})
"""Which attributes there are, and of what type, only leads say: here whatever reads one gives None."""


def _plain(value: Any) -> Any:
    """As JSON has it. Raises EvaluationFailed."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationFailed("gives a number without end")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise EvaluationFailed("gives something that JSON has not")


def _count(value: Any) -> int:
    """How many values there are in one, maps and lists counted, too."""
    if isinstance(value, Mapping):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1
