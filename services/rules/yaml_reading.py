"""A rule set as YAML, into the message of the contract: fields are named as there, durations are written `14d` or
`1h30m`, enumerations by their short names (`REPLAY`). What the values may be is checked after that, in reading.py.

The text comes from callers: its size, depth and what its aliases stand for are limited before anything is built."""

import re
from collections.abc import Mapping
from typing import Any

import yaml
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scoreline.rules.v1 import rule_set_pb2
from services.rules import reading
from services.rules.domain import inspection
from services.rules.domain.checks import Problems
from services.rules.domain.inspection import TEXT
from services.rules.domain.model import Content
from services.shared import structs

TEXT_BYTES_MAX = 1024 * 1024
"""Of a text, in UTF-8: the largest rule set there may be has about half."""

NODES_MAX = 200_000
"""Values of a text, what aliases stand for counted each time: the largest rule set there may be has about a tenth."""

DEPTH_MAX = 32
"""Lists and maps within each other: properties of a golden test's event are the deepest, at about half."""

OUTPUT_ONLY: Mapping[str, frozenset[str]] = {
    "RuleSet": frozenset({"version", "state", "create_time", "update_time", "etag"}),
    "Rule": frozenset({"etag"}),
}
"""Fields that no text has, by message."""

_TAG = "tag:yaml.org,2002:"
_DURATION = re.compile(
    r"(?=\d)(?:(\d{1,9})d)? ?(?:(\d{1,9})h)? ?(?:(\d{1,9})m)? ?(?:(\d{1,9})(?:\.(\d{1,9}))?s)?"
)
_UNITS_S = (86_400, 3_600, 60, 1)
_CONSTRUCTOR = SafeConstructor()

_KINDS = {
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_INT32: "a whole number",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_STRING: "text: put it in quotes",
}


Field = Any
"""A FieldDescriptor: protobuf's compiled and plain ones have no type in common."""


class _Unreadable(Exception):
    """The value is not what the field takes; the text says what it takes."""


def content(text: str, problems: Problems) -> tuple[rule_set_pb2.RuleSet | None, Content]:
    """What a text says, as it was read (None where it can't be, or not all of it) and as it is kept; every fault is
    noted under its path in the text. Raises TooManyRules."""
    message = read(text, problems)
    readable = not problems.found
    later = Problems()
    checked = reading.content(message, "", later)
    problems.found = inspection.with_later(problems.found, later.found)
    return message if readable else None, checked


def read(text: str, problems: Problems) -> rule_set_pb2.RuleSet:
    """What a text says; what can't be read of it is noted and left out."""
    message = rule_set_pb2.RuleSet()
    try:
        root = _root(text)
    except _Unreadable as error:
        problems.note(TEXT, str(error))
        return message
    if not isinstance(root, MappingNode):
        problems.note(TEXT, "must be a map with the parts of a rule set")
        return message
    _fill(message, root, "", problems)
    return message


def _root(text: str) -> Node | None:
    """The text as nodes, aliases in their places. Raises _Unreadable."""
    size = len(text.encode())
    if size > TEXT_BYTES_MAX:
        raise _Unreadable(f"must be at most {TEXT_BYTES_MAX:,} bytes, has {size:,}")
    try:
        _check_weight(text)
        root: Node | None = yaml.compose(text, yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _Unreadable(f"{place}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise _Unreadable(f"is no YAML: {str(error).splitlines()[0]}") from None
    return root


def _check_weight(text: str) -> None:
    """Raises _Unreadable for a text that is deeper or stands for more values than it may. Nothing is built: a few lines
    of aliases to aliases stand for more values than fit anywhere."""
    weights: dict[str, int] = {}
    # Of each list and map that is open: its anchor, and the values before it.
    opened: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in weights:
                raise _Unreadable(f"`*{event.anchor}` stands for nothing, or within itself")
            count += weights[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                weights[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, count))
            # An anchor that is given again stands for nothing until its new value is complete.
            weights.pop(event.anchor or "", None)
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                weights[anchor] = count - before
        if len(opened) > DEPTH_MAX:
            raise _Unreadable(f"must be at most {DEPTH_MAX} lists and maps deep")
        if count > NODES_MAX:
            raise _Unreadable(f"must stand for at most {NODES_MAX:,} values")


def _fill(message: Message, node: MappingNode, path: str, problems: Problems) -> None:
    hidden = OUTPUT_ONLY.get(message.DESCRIPTOR.name, frozenset())
    known = {
        name: field
        for name, field in message.DESCRIPTOR.fields_by_name.items()
        if name not in hidden
    }
    seen: set[str] = set()
    for key, value in node.value:
        name = key.value if isinstance(key, ScalarNode) else "?"
        place = f"{path}.{name}" if path else name
        field = known.get(name)
        if field is None:
            problems.note(place, f"is nothing there is here; there are {', '.join(known)}")
            continue
        if name in seen:
            problems.note(place, f"is there twice, again in line {key.start_mark.line + 1}")
            continue
        seen.add(name)
        if _is_null(value):
            continue
        if field.containing_oneof and (chosen := message.WhichOneof(field.containing_oneof.name)):
            problems.note(path, f"has {chosen} and {name}: there may be one")
            continue
        if field.is_repeated:
            _fill_list(message, field, value, place, problems)
        else:
            _set(message, field, value, place, problems)


def _fill_list(message: Message, field: Field, node: Node, path: str, problems: Problems) -> None:
    if not isinstance(node, SequenceNode):
        problems.note(path, "must be a list")
        return
    values = getattr(message, field.name)
    for index, one in enumerate(node.value):
        place = f"{path}[{index}]"
        if field.message_type is None:
            try:
                values.append(_scalar(field, one))
            except _Unreadable as error:
                problems.note(place, str(error))
                values.append("")
        elif isinstance(one, MappingNode):
            _fill(values.add(), one, place, problems)
        else:
            problems.note(place, "must be a map")
            values.add()


def _set(message: Message, field: Field, node: Node, path: str, problems: Problems) -> None:
    try:
        if field.message_type is None:
            setattr(message, field.name, _scalar(field, node))
            return
        inner = getattr(message, field.name)
        if isinstance(inner, Duration):
            inner.CopyFrom(_duration(node))
        elif not isinstance(node, MappingNode):
            raise _Unreadable("must be a map")
        elif isinstance(inner, Struct):
            inner.CopyFrom(structs.from_dict(_plain(node)))
        else:
            inner.SetInParent()
            _fill(inner, node, path, problems)
    except _Unreadable as error:
        problems.note(path, str(error))


def _scalar(field: Field, node: Node) -> Any:
    if field.enum_type is not None:
        return _enum(field.enum_type, node)
    kind = field.cpp_type
    value: Any = _value(node) if isinstance(node, ScalarNode) else None
    fits: dict[int, bool] = {
        FieldDescriptor.CPPTYPE_DOUBLE: type(value) in (int, float),
        FieldDescriptor.CPPTYPE_INT32: type(value) is int and -(2**31) <= value < 2**31,
        FieldDescriptor.CPPTYPE_BOOL: type(value) is bool,
        FieldDescriptor.CPPTYPE_STRING: type(value) is str,
    }
    if not fits[kind]:
        raise _Unreadable(f"must be {_KINDS[kind]}")
    if kind == FieldDescriptor.CPPTYPE_DOUBLE:
        try:
            return float(value)
        except OverflowError:
            raise _Unreadable("must be a number that is not so large") from None
    return value


def short_name(kind: EnumDescriptor, number: int) -> str:
    """A value's name without what all of them begin with: `REPLAY` of `LATE_EVENTS_REPLAY`."""
    first, name = kind.values_by_number[0].name, kind.values_by_number[number].name
    return str(name).removeprefix(first.removesuffix("UNSPECIFIED"))


def _enum(kind: EnumDescriptor, node: Node) -> int:
    numbers = {short_name(kind, one.number): one.number for one in kind.values if one.number}
    written = node.value if isinstance(node, ScalarNode) else ""
    if written not in numbers:
        raise _Unreadable(f"must be one of {', '.join(numbers)}")
    return numbers[written]


def _duration(node: Node) -> Duration:
    found = _DURATION.fullmatch(node.value) if isinstance(node, ScalarNode) else None
    if found is None:
        raise _Unreadable("must be a duration in d, h, m and s, e.g. 14d or 1h30m")
    whole = zip(found.groups()[:4], _UNITS_S, strict=True)
    seconds = sum(int(count) * unit for count, unit in whole if count)
    return Duration(seconds=seconds, nanos=int((found[5] or "").ljust(9, "0")))


def _plain(node: Node) -> Any:
    """A JSON value. Raises _Unreadable."""
    if isinstance(node, SequenceNode):
        return [_plain(inner) for inner in node.value]
    if isinstance(node, MappingNode):
        made: dict[str, Any] = {}
        for key, inner in node.value:
            name = _value(key) if isinstance(key, ScalarNode) else None
            if not isinstance(name, str):
                raise _Unreadable("must have keys that are text: put them in quotes")
            if name in made:
                raise _Unreadable(f"has {name!r} twice")
            made[name] = _plain(inner)
        return made
    value = _value(node)
    if value is not None and not isinstance(value, str | bool | int | float):
        raise _Unreadable("must hold text, numbers, true, false and null: put dates in quotes")
    try:
        return float(value) if type(value) is int else value
    except OverflowError:
        raise _Unreadable("must hold numbers that are not so large") from None


def _value(node: Any) -> Any:
    """What a scalar stands for: text, a number, true or false, None; of anything else the node."""
    match node.tag.removeprefix(_TAG):
        case "str":
            return node.value
        case "null":
            return None
        case "bool":
            return _CONSTRUCTOR.construct_yaml_bool(node)
        case "int" | "float" as kind:
            try:
                return getattr(_CONSTRUCTOR, f"construct_yaml_{kind}")(node)
            except ValueError:
                return node
        case _:
            return node


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == f"{_TAG}null"
