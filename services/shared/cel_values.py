"""CEL expressions that make values out of a document that somebody else wrote, such as a webhook's body. Conditions of
rules are in cel.py: they are stricter, since they are evaluated far more often.

What an expression reads that is not there makes the whole expression null. A map written out with braces is taken
apart: each entry is an expression of its own, and one that is null is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext.ext_optional import ExtOptional
from cel_expr_python.ext.ext_strings import ExtStrings

from services.shared.budgets import Budget
from services.shared.cel import InvalidExpression, explained
from services.shared.cel_source import entries_of
from services.shared.cel_tree import Node, Path, Tree, path_of, text_of, tree_of, walk

SOURCE_CHARS_MAX = 1_024
"""Of one expression; of a map written out, one entry."""

MAP_CHARS_MAX = 8_192
"""Of a map written out."""

MAP_ENTRIES_MAX = 100

LOOPS_MAX = 2
"""One after the other, as in `filter` and `map`; never one in another, where they multiply."""

LOOP_SOURCE_CHARS_MAX = 256
"""An expression that loops costs its length times the document's size, and so large may be what it gives."""

LOOP_VALUES_MAX = 10_000
"""An expression that loops is not evaluated over a larger document; lists and maps counted too."""

LOOP_COST_MAX = 500_000
"""Values of the document times characters of the expression: the evaluator holds the interpreter for about a second at
worst, and nobody else has a turn meanwhile, in whichever thread."""

LOOP_OUTSIDE_VALUES_MAX = 200
"""Nor over one larger than this when its loop reads more than its own variable: each turn may read everything."""

PATTERN_CHARS_MAX = 512

SPLIT_PARTS_MAX = 1_000
"""What the splits of one expression may give together: their parts are values that the document does not have."""

LOOP_SPLIT_PARTS_MAX = 20
"""The same of an expression that loops, where each turn may split."""

UNBOUNDED = frozenset({"replace", "join", "format"})
"""String functions whose result may be larger than the square of what they are given."""

_ABSENT = ("NOT_FOUND: Key not found in map", "UNKNOWN: Index error")
_SPLIT = "split"


class EvaluationFailed(Exception):
    """An expression that can't be evaluated, for another reason than that something is not there. The text has nothing
    of the document."""


class Given:
    """Values of the variables, for any number of expressions."""

    __slots__ = ("activation", "budget", "size", "values")

    def __init__(
        self, environment: cel.Env, values: Mapping[str, Any], size: int, budget: Budget | None
    ) -> None:
        self.activation = environment.Activation(data=dict(values))
        self.values = values
        self.size = size
        self.budget = budget


class ValueExpression:
    """A compiled expression."""

    def __init__(self, compiled: cel.Expression, loops: "_Loops | None") -> None:
        self._compiled = compiled
        self._loops = loops

    def value(self, given: Given) -> Any:
        """What it evaluates to, in plain Python with datetime and timedelta; None where something it reads is not
        there. Raises EvaluationFailed."""
        if given.budget is not None and given.budget.over:
            raise EvaluationFailed("there is no time left for it")
        if self._loops is not None:
            self._loops.check(given)
        try:
            result = self._compiled.eval(activation=given.activation)
            if result.type() != cel.Type.ERROR:
                return result.plain_value()
            said = result.value()
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            # Turns beyond the evaluator's own budget, keys that no map takes, an optional inside of something.
            raise EvaluationFailed(f"can't be evaluated ({type(error).__name__})") from error
        if said.startswith(_ABSENT):
            return None
        raise EvaluationFailed(said.partition(": ")[2] or said)


class MapExpression:
    """A map written out with braces."""

    def __init__(self, entries: Sequence[tuple[ValueExpression, ValueExpression]]) -> None:
        self._entries = entries

    def value(self, given: Given) -> dict[Any, Any]:
        """The entries that are there. Raises EvaluationFailed."""
        entries: dict[Any, Any] = {}
        for key_expression, value_expression in self._entries:
            key, value = key_expression.value(given), value_expression.value(given)
            if key is None or value is None:
                continue
            if not isinstance(key, str | int):
                raise EvaluationFailed("has a key that is neither a text nor a whole number")
            entries[key] = value
        return entries


class ValueEnvironment:
    """Compiles expressions over some variables: of any type, or points in time. `loop_values_max`: of a document that
    expressions loop over; what that takes grows with the square."""

    def __init__(
        self,
        variables: Sequence[str],
        times: Sequence[str] = (),
        loop_values_max: int = LOOP_VALUES_MAX,
    ) -> None:
        self._variables = frozenset((*variables, *times))
        self._loop_values_max = loop_values_max
        types = dict.fromkeys(variables, cel.Type.DYN) | dict.fromkeys(times, cel.Type.TIMESTAMP)
        self._environment = cel.NewEnv(variables=types, extensions=[ExtStrings(), ExtOptional()])

    def given(self, values: Mapping[str, Any], size: int, budget: Budget | None = None) -> Given:
        """Values of the variables; `size` is how many values there are in them, lists and maps counted too. When
        `budget` is over, no other evaluation begins."""
        return Given(self._environment, values, size, budget)

    def condition(self, source: str) -> ValueExpression:
        """An expression that is true or false. Raises InvalidExpression."""
        return self._expression(source, (cel.Type.BOOL, cel.Type.DYN), "true or false")

    def text(self, source: str) -> ValueExpression:
        """An expression that gives a text, or a whole number to be one. Raises InvalidExpression."""
        kinds = (cel.Type.STRING, cel.Type.INT, cel.Type.UINT, cel.Type.DYN, cel.Type.NULL)
        return self._expression(source, kinds, "a text")

    def anything(self, source: str) -> ValueExpression:
        """An expression of any type. Raises InvalidExpression."""
        return self._expression(source, None, "")

    def map(self, source: str) -> ValueExpression | MapExpression:
        """An expression that gives a map. Raises InvalidExpression."""
        if len(source) > MAP_CHARS_MAX:
            raise InvalidExpression(f"must be at most {MAP_CHARS_MAX} characters")
        entries = entries_of(source)
        if entries is None:
            return self._expression(source, None, "")
        # As a whole first, so that what is wrong is said with its place.
        self._compile(source)
        if len(entries) > MAP_ENTRIES_MAX:
            raise InvalidExpression(f"must have at most {MAP_ENTRIES_MAX} entries")
        compiled = []
        for key, value in entries:
            try:
                compiled.append((self.anything(key), self.anything(value)))
            except InvalidExpression as error:
                raise InvalidExpression(f"entry {key.strip()[:64]}: {error}") from None
        return MapExpression(compiled)

    def _expression(
        self, source: str, kinds: Sequence[cel.Type] | None, wanted: str
    ) -> ValueExpression:
        if len(source) > SOURCE_CHARS_MAX:
            raise InvalidExpression(f"must be at most {SOURCE_CHARS_MAX} characters")
        compiled = self._compile(source)
        if compiled.return_type().name().startswith("optional_type"):
            compiled = self._compile(f"({source}\n).orValue(null)")
        kind = compiled.return_type()
        if kinds is not None and kind not in kinds:
            raise InvalidExpression(f"must be {wanted}, is of type {kind.name().lower()}")
        return ValueExpression(compiled, self._examine(compiled, source))

    def _compile(self, source: str) -> cel.Expression:
        try:
            return self._environment.compile(source)
        except RuntimeError as error:
            raise InvalidExpression(explained(str(error))) from None

    def _examine(self, compiled: cel.Expression, source: str) -> "_Loops | None":
        tree = tree_of(compiled)
        for node in walk(tree.root):
            if node.WhichOneof("kind") == "call":
                _check_call(tree, node)
        loops = [node for node in walk(tree.root) if _is_loop(node)]
        _check_splits(tree, LOOP_SPLIT_PARTS_MAX if loops else SPLIT_PARTS_MAX)
        if not loops:
            return None
        if len(source) > LOOP_SOURCE_CHARS_MAX:
            raise InvalidExpression(
                f"must be at most {LOOP_SOURCE_CHARS_MAX} characters where it loops"
            )
        if len(loops) > LOOPS_MAX or any(_inner(loop) for loop in loops):
            raise InvalidExpression(
                f"{tree.place(loops[1])}: must loop at most {LOOPS_MAX} times, one after the other: map, filter, all, "
                "exists, exists_one"
            )
        lists = tuple(_read_list(tree, loop) for loop in loops if _gives_a_list(loop))
        outside = any(
            node.WhichOneof("kind") == "ident" and node.ident.name in self._variables
            for loop in loops
            for node in walk(loop.loop.step)
        )
        return _Loops(
            min(
                LOOP_OUTSIDE_VALUES_MAX if outside else self._loop_values_max,
                LOOP_COST_MAX // len(source),
            ),
            tuple(path for path in lists if path is not None),
        )


class _Loops:
    """What must be so before an expression that loops is evaluated."""

    def __init__(self, values_max: int, lists: tuple[Path, ...]) -> None:
        self._values_max = values_max
        self._lists = lists

    def check(self, given: Given) -> None:
        if given.size > self._values_max:
            raise EvaluationFailed(
                f"loops over a document of more than {self._values_max:,} values"
            )
        for path in self._lists:
            value: Any = given.values
            for step in path:
                value = value.get(step) if isinstance(value, Mapping) else None
            if isinstance(value, Mapping):
                # The order of its keys differs from process to process, and with it which event is which.
                raise EvaluationFailed("map and filter need a list, this is a map")


def _check_call(tree: Tree, node: Node) -> None:
    function = node.call.function
    if function in UNBOUNDED:
        raise InvalidExpression(
            f"{tree.place(node)}: must not use {function}, whose result has no bound"
        )
    if function == "matches":
        pattern = text_of(node.call.args[-1])
        if pattern is None or len(pattern) > PATTERN_CHARS_MAX:
            raise InvalidExpression(
                f"{tree.place(node)}: matches needs a pattern that is written out, of at most "
                f"{PATTERN_CHARS_MAX} characters"
            )


def _check_splits(tree: Tree, parts_max: int) -> None:
    """`text.split(separator, limit)`: without a limit that is written out, a text of the document would become as many
    values as it has characters."""
    parts = 0
    for node in walk(tree.root):
        if node.WhichOneof("kind") != "call" or node.call.function != _SPLIT:
            continue
        limit = _limit(node)
        if limit is None:
            raise InvalidExpression(
                f"{tree.place(node)}: split needs a limit that is written out, as in split(',', 10)"
            )
        parts += limit
        if parts > parts_max:
            raise InvalidExpression(
                f"{tree.place(node)}: must split into at most {parts_max:,} parts in all"
            )


def _limit(split: Node) -> int | None:
    last = split.call.args[-1]
    if len(split.call.args) < 2 or last.WhichOneof("kind") != "const":
        return None
    # A negative one means none.
    limit: int = last.const.int64
    return limit if last.const.WhichOneof("value") == "int64" and limit >= 0 else None


def _is_loop(node: Node) -> bool:
    return bool(node.WhichOneof("kind") == "loop")


def _gives_a_list(loop: Node) -> bool:
    """`map` and `filter` begin with a list; the others with true, false or a number."""
    return bool(loop.loop.begin.WhichOneof("kind") == "list")


def _inner(loop: Node) -> bool:
    """Whether another loop runs in each of its turns."""
    turn = (getattr(loop.loop, "while"), loop.loop.step)
    return any(_is_loop(node) for part in turn for node in walk(part))


def _read_list(tree: Tree, loop: Node) -> Path | None:
    """Where the list stands that `map` or `filter` goes through; None for one that is made in the expression."""
    source = loop.loop.range
    path = path_of(source)
    if path is not None:
        return path
    kind = source.WhichOneof("kind")
    made = kind == "list" or (kind == "loop" and _gives_a_list(source))
    if made or (kind == "call" and source.call.function == _SPLIT):
        return None
    raise InvalidExpression(
        f"{tree.place(loop)}: map and filter go through a list named by its path, as body.items, or through what "
        "another of them gives"
    )
