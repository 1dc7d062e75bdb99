"""What a CEL expression may be made of, and what evaluating it costs at worst, told before it is ever evaluated: in
microseconds, for variables as large as cel.py evaluates it over. Measured on one slow core, rounded up."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import ceil

import re2

from services.shared.cel_tree import (
    Node,
    Path,
    Tree,
    is_literal,
    parts_of,
    path_of,
    text_of,
    walk,
)

VALUES_MAX = 2_000
"""An expression is not evaluated where what it reads is more values than this, lists and maps counted too."""

KEY_VALUES_MAX = 500
"""Nor one whose value is to be told from others', which takes looking at all of it."""

LOOP_VALUES_MAX = 100
"""Nor one that loops over more than this: each turn may read all of them."""

STRING_CHARS_PER_VALUE = 64
"""A long string counts as so many values more: any look at it may read all of it."""

MATCHED_CHARS_MAX = 4_096
"""`matches` does not look at longer texts."""

LOOPS_MAX = 1
"""`all`, `exists` and `exists_one` loop over lists that senders fill: nested, they multiply."""

PATTERN_CHARS_MAX = 512

PROGRAM_MAX = 4_000
"""Instructions of a compiled pattern: what it costs to compile, which is done at each look, and to follow."""

_MATCHES = "matches"
_SEARCH = "contains"
_SIZE = "size"
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"})
_SUM = "_+_"

_EVALUATION_US = 20.0
_NODE_US = 0.5
_SUM_US = 0.6
"""For each value of lists that are put together."""
_COMPARISON_US = 0.3
"""For each value of lists and maps that are compared."""
_SEARCH_US = 0.00002
"""For each character of a text times each of what is looked for in it."""
_SIZE_US = 0.002
"""For each character."""
_COMPILED_US = 1.2
"""For each instruction of a pattern."""
_TOLD_US = 1.5
"""For each value of a key."""
_TEXT_CHARS_MAX = 65_536
"""No event and no lead has a longer text."""


class NotAllowed(ValueError):
    """Something that may cost too much, or means nothing; the text says what, and where."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What evaluating an expression takes at worst."""

    us: int
    loops: bool


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be known of variables before an expression is evaluated over them."""

    values_max: int
    """More are not looked at."""
    reads: tuple[Path, ...]
    """Variables, and fields of them: all it looks at."""
    texts: tuple[Path, ...]
    """Those of them that `matches` looks at."""
    matches_other: bool
    """Whether `matches` looks at something put together from what is read."""
    cost: Cost


def examine(tree: Tree, variables: Collection[str], values_max: int) -> Needs:
    """What an expression over these variables needs. Raises NotAllowed."""
    loops = [node for node in walk(tree.root) if node.WhichOneof("kind") == "loop"]
    for loop in loops:
        # What `map` and `filter` are made into: over a map, the order of the list that they give is any.
        if loop.loop.begin.WhichOneof("kind") == "list":
            raise NotAllowed(
                f"{tree.place(loop)}: must not use map or filter, whose order over maps is any: use all, exists or "
                "exists_one"
            )
    if len(loops) > LOOPS_MAX:
        raise NotAllowed(
            f"{tree.place(loops[1])}: must loop at most {LOOPS_MAX} time: all, exists, exists_one"
        )
    own = {name for node in loops for name in (node.loop.variable, node.loop.result_variable)}
    targets = [path_of(target) for target, _ in _matches(tree)]
    programs = {call.id: _program(tree, call) for call in walk(tree.root) if _is(call, _MATCHES)}
    most = min(values_max, LOOP_VALUES_MAX) if loops else values_max
    cost = _EVALUATION_US + _Reckoning(programs, most, own).of(tree.root)
    if values_max == KEY_VALUES_MAX:
        sums = sum(_is(node, _SUM) for node in walk(tree.root))
        cost += most * (1 + sums) * _TOLD_US
    return Needs(
        values_max=most,
        reads=tuple(sorted({path for path in _reads(tree.root) if path[0] in variables})),
        texts=tuple(sorted({path for path in targets if path and path[0] in variables})),
        matches_other=None in targets,
        cost=Cost(ceil(cost), bool(loops)),
    )


def _is(node: Node, function: str) -> bool:
    return bool(node.WhichOneof("kind") == "call" and node.call.function == function)


def _matches(tree: Tree) -> Iterator[tuple[Node, Node]]:
    """What is looked at, and the pattern: `text.matches(pattern)`, `matches(text, pattern)`."""
    for node in walk(tree.root):
        if _is(node, _MATCHES):
            yield _operands(node)


def _operands(call: Node) -> tuple[Node, Node]:
    text, pattern = list(parts_of(call))
    return text, pattern


def _program(tree: Tree, call: Node) -> int:
    """Instructions of the call's pattern. Raises NotAllowed."""
    _, node = _operands(call)
    pattern, place = text_of(node), tree.place(node)
    if pattern is None:
        raise NotAllowed(f"{place}: matches needs a pattern that is written out")
    if len(pattern) > PATTERN_CHARS_MAX:
        raise NotAllowed(f"{place}: a pattern must be at most {PATTERN_CHARS_MAX} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        size: int = re2.compile(pattern, options).programsize
    except re2.error as error:
        (what,) = error.args
        said = what.decode(errors="replace") if isinstance(what, bytes) else what
        raise NotAllowed(f"{place}: is no pattern: {said}") from None
    if size > PROGRAM_MAX:
        raise NotAllowed(
            f"{place}: a pattern must need at most {PROGRAM_MAX:,} steps, this one needs {size:,}: "
            "repeat less, or use narrower classes"
        )
    return size


def _reads(node: Node) -> Iterator[Path]:
    """The longest paths."""
    path = path_of(node)
    if path is not None:
        yield path
        return
    for part in parts_of(node):
        yield from _reads(part)


class _Reckoning:
    """Adds up what the nodes of one expression cost."""

    def __init__(self, programs: dict[int, int], values: int, own: set[str]) -> None:
        self._programs = programs
        self._own = own
        self._values = values
        self._chars = min(values * STRING_CHARS_PER_VALUE, _TEXT_CHARS_MAX)
        self._turns = 1

    def of(self, node: Node) -> float:
        """Microseconds for a node and all below it."""
        kind = node.WhichOneof("kind")
        if kind == "loop":
            return self._loop(node.loop)
        total = _NODE_US + sum(self.of(part) for part in parts_of(node))
        return total + self._call(node) if kind == "call" else total

    def _loop(self, loop: Node) -> float:
        sums = sum(_is(node, _SUM) for node in walk(loop.range))
        written = [len(n.list.elements) for n in walk(loop.range) if n.WhichOneof("kind") == "list"]
        self._turns = LOOP_VALUES_MAX * (1 + sums) + sum(written)
        each = sum(self.of(part) for part in (getattr(loop, "while"), loop.step))
        turns, self._turns = self._turns, 1
        return turns * each + sum(self.of(part) for part in (loop.range, loop.begin, loop.result))

    def _call(self, node: Node) -> float:
        call = node.call
        operands = list(parts_of(node))
        literal = any(is_literal(one) for one in operands)
        if call.function == _MATCHES:
            return self._match(operands[0], self._programs[node.id])
        if call.function == _SUM and not literal:
            return self._values * _SUM_US
        if call.function in _COMPARISONS and not literal:
            return self._values * _COMPARISON_US
        if call.function == _SEARCH:
            sought = text_of(operands[1])
            length = self._chars / 2 if sought is None else len(sought)
            return self._chars * length * _SEARCH_US
        return self._chars * _SIZE_US if call.function == _SIZE else 0

    def _match(self, text: Node, program: int) -> float:
        chars = min(self._chars, MATCHED_CHARS_MAX)
        path = path_of(text)
        if path is not None and path[0] in self._own:
            # The turns share what there is.
            chars = ceil(self._chars / self._turns)
        # Automata of more states than there is room for are followed state by state.
        each = max(0.018 * min(program, 120), 0.01 * program)
        return program * _COMPILED_US + chars * each
