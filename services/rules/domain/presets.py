"""A preset, and the first version of a project's rules that is made from it. Reading presets from files is not here."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.rules.domain.model import (
    ALL_HISTORY,
    SYSTEM_ACTOR,
    Activation,
    Content,
    RuleSet,
    State,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset(Content):
    """Rules to start from."""

    name: str


def first_version(preset: Preset, now: datetime) -> RuleSet:
    """The preset as version 1, in force."""
    rule_set = RuleSet(
        version=1, state=State.ACTIVE, revision=1, create_time=now, update_time=now, **preset.said()
    )
    return replace(
        rule_set, rules=tuple(replace(rule, etag=rule_set.etag) for rule in preset.rules)
    )


def first_activation(project_id: str, now: datetime) -> Activation:
    """What put version 1 in force: for all history, whatever the binding, since there was nothing before it."""
    return Activation(
        project_id,
        number=1,
        version=1,
        activate_time=now,
        actor=SYSTEM_ACTOR,
        effective_time=ALL_HISTORY,
    )
