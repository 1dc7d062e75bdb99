"""Presets as data files: rule sets as YAML, read with the checks that apply to callers' rule sets. What they say is in
the files."""

from pathlib import Path

from services.rules import yaml_reading
from services.rules.domain import activation
from services.rules.domain.checks import Problems
from services.rules.domain.errors import EditRefused
from services.rules.domain.presets import Preset
from services.rules.domain.size import check_size

SIMPLE = "simple"
"""What new projects start with unless the settings say otherwise."""

_FOLDER = Path(__file__).parent


class InvalidPreset(Exception):
    """A preset file breaks the rules for rule sets; the text has a line for each fault."""


def names() -> list[str]:
    """All presets there are, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_all() -> dict[str, Preset]:
    """Every preset by its name. Raises InvalidPreset."""
    return {name: load(name) for name in names()}


def load(name: str) -> Preset:
    """The preset in `<name>.yaml`. Raises InvalidPreset."""
    return parse(name, (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Preset:
    """A preset as its file has it. Raises InvalidPreset for what an edit or an activation would refuse."""
    problems = Problems()
    try:
        _, content = yaml_reading.content(text, problems)
        check_size(content)
    except EditRefused as error:
        raise InvalidPreset(f"rules: {type(error).__name__} {error}") from error
    if not content.rules:
        problems.note("rules", "are none: there is nothing to put in force")
    for missing in activation.missing_groups(content):
        problems.note(missing.field, f"{missing.group!r} is no group of the preset")
    if problems.found:
        raise InvalidPreset("\n".join(f"{field}: {text}" for field, text in problems.found))
    return Preset(name=name, **content.said())
