"""`scoreline rules update`: change what the draft says besides its rules, part by part. Rules are changed by
`scoreline rules set`; to replace everything there is `scoreline rules import`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from scoreline.cli.failures import CommandFailed
from scoreline.cli.rule_sets import faults_line_by_line, show_draft, text_of
from scoreline.cli.session import session_of
from scoreline.client import Client
from scoreline.rules.v1.rule_set_pb2 import RuleSet

PARTS: Final = (
    "description", "stages", "bounds", "groups", "decay", "grading", "velocity", "risk",
    "next_actions", "late_events", "binding", "tests", "engagement_group",
)  # fmt: skip
"""What may be changed, by its name in the contract."""

# A map's names begin lines, unless it is written in braces.
_NAME = re.compile(r"""^(["']?)([A-Za-z_]+)\1[ \t]*:(?=\s|$)""", re.MULTILINE)


def update(
    context: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="YAML with the parts to change, as `scoreline rules export` writes them; - for standard input.",
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="What the rule set is for.")] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option("--clear", metavar="PART", help="Take this part away; may be repeated."),
    ] = None,
    etag: Annotated[
        str, typer.Option(help="Only if nobody has edited the draft since it had this etag.")
    ] = "",
) -> None:
    """Change parts of the draft besides its rules: stages, groups, decay, grading, next actions ..."""
    session = session_of(context)
    text = None if file is None else text_of(file)
    named = [] if text is None else _named(text)
    cleared = clear or []
    _check(named, cleared, description)
    with session.client() as client, faults_line_by_line():
        written = RuleSet() if text is None else _read(client, text)
        values = {name: _value(written, name) for name in named}
        values |= {name: _value(RuleSet(), name) for name in cleared}
        if description is not None:
            values["description"] = description
        draft = client.rules.update_draft(**values, etag=etag)
    show_draft(session, draft)


def _named(text: str) -> list[str]:
    """The parts that a text names, whether it is YAML or JSON."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return [name for _, name in _NAME.findall(text)]
    return [str(name) for name in whole] if isinstance(whole, dict) else []


def _check(named: Sequence[str], cleared: Sequence[str], description: str | None) -> None:
    if not named and not cleared and description is None:
        raise CommandFailed(
            "nothing to change: name a file whose lines begin with the parts to change, --description or --clear"
        )
    for name in [*named, *cleared]:
        if name == "rules":
            raise CommandFailed(
                "rules are changed by `scoreline rules set` and `scoreline rules import`"
            )
        if name not in PARTS:
            raise CommandFailed(f"{name} is no part that can be changed: {', '.join(PARTS)}")
    if both := sorted({*named, *(["description"] if description is not None else [])} & {*cleared}):
        raise CommandFailed(f"{both[0]} can't be changed and taken away at once")


def _read(client: Client, text: str) -> RuleSet:
    """What a text says; only the service reads YAML. Of what a whole rule set would need nothing is asked."""
    found = client.rules.validate(yaml=text)
    if not found.HasField("rule_set"):
        faults = [f"{one.field}: {one.description}" for one in found.faults if one.field != "rules"]
        raise CommandFailed("\n  ".join(faults) or "the text can't be read")
    return found.rule_set


def _value(rule_set: RuleSet, name: str) -> Any:
    """A part as the client takes it."""
    if name == "stages":
        return [(stage.name, stage.min_score) for stage in rule_set.stages]
    if name == "bounds":
        bounds = rule_set.bounds
        return tuple(
            getattr(bounds, end) if bounds.HasField(end) else None
            for end in ("min_score", "max_score")
        )
    return getattr(rule_set, name)
