"""Presets as data files, read with the checks that apply to callers' rule sets. What they say is in the files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.rules.conditions import EXPRESSIONS
from services.rules.domain import checks, editing, group_checks
from services.rules.domain.checks import BoundsInput, LimitInput, Problems, StageInput
from services.rules.domain.group_checks import (
    ContributionInput,
    DecayInput,
    GroupInput,
    HalfLifeInput,
    IdleAmountInput,
    IdleFactorInput,
    UnknownDecayInput,
)
from services.rules.domain.model import Limit, Rule
from services.rules.domain.presets import Preset

SIMPLE = "simple"
"""What new projects start with unless the settings say otherwise."""

_FOLDER = Path(__file__).parent

_DURATION = re.compile(r"(\d{1,6})([smhd])")
_UNITS_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}


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
    path = _FOLDER / f"{name}.yaml"
    return parse(name, yaml.safe_load(path.read_text(encoding="utf-8")))


def parse(name: str, content: Mapping[str, Any]) -> Preset:
    """A preset as its file has it: fields are named as in the contract, durations are written `30d`, `12h`, `5m` or
    `1s`. Raises InvalidPreset."""
    problems = Problems()
    _only(
        content, "preset", problems, "description", "bounds", "groups", "decay", "stages", "rules"
    )
    preset = Preset(
        name=name,
        description=checks.description(content.get("description", ""), "description", problems),
        rules=tuple(
            _rule(rule, f"rules[{index}]", problems)
            for index, rule in enumerate(content.get("rules", ()))
        ),
        stages=checks.stages(
            [StageInput(stage["name"], stage["min_score"]) for stage in content.get("stages", ())],
            "stages",
            problems,
        ),
        bounds=(
            checks.bounds(_bounds_input(content["bounds"], "bounds", problems), "bounds", problems)
            if "bounds" in content
            else None
        ),
        groups=group_checks.groups(
            [
                _group_input(group, f"groups[{index}]", problems)
                for index, group in enumerate(content.get("groups", ()))
            ],
            "groups",
            problems,
        ),
        decay=(
            group_checks.decay(_decay_input(content["decay"], "decay", problems), "decay", problems)
            if "decay" in content
            else None
        ),
    )
    _check_whole(preset, problems)
    if problems.found:
        raise InvalidPreset("\n".join(f"{field}: {text}" for field, text in problems.found))
    return preset


def _check_whole(preset: Preset, problems: Problems) -> None:
    """What an edit or an activation would refuse."""
    ids = [rule.rule_id for rule in preset.rules]
    for rule_id in sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
        problems.note("rules", f"{rule_id!r} is there twice")
    if not 1 <= len(ids) <= editing.RULES_MAX:
        problems.note("rules", f"must be 1 to {editing.RULES_MAX}, are {len(ids)}")
    there = {group.name for group in preset.groups}
    for index, rule in enumerate(preset.rules):
        if rule.group and rule.group not in there:
            problems.note(f"rules[{index}].group", f"{rule.group!r} is no group of the preset")


def _rule(rule: Mapping[str, Any], path: str, problems: Problems) -> Rule:
    _only(
        rule, path, problems,
        "rule_id", "event_type", "points", "enabled", "description", "group", "when", "limit",
    )  # fmt: skip
    event_type = checks.event_type(rule.get("event_type", ""), f"{path}.event_type", problems)
    when = rule.get("when", "")
    return Rule(
        rule_id=checks.rule_id(rule.get("rule_id", ""), event_type, f"{path}.rule_id", problems),
        event_type=event_type,
        points_milli=checks.points(rule.get("points", 0), f"{path}.points", problems),
        enabled=rule.get("enabled", True),
        description=checks.description(
            rule.get("description", ""), f"{path}.description", problems
        ),
        group=checks.group_of_rule(rule.get("group", ""), f"{path}.group", problems),
        when=checks.expression(when, EXPRESSIONS.condition, f"{path}.when", problems),
        limit=_limit(rule["limit"], f"{path}.limit", problems) if "limit" in rule else None,
    )


def _limit(limit: Mapping[str, Any], path: str, problems: Problems) -> Limit:
    _only(limit, path, problems, "count", "window", "key")
    window_ns = _nanoseconds(limit, "window", path, problems) if "window" in limit else None
    written = LimitInput(limit.get("count", 0), window_ns, limit.get("key", ""))
    return checks.limit(written, EXPRESSIONS, path, problems)


def _group_input(group: Mapping[str, Any], path: str, problems: Problems) -> GroupInput:
    _only(group, path, problems, "name", "bounds", "decay")
    bounds, decay = group.get("bounds"), group.get("decay")
    return GroupInput(
        group.get("name", ""),
        bounds and _bounds_input(bounds, f"{path}.bounds", problems),
        decay and _decay_input(decay, f"{path}.decay", problems),
    )


def _bounds_input(bounds: Mapping[str, Any], path: str, problems: Problems) -> BoundsInput:
    _only(bounds, path, problems, "min_score", "max_score")
    return BoundsInput(bounds.get("min_score"), bounds.get("max_score"))


def _decay_input(decay: Mapping[str, Any], path: str, problems: Problems) -> DecayInput:
    if len(decay) != 1:
        return UnknownDecayInput()
    ((kind, of),) = decay.items()
    path = f"{path}.{kind}"

    def duration(field: str) -> int:
        return _nanoseconds(of, field, path, problems)

    match kind:
        case "idle_factor":
            _only(of, path, problems, "after_idle", "every", "factor")
            return IdleFactorInput(duration("after_idle"), duration("every"), of.get("factor", -1))
        case "idle_amount":
            _only(of, path, problems, "after_idle", "every", "points", "floor")
            return IdleAmountInput(
                duration("after_idle"), duration("every"), of.get("points", 0), of.get("floor", 0)
            )
        case "contribution":
            _only(of, path, problems, "every", "percent", "gone_after")
            return ContributionInput(
                duration("every"), of.get("percent", 0), duration("gone_after")
            )
        case "half_life":
            _only(of, path, problems, "days")
            return HalfLifeInput(of.get("days", 0))
        case _:
            return UnknownDecayInput()


def _nanoseconds(of: Mapping[str, Any], field: str, path: str, problems: Problems) -> int:
    """A duration as the file has it; 0 where there is none."""
    if field not in of:
        return 0
    found = _DURATION.fullmatch(str(of[field]))
    if found is None:
        problems.note(f"{path}.{field}", "must be a whole number and s, m, h or d, e.g. 30d")
        return 0
    return int(found[1]) * _UNITS_NS[found[2]]


def _only(content: Mapping[str, Any], path: str, problems: Problems, *known: str) -> None:
    """Note what nobody would read, e.g. for a slip of the pen."""
    for name in sorted(content.keys() - set(known)):
        problems.note(path, f"has no {name!r}; it has {', '.join(known)}")
