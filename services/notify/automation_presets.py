"""Automations that are shipped, as data files (`automation_templates/*.yaml`): an automation as HTTP has it, and what
is to be filled in before it can be made."""

from functools import cache
from pathlib import Path

import yaml
from google.protobuf.json_format import ParseDict, ParseError

from scoreline.notify.v1 import automations_service_pb2 as pb

_FOLDER = Path(__file__).parent / "automation_templates"


class InvalidTemplate(Exception):
    """A file says something that no template has; the text says what and where."""


@cache
def templates() -> tuple[pb.AutomationTemplate, ...]:
    """All of them, in alphabetical order. Raises InvalidTemplate."""
    return tuple(_template(path) for path in sorted(_FOLDER.glob("*.yaml")))


def _template(path: Path) -> pb.AutomationTemplate:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        template = ParseDict(content, pb.AutomationTemplate(template_id=path.stem))
    except (ParseError, TypeError, yaml.YAMLError) as error:
        raise InvalidTemplate(f"{path.name}: {error}") from error
    return template
