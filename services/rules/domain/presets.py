"""A preset, and the first version of a project's rules that is made from it. Reading presets from files is not here."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.rules.domain.model import (
    SYSTEM_ACTOR,
    Activation,
    Bounds,
    Decay,
    Group,
    Rule,
    RuleSet,
    Stage,
    State,
)


@dataclass(frozen=True, slots=True)
class Preset:
    """Rules to start from."""

    name: str
    description: str
    rules: tuple[Rule, ...]
    stages: tuple[Stage, ...]
    bounds: Bounds | None
    groups: tuple[Group, ...]
    decay: Decay | None


def first_version(preset: Preset, now: datetime) -> RuleSet:
    """The preset as version 1, in force."""
    rule_set = RuleSet(
        version=1,
        state=State.ACTIVE,
        revision=1,
        description=preset.description,
        rules=(),
        stages=preset.stages,
        bounds=preset.bounds,
        create_time=now,
        update_time=now,
        groups=preset.groups,
        decay=preset.decay,
    )
    return replace(
        rule_set, rules=tuple(replace(rule, etag=rule_set.etag) for rule in preset.rules)
    )


def first_activation(project_id: str, now: datetime) -> Activation:
    """What put version 1 in force."""
    return Activation(project_id, number=1, version=1, activate_time=now, actor=SYSTEM_ACTOR)
