"""CEL expressions (Common Expression Language): compiled once, evaluated often, bounded in cost. Which variables there
are and what they mean is the caller's business; what may be in an expression, and what it costs, is in cel_cost.py."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cel_expr_python import cel

from services.shared.cel_cost import (
    KEY_VALUES_MAX,
    MATCHED_CHARS_MAX,
    STRING_CHARS_PER_VALUE,
    VALUES_MAX,
    Cost,
    Needs,
    NotAllowed,
    examine,
)
from services.shared.cel_tree import Path, tree_of

SOURCE_CHARS_MAX = 1_024
"""Longer conditions belong into several rules."""

_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")


class InvalidExpression(ValueError):
    """Not an expression of the wanted kind; the text says what is wrong, and where: `line 1, column 7: ...`."""


class Given:
    """Variables with their values, for any number of expressions of one environment: what that takes is done once."""

    def __init__(self, environment: cel.Env, values: Mapping[str, Any]) -> None:
        self.activation = environment.Activation(data=dict(values))
        self._values = values
        self._sizes: dict[Path, int] = {}

    def size(self, path: Path) -> int:
        """How many values there are at a path; long strings count as several."""
        size = self._sizes.get(path)
        if size is None:
            size = self._sizes[path] = _size(self._at(path))
        return size

    def length(self, path: Path) -> int:
        """Characters of the text at a path; 0 where there is none."""
        value = self._at(path)
        return len(value) if isinstance(value, str) else 0

    def _at(self, path: Path) -> Any:
        value: Any = self._values
        for step in path:
            value = value.get(step) if _is_map(value) else None
        return value


class Expression:
    """A compiled expression."""

    def __init__(self, environment: cel.Env, compiled: cel.Expression, needs: Needs) -> None:
        self._environment = environment
        self._compiled = compiled
        self._needs = needs

    @property
    def cost(self) -> Cost:
        """What evaluating it takes at worst."""
        return self._needs.cost

    def value(self, variables: Mapping[str, Any] | Given) -> Any:
        """What it evaluates to; None where it can't be evaluated, e.g. for want of a property or for its cost."""
        given = variables if isinstance(variables, Given) else Given(self._environment, variables)
        if not self._bearable(given):
            return None
        try:
            result = self._compiled.eval(activation=given.activation)
        except RuntimeError:
            # Turns beyond the evaluator's own budget, and map keys of types that no map takes.
            return None
        return None if result.type() == cel.Type.ERROR else result.value()

    def holds(self, variables: Mapping[str, Any] | Given) -> bool:
        """Whether it is true. What can't be evaluated is not."""
        return self.value(variables) is True

    def _bearable(self, given: Given) -> bool:
        needs = self._needs
        size = sum(map(given.size, needs.reads))
        if size > needs.values_max:
            return False
        if needs.matches_other and size * STRING_CHARS_PER_VALUE > MATCHED_CHARS_MAX:
            return False
        return all(given.length(path) <= MATCHED_CHARS_MAX for path in needs.texts)


class Environment:
    """Compiles expressions over some variables of any type."""

    def __init__(self, variables: Sequence[str]) -> None:
        self._variables = frozenset(variables)
        self._environment = cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN))

    def given(self, values: Mapping[str, Any]) -> Given:
        """Values of the variables, for several expressions to be evaluated over."""
        return Given(self._environment, values)

    def condition(self, source: str) -> Expression:
        """An expression that is true or false. Raises InvalidExpression."""
        compiled = self._compile(source)
        if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
            raise InvalidExpression(
                f"must be true or false, is of type {compiled.return_type().name().lower()}"
            )
        return self._expression(compiled, VALUES_MAX)

    def key(self, source: str) -> Expression:
        """An expression of any type. Raises InvalidExpression."""
        return self._expression(self._compile(source), KEY_VALUES_MAX)

    def _compile(self, source: str) -> cel.Expression:
        if len(source) > SOURCE_CHARS_MAX:
            raise InvalidExpression(f"must be at most {SOURCE_CHARS_MAX} characters")
        try:
            return self._environment.compile(source)
        except RuntimeError as error:
            raise InvalidExpression(explained(str(error))) from None

    def _expression(self, compiled: cel.Expression, values_max: int) -> Expression:
        try:
            needs = examine(tree_of(compiled), self._variables, values_max)
        except NotAllowed as error:
            raise InvalidExpression(str(error)) from None
        return Expression(self._environment, compiled, needs)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return 1 + len(value) // STRING_CHARS_PER_VALUE
    if isinstance(value, int | float):
        return 1
    if _is_map(value):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _is_map(value: Any) -> bool:
    # Most are dicts, which is far sooner said than that something is any mapping.
    return isinstance(value, dict) or isinstance(value, Mapping)  # noqa: SIM101


def explained(message: str) -> str:
    """What the library says of something that does not compile, on one line, its place first."""
    place = _PLACE.search(message)
    if place is None:
        return message.splitlines()[0]
    line, column, what = place.groups()
    return f"line {line}, column {column}: {what}"
