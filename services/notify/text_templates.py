"""Liquid templates of automations' texts (`texts.py`): which tags and filters there are, how what is put in is escaped,
and how much a text may take: nobody else waits for one, and none grows without end. Loaded with the first text."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from math import prod
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import FilterError, LiquidError, LoopIterationLimitError, ResourceLimitError
from liquid.filter import liquid_filter
from liquid.stringify import to_liquid_string
from liquid.undefined import is_undefined

from services.notify.automation_samples import OCCASION
from services.notify.domain.actions import Unrenderable
from services.notify.texts import Escaping, escaped_for_slack
from services.shared.budgets import Budget

SOURCE_CHARS_MAX = 32_768

BRACKETS_MAX = 32
"""Within each other, wherever in a template: names in names are looked at again for each."""

OUTPUT_BYTES_MAX = 131_072
"""Of a text that comes out; also of what a filter gives in between, in characters."""

ITEMS_MAX = 1_000
"""Of a list that a filter gives. A digest has lists of 100."""

NUMBER_MAX = 10**30
"""Numbers that a filter gives: products of products have no end otherwise."""

LOOP_COST_MAX = 4_000_000
"""Turns of loops, those within each other multiplied, times characters of the template: loops of 100 leads in the
longest of templates."""

RENDER_S_MAX = 0.25
"""Time of the processor for one text."""

DATE_CHARS_MAX = 64
"""Of a time, and of the form in which it is written."""

NAME_CHARS_MAX = 64
"""Of a name that there is not, where that is said."""

COMPILED_MAX = 1_000
"""Templates kept ready; those that were not used for the longest time are compiled anew."""

_TAGS = frozenset(
    {"content", "output", "illegal", "if", "unless", "case", "for", "break", "continue", "assign"}
    | {"comment", "#", "doc"}
)
"""Without those that load other templates or write past the escaping."""

_LEFT_OUT = frozenset({"safe", "escapejs", "strip_html"})
"""Filters that undo the escaping, or take longer than their text is long."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""All but tabs and line feeds: mail, JSON and databases stumble on them."""

_BRACKET = re.compile(r"[\[\]]")


class Templates:
    """Compiles and renders texts; in threads, so that the event loop goes on meanwhile. `budget`: of all texts of an
    action; without, a text has one of its own."""

    def __init__(self) -> None:
        self._environments = {escaping: _environment(escaping) for escaping in Escaping}
        self._compiled = lru_cache(COMPILED_MAX)(self._compile)

    def check(self, source: str, escaping: Escaping, budget: Budget | None) -> str | None:
        """What a template names that there is not, as a sentence. Raises Unrenderable where it is wrong otherwise: it
        must be right for an occasion that has everything."""
        template = self._compiled(source, escaping)
        with _explaining():
            unknown = _unknown(source, template)
        if unknown is None:
            _rendered(template, OCCASION.variables(), budget)
        return unknown

    def rendered(
        self, source: str, variables: Mapping[str, Any], escaping: Escaping, budget: Budget | None
    ) -> str:
        """The text; what is not there is empty. Raises Unrenderable."""
        return _rendered(self._compiled(source, escaping), variables, budget)

    def _compile(self, source: str, escaping: Escaping) -> "_Template":
        if len(source) > SOURCE_CHARS_MAX:
            raise Unrenderable(f"must be at most {SOURCE_CHARS_MAX:,} characters")
        if _brackets(source) > BRACKETS_MAX:
            raise Unrenderable(f"must have at most {BRACKETS_MAX} brackets within each other")
        with _explaining():
            # Its length is its name: all that is to be known of it while it is rendered.
            made = self._environments[escaping].from_string(source, name=str(len(source)))
        assert isinstance(made, _Template)  # noqa: S101 - the environment's template_class
        return made


def _brackets(source: str) -> int:
    open_now = most = 0
    for sign in _BRACKET.findall(source):
        open_now = open_now + 1 if sign == "[" else max(open_now - 1, 0)
        most = max(most, open_now)
    return most


def _rendered(
    template: "_Template", variables: Mapping[str, Any], budget: Budget | None = None
) -> str:
    budget = budget or Budget(RENDER_S_MAX)
    with _explaining(), budget.spending():
        return _CONTROL.sub("", template.rendered(variables, min(RENDER_S_MAX, budget.left_s)))


@contextmanager
def _explaining() -> Iterator[None]:
    """What the library raises about a template is said in one line, with the line where it is."""
    try:
        yield
    except LiquidError as error:
        token, line = error.token, ""
        if token is not None and token.start_index >= 0:
            line = f"line {token.source.count(chr(10), 0, token.start_index) + 1}: "
        raise Unrenderable(f"{line}{error.message}") from None
    except RecursionError:
        raise Unrenderable("is too deep") from None
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        # It lets through what Python says of a value that is not of the type that it expects.
        raise Unrenderable(f"can't be worked out: {type(error).__name__}") from None


def _unknown(source: str, template: BoundTemplate) -> str | None:
    """What the template names that there is not, wherever in it. What attributes a lead has is not known."""
    used = template.analyze()
    known = OCCASION.variables()
    for name, places in used.filters.items():
        if name not in template.env.filters:
            return f"line {places[0].line_col(source)[0]}: unknown filter '{name}'"
    for root, found in used.globals.items():
        for one in found:
            line, named = one.span.line_col(source)[0], str(one)[:NAME_CHARS_MAX]
            if root not in known:
                return f"line {line}: there is no {named}, only {', '.join(sorted(known))}"
            field = one.segments[1] if len(one.segments) > 1 else None
            if isinstance(field, str) and field not in known[root]:
                return f"line {line}: there is no {named}: {root} has {', '.join(known[root])}"
    return None


class _Context(RenderContext):
    """Keeps to the bounds while a text is rendered."""

    __slots__ = ("_end_s", "_length")

    def __init__(
        self, template: BoundTemplate, *, seconds: float = RENDER_S_MAX, **given: Any
    ) -> None:
        super().__init__(template, **given)
        self._end_s = time.thread_time() + seconds
        self._length = int(template.name)

    def get(self, path: list[object], **given: Any) -> object:
        self.check_time()
        return super().get(path, **given)

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        self.check_time()
        return partial(_bounded, name, super().filter(name, token))

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.check_time()
        turns = prod((loop.length for loop in self.loops), start=length)
        if turns * self._length > LOOP_COST_MAX:
            raise LoopIterationLimitError("loops too often", token=None)

    def check_time(self) -> None:
        """Raises ResourceLimitError."""
        if time.thread_time() > self._end_s:
            raise ResourceLimitError("takes too long", token=None)


class _Template(BoundTemplate):
    context_class = _Context

    def rendered(self, variables: Mapping[str, Any], seconds: float) -> str:
        """The text, or an error where it takes longer."""
        context = _Context(self, globals=self.make_globals(variables), seconds=seconds)
        context.check_time()
        buffer = self._get_buffer()
        self.render_with_context(context, buffer)
        return str(buffer.getvalue())


def _bounded(name: str, apply: Callable[..., object], left: object, *args: Any, **more: Any) -> Any:
    """What a filter gives, neither too much nor anything but an error of the library's. Who calls it adds the place."""
    if _multiplies(name, left, args):
        raise FilterError(f"{name} gives too much", token=None)
    if name in ("append", "prepend"):
        left, args = _shown(left), tuple(map(_shown, args))
    try:
        found = apply(left, *args, **more)
    except (ArithmeticError, LookupError, ValueError, AttributeError, OSError) as error:
        raise FilterError(f"{name} can't be applied: {type(error).__name__}", token=None) from None
    if (
        (isinstance(found, str) and len(found) > OUTPUT_BYTES_MAX)
        or (isinstance(found, list | tuple) and len(found) > ITEMS_MAX)
        or (isinstance(found, int | float) and abs(found) > NUMBER_MAX)
    ):
        raise FilterError(f"{name} gives too much", token=None)
    return found


def _multiplies(name: str, left: object, args: Sequence[object]) -> bool:
    """Whether a filter would give the product of two lengths, and that is too much."""
    if name == "join" and isinstance(left, list | tuple):
        separator = str(args[0]) if args else " "
        return len(left) * len(separator) > OUTPUT_BYTES_MAX
    if name == "replace" and args:
        text, sought = str(left), str(args[0])
        by = str(args[1]) if len(args) > 1 else ""
        return text.count(sought) * len(by) > OUTPUT_BYTES_MAX
    return False


class _Json(str):
    """What the filter `json` gives: a whole value, which is not put into quotes."""

    __slots__ = ()


@liquid_filter
def _json(value: object) -> str:
    """A value as JSON; what is not there is null."""
    if is_undefined(value):
        return _Json("null")
    return _Json(json.dumps(value, ensure_ascii=False, allow_nan=False))


@liquid_filter
def _date(value: Any, form: object = "%Y-%m-%d") -> object:
    """A time, as JSON or a Unix time has it, in UTC and in another form; anything else stays what it is."""
    text = str(value)
    if len(text) > DATE_CHARS_MAX or len(str(form)) > DATE_CHARS_MAX:
        return value
    try:
        unix = isinstance(value, int | float)
        found = datetime.fromtimestamp(value, UTC) if unix else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return value
    at = found if found.tzinfo is None else found.astimezone(UTC)
    return at.strftime(str(form))


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        found = _shown(self.expression.evaluate(context))
        return int(buffer.write(self.written(found, context)))

    def written(self, found: object, context: RenderContext) -> str:
        return to_liquid_string(found, context.autoescape)


class _SlackOutputNode(_OutputNode):
    def written(self, found: object, context: RenderContext) -> str:
        return escaped_for_slack(to_liquid_string(found, autoescape=False))


class _SlackJsonOutputNode(_SlackOutputNode):
    def written(self, found: object, context: RenderContext) -> str:
        text = super().written(found, context)
        whole = isinstance(found, _Json)
        return text if whole else json.dumps(text, ensure_ascii=False)[1:-1]


class _Output(Output):
    node_class = _OutputNode


class _SlackOutput(Output):
    node_class = _SlackOutputNode


class _SlackJsonOutput(Output):
    node_class = _SlackJsonOutputNode


def _shown(value: Any) -> Any:
    """A number as people write it: 85, not 85.0. A map as JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


class _Environment(Environment):
    output_stream_limit = OUTPUT_BYTES_MAX
    local_namespace_limit = 4 * OUTPUT_BYTES_MAX
    template_class = _Template


_OUTPUTS = {Escaping.SLACK: _SlackOutput, Escaping.SLACK_JSON: _SlackJsonOutput}


def _environment(escaping: Escaping) -> Environment:
    made = _Environment(autoescape=escaping is Escaping.HTML)
    made.tags = {name: tag for name, tag in made.tags.items() if name in _TAGS}
    made.add_tag(_OUTPUTS.get(escaping, _Output))
    made.filters = {name: one for name, one in made.filters.items() if name not in _LEFT_OUT}
    made.add_filter("json", _json)
    made.add_filter("date", _date)
    return made
