"""`--set PATH=VALUE`: single fields of an automation by their path in the contract, `actions[0].slack.webhook_url`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from scoreline.cli.automation_files import reason, value_of
from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.rule_sets import text_of
from scoreline.notify.v1.automation_pb2 import Automation

FILE_MARK: Final = "@"

_STEP: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\[\d{1,3}\])*)")
_AS_TEXT: Final = ("google.protobuf.Duration", "google.protobuf.Timestamp")
"""Messages that are text in JSON."""

Field = Any
"""A FieldDescriptor: protobuf's compiled and plain ones have no type in common."""


class _NoSuchField(CommandFailed):
    """A path leads nowhere; the text says where it ends."""


def set_fields(
    automation: Automation, settings: Sequence[str], from_environment: Sequence[str] = ()
) -> None:
    """Set what `PATH=VALUE` and then what `PATH=VARIABLE` say. The value `@FILE` is what a file has, `@-` what standard
    input has; `@@` begins one that begins with `@`. Raises CommandFailed."""
    for written in settings:
        path, value = _split(written, "--set", "VALUE")
        set_field(automation, path, _value(value))
    for written in from_environment:
        path, variable = _split(written, "--set-env", "VARIABLE")
        if variable not in os.environ:
            raise CommandFailed(f"--set-env {path}: the environment has no {variable}", USAGE)
        set_field(automation, path, os.environ[variable])


def set_field(automation: Automation, path: str, text: str) -> None:
    """Set one field; text is taken as it is, numbers and the like as in JSON. Raises CommandFailed."""
    try:
        message: Message = automation
        *before, last = _steps(path)
        for name, index in before:
            message = _inner(message, name, index)
        _put(message, *last, text)
    except (_NoSuchField, ValueError) as error:
        raise CommandFailed(f"--set {path}: {error}", USAGE) from None
    except ParseError as error:
        raise CommandFailed(f"--set {path}: {reason(error)}", USAGE) from None


def is_set(automation: Automation, path: str) -> bool:
    """Whether a field has a value."""
    value: Any = automation
    for name, index in _steps(path):
        if not isinstance(value, Message):
            value = value.get(name)
        elif name in value.DESCRIPTOR.fields_by_name:
            value = getattr(value, name)
        else:
            return False
        if index is not None:
            value = value[index] if index < len(value) else None
        if not value:
            return False
    return True


def _split(written: str, option: str, what: str) -> tuple[str, str]:
    path, equals, value = written.partition("=")
    if not equals:
        # The value may be a secret that was given without a path: it is not repeated.
        raise CommandFailed(f"{option} takes PATH={what}, e.g. actions[0].slack.text=...", USAGE)
    return path, value


def _value(given: str) -> str:
    if given.startswith(FILE_MARK * 2):
        return given[1:]
    if given.startswith(FILE_MARK):
        return text_of(given[1:]).removesuffix("\n")
    return given


def _steps(path: str) -> list[tuple[str, int | None]]:
    """Names of fields, and the place in a list where they have one."""
    steps: list[tuple[str, int | None]] = []
    for part in path.split("."):
        found = _STEP.fullmatch(part)
        if found is None or found[2].count("[") > 1:
            raise _NoSuchField("write e.g. actions[0].email.subject")
        steps.append((found[1], int(found[2][1:-1]) if found[2] else None))
    return steps


def _field(message: Message, name: str) -> Field:
    fields = message.DESCRIPTOR.fields_by_name
    if name not in fields:
        raise _NoSuchField(f"there is no {name}; there are {', '.join(fields)}")
    return fields[name]


def _inner(message: Message, name: str, index: int | None) -> Any:
    """What a name stands for that is not the last one: a message, or a map of texts."""
    if not isinstance(message, Message):
        raise _NoSuchField(f"{name} has nothing in it")
    field = _field(message, name)
    inner = getattr(message, name)
    if _is_map(field) and index is None:
        return inner
    if field.message_type is None or field.message_type.full_name in _AS_TEXT:
        raise _NoSuchField(f"{name} has nothing in it")
    is_list = field.is_repeated and not _is_map(field)
    if is_list != (index is not None):
        raise _NoSuchField(f"write {name}[0]" if is_list else f"{name} is no list")
    if index is None:
        inner.SetInParent()
        return inner
    if index > len(inner):
        raise _NoSuchField(f"there are only {len(inner)} {name}")
    return inner.add() if index == len(inner) else inner[index]


def _put(target: Any, name: str, index: int | None, text: str) -> None:
    if not isinstance(target, Message):
        if index is not None:
            raise _NoSuchField(f"{name} is no list")
        target[name] = text
        return
    field = _field(target, name)
    if index is None:
        ParseDict({name: _json_value(field, text)}, target)
        return
    if not field.is_repeated or field.message_type is not None:
        raise _NoSuchField(f"{name}[{index}] is no text")
    values = list(getattr(target, name))
    if index > len(values):
        raise _NoSuchField(f"there are only {len(values)} {name}")
    values[index : index + 1] = [text]
    ParseDict({name: values}, target)


def _json_value(field: Field, text: str) -> Any:
    is_text = field.cpp_type == field.CPPTYPE_STRING
    if field.is_repeated and is_text:
        return value_of(text) if text.startswith("[") else [text] if text else []
    if is_text or (field.message_type is not None and field.message_type.full_name in _AS_TEXT):
        return text
    return value_of(text)


def _is_map(field: Field) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
