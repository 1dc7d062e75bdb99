"""A rule set of the contract as YAML: what yaml_reading.py reads. A tree of plain maps, lists and values stands between
the two; versions are compared as trees."""

from typing import Any

import yaml
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from scoreline.rules.v1 import rule_set_pb2
from services.rules.yaml_reading import OUTPUT_ONLY, Field, short_name
from services.shared import structs

WIDTH = 110
"""Longer lines are broken where they can be."""

LINE_MAX = 96
"""A map or list whose values are no longer together is one line."""

ENDLESS = 2**30
"""A width that no line has."""

_ORDER: dict[str, tuple[str, ...]] = {
    "RuleSet": (
        "description",
        "bounds",
        "groups",
        "decay",
        "stages",
        "grading",
        "engagement_group",
        "velocity",
        "risk",
        "next_actions",
        "late_events",
        "binding",
        "rules",
        "tests",
    ),
    "Rule": (
        "rule_id",
        "event_type",
        "group",
        "points",
        "when",
        "limits",
        "standing",
        "enabled",
        "description",
    ),
}
"""What people want to see first; other messages are in the contract's order."""

_ALWAYS = {("Rule", "points"), ("Stage", "min_score"), ("Grade", "min_score")}
"""Shown although they are 0."""

Tree = dict[str, Any]


def tree(rule_set: rule_set_pb2.RuleSet) -> Tree:
    """What a rule set says, as plain values in the order of a text: no output-only fields, and nothing that is absent.
    Rules say whether they are enabled only where they are not."""
    made = _tree(rule_set)
    for rule in made.get("rules", ()):
        if rule.get("enabled"):
            del rule["enabled"]
    return made


def write(rule_set: rule_set_pb2.RuleSet) -> str:
    """The rule set as a text."""
    text = yaml.dump(
        tree(rule_set), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=WIDTH
    )
    return str(text)


def one_line(value: Any) -> str:
    """Any value of a tree on one line."""
    text = yaml.dump(
        value,
        Dumper=_LineDumper,
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=ENDLESS,
    )
    return str(text).removesuffix("\n").removesuffix("\n...")


class _LineDumper(yaml.CSafeDumper):
    """Writes text with breaks in it with escapes instead."""

    def represent_scalar(self, tag: str, value: Any, style: str | None = None) -> Any:
        return super().represent_scalar(tag, value, style if str(value).isprintable() else '"')


class _Dumper(yaml.CSafeDumper):
    """Writes what is short on one line. The outermost map never is."""

    outermost = True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> Any:
        outermost, self.outermost = self.outermost, False
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = not outermost and _is_short(mapping)
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        node = super().represent_sequence(tag, sequence, flow_style)
        # A list of maps is a list of lines.
        node.flow_style = not any(isinstance(one, dict) for one in sequence) and _is_short(sequence)
        return node

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _is_short(value: Any) -> bool:
    return len(repr(value)) <= LINE_MAX


def _tree(message: Message) -> Tree:
    descriptor = message.DESCRIPTOR
    hidden = OUTPUT_ONLY.get(descriptor.name, frozenset())
    names = _ORDER.get(descriptor.name, tuple(field.name for field in descriptor.fields))
    made: Tree = {}
    for name in names:
        field = descriptor.fields_by_name[name]
        if name in hidden or not _is_said(message, field):
            continue
        value = getattr(message, name)
        made[name] = (
            [_plain(field, one) for one in value] if field.is_repeated else _plain(field, value)
        )
    return made


def _is_said(message: Message, field: Field) -> bool:
    if field.is_repeated:
        return bool(getattr(message, field.name))
    if field.has_presence:
        return message.HasField(field.name)
    always = (message.DESCRIPTOR.name, field.name) in _ALWAYS
    return always or bool(getattr(message, field.name) != field.default_value)


def _plain(field: Field, value: Any) -> Any:
    if isinstance(value, Duration):
        return duration_text(value)
    if isinstance(value, Struct):
        return _sorted(structs.to_dict(value))
    if isinstance(value, Message):
        return _tree(value)
    if field.enum_type is not None:
        return short_name(field.enum_type, value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sorted(value: Any) -> Any:
    """A Struct has no order: without one the same rule set would be written in many ways."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value


def duration_text(duration: Duration) -> str:
    """A duration as texts have it, e.g. `14d` or `1h30m`."""
    rest, parts = duration.seconds, ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, rest = divmod(rest, seconds)
        parts += f"{count}{unit}" if count else ""
    fraction = f".{duration.nanos:09}".rstrip("0") if duration.nanos else ""
    return f"{parts}{rest}{fraction}s" if rest or fraction or not parts else parts
