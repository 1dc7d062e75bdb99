"""Automations as files: YAML or JSON in the contract's JSON form, with the contract's names (`lead_id`). Setting single
fields is in automation_fields.py; commands are in automations.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from scoreline.cli.failures import CommandFailed
from scoreline.cli.rule_sets import text_of
from scoreline.notify.v1.automation_pb2 import Automation, AutomationAction

HIDDEN: Final = "***"
"""What the suite shows instead of a secret."""

SECRETS: Final = {
    "slack": "webhook_url",
    "hubspot": "access_token",
    "salesforce": "client_secret",
}
"""The secret of each kind of action that has one."""

_STAND_INS: Final = {
    "slack": "https://hooks.slack.com/services/T00000000/B00000000/hidden",
    "hubspot": "hidden",
    "salesforce": "hidden",
}
"""Of the form that a secret has."""

OUTPUT_ONLY: Final = ("automation_id", "etag", "create_time", "update_time", "active_since_time")
"""What files leave out: it belongs to the one automation, not to what it is."""

_TAG: Final = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Reads scalars as JSON and YAML 1.2 do: in YAML 1.1 `10:30` is the number 630, `on` is true and `2026-11-28` is no
    text. Names that are there twice are refused."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - a mapping of the class, as the base has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A map. Raises ConstructorError for a name that is there twice."""
        names: set[str] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "a list or a map"
            if name in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name} is there twice", key.start_mark
                )
            names.add(name)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and in quotes whatever the loader would take for something else."""


for _name, _pattern, _first in (
    ("null", r"null|~|", [*"n~", ""]),
    ("bool", r"true|false", [*"tf"]),
    ("int", r"-?(?:0|[1-9][0-9]*)", [*"-0123456789"]),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", [*"-0123456789"]),
):
    for _both in (_Loader, _Dumper):
        _both.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if not text.replace("\n", "").isprintable():
        # What YAML takes for the end of a line, besides, is lost otherwise.
        style = '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(str, _text)


def value_of(text: str) -> Any:
    """What YAML or JSON says. Raises ValueError with the place."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{place}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {str(error).splitlines()[0]}") from None


def read(file: str) -> Automation:
    """The automation that a file has, or standard input (`-`). Raises CommandFailed."""
    try:
        written = value_of(text_of(file))
    except ValueError as error:
        raise CommandFailed(f"{file}: {error}") from None
    if not isinstance(written, dict):
        raise CommandFailed(f"{file}: is no automation: a map with display_name, trigger, actions")
    try:
        return ParseDict(written, Automation())
    except ParseError as error:
        raise CommandFailed(f"{file}: is no automation: {reason(error)}") from None


def reason(error: ParseError) -> str:
    """What protobuf found, on one line, without the names of packages."""
    return str(error).splitlines()[0].replace("scoreline.notify.v1.", "").rstrip(".")


def write(automation: Automation) -> str:
    """The automation as a file has it; the same text for the same automation, so that it can be kept and compared."""
    copy = Automation()
    copy.CopyFrom(automation)
    for name in OUTPUT_ONLY:
        copy.ClearField(name)
    written = MessageToDict(copy, preserving_proto_field_name=True)
    for action in written.get("actions", ()):
        for kind, name in (("hubspot", "properties"), ("salesforce", "fields")):
            if name in action.get(kind, {}):
                # Protobuf keeps maps in no order.
                action[kind][name] = dict(sorted(action[kind][name].items()))
    text: str = yaml.dump(written, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def check_secrets(automation: Automation) -> None:
    """Raises CommandFailed where secrets are hidden: nobody knows what they were."""
    if paths := [path for path, _ in _hidden(automation)]:
        settings = " ".join(f"--set {path}=@FILE" for path in paths)
        raise CommandFailed(
            f"{', '.join(paths)}: {HIDDEN} stands for a secret that is never shown; give it anew: {settings}"
        )


def stand_in(automation: Automation) -> None:
    """Put something of the same form where secrets are hidden: a trial sends nothing, and needs none."""
    for _, action in _hidden(automation):
        kind = str(action.WhichOneof("kind"))
        setattr(getattr(action, kind), SECRETS[kind], _STAND_INS[kind])


def _hidden(automation: Automation) -> Iterator[tuple[str, AutomationAction]]:
    """Actions whose secrets are hidden, and the secrets' paths."""
    for index, action in enumerate(automation.actions):
        kind = action.WhichOneof("kind") or ""
        name = SECRETS.get(kind)
        if name is not None and getattr(getattr(action, kind), name) == HIDDEN:
            yield f"actions[{index}].{kind}.{name}", action
