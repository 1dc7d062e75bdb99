"""CEL expressions (Common Expression Language): compiled once, evaluated often, bounded in cost. Which variables there
are and what they mean is the caller's business."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cel_expr_python import cel

SOURCE_CHARS_MAX = 1_024
"""Longer conditions belong into several rules."""

COMPREHENSIONS_MAX = 1
"""`all`, `exists` and `exists_one` loop over lists that senders fill: nested, they multiply."""

COMPREHENSION_VALUES_MAX = 100
"""An expression that loops is not evaluated over more values than this, lists and maps counted too: each turn may read
all of them, several times. 100 take about a second at worst, however it is written; 500 took 26."""

STRING_CHARS_PER_VALUE = 64
"""A long string counts as so many values more: a turn may read all of it."""

# Comments may stand between a name and its parenthesis.
_COMPREHENSION = re.compile(r"\b(?:all|exists|exists_one)(?:\s|//.*\n)*\(")
# Over a map they give lists in an order that differs from process to process, and with it the score.
_UNORDERED = re.compile(r"\b(?:map|filter)(?:\s|//.*\n)*\(")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")


class InvalidExpression(ValueError):
    """Not an expression of the wanted kind; the text says what is wrong, and where: `line 1, column 7: ...`."""


class Expression:
    """A compiled expression."""

    def __init__(self, compiled: cel.Expression, loops: bool) -> None:
        self._compiled = compiled
        self._loops = loops

    def value(self, variables: Mapping[str, Any]) -> Any:
        """What it evaluates to; None where it can't be evaluated, e.g. for want of a property or for its cost."""
        if self._loops and _size(variables) > COMPREHENSION_VALUES_MAX:
            return None
        try:
            result = self._compiled.eval(data=dict(variables))
        except RuntimeError:
            # Turns beyond the evaluator's own budget, and map keys of types that no map takes.
            return None
        return None if result.type() == cel.Type.ERROR else result.value()

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Whether it is true. What can't be evaluated is not."""
        return self.value(variables) is True


class Environment:
    """Compiles expressions over some variables of any type."""

    def __init__(self, variables: Sequence[str]) -> None:
        self._environment = cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN))

    def condition(self, source: str) -> Expression:
        """An expression that is true or false. Raises InvalidExpression."""
        compiled = self._compile(source)
        if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
            raise InvalidExpression(
                f"must be true or false, is of type {compiled.return_type().name().lower()}"
            )
        return Expression(compiled, _loops(source))

    def key(self, source: str) -> Expression:
        """An expression of any type. Raises InvalidExpression."""
        return Expression(self._compile(source), _loops(source))

    def _compile(self, source: str) -> cel.Expression:
        if len(source) > SOURCE_CHARS_MAX:
            raise InvalidExpression(f"must be at most {SOURCE_CHARS_MAX} characters")
        if len(_COMPREHENSION.findall(source)) > COMPREHENSIONS_MAX:
            raise InvalidExpression(
                f"must loop at most {COMPREHENSIONS_MAX} time: all, exists, exists_one"
            )
        if _UNORDERED.search(source):
            raise InvalidExpression(
                "must not use map or filter, whose order over maps is any: use all, exists or exists_one"
            )
        try:
            return self._environment.compile(source)
        except RuntimeError as error:
            raise InvalidExpression(_explained(str(error))) from None


def _loops(source: str) -> bool:
    return _COMPREHENSION.search(source) is not None


def _size(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(_size(inner) for inner in value.values())
    if isinstance(value, str):
        return 1 + len(value) // STRING_CHARS_PER_VALUE
    return 1 + sum(_size(inner) for inner in value) if isinstance(value, list) else 1


def _explained(message: str) -> str:
    place = _PLACE.search(message)
    if place is None:
        return message.splitlines()[0]
    line, column, what = place.groups()
    return f"line {line}, column {column}: {what}"
