"""`scoreline simulate-rules` and `compare-rules`: what other rules would make of the leads, before anybody activates
them. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

from scoreline.cli.explain import AsOf, instant
from scoreline.cli.failures import FAILED, CommandFailed
from scoreline.cli.output import print_json
from scoreline.cli.progress import bars
from scoreline.cli.rule_sets import show_validation, text_of
from scoreline.cli.session import Session, session_of
from scoreline.cli.simulation_tables import lead_line, show_comparison, show_simulation
from scoreline.client import Client
from scoreline.rules.v1.rule_set_pb2 import RuleSet
from scoreline.scoring.v1.simulation_service_pb2 import (
    CompareRuleSetsResponse,
    ComparisonSummary,
    SimulateRuleSetResponse,
    SimulationSummary,
)

CURRENT: Final = "current"
"""In place of a file: the rules in force."""

NAME_MAX: Final = 64
"""Characters of a variant's name."""


class Listed(Enum):
    """Which leads are listed one by one."""

    NONE = "none"
    CHANGED = "changed"
    ALL = "all"


def simulate_rules(
    context: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="YAML; - for standard input. Else the draft."),
    ] = None,
    sample: Annotated[
        float, typer.Option(help="Only about this share of the leads, e.g. 0.1.", min=0, max=1)
    ] = 0,
    stages: Annotated[
        list[str] | None, typer.Option("--stage", help="Only leads in this stage now.")
    ] = None,
    lead_ids: Annotated[
        list[str] | None, typer.Option("--lead", help="Only this lead: an id or a reference.")
    ] = None,
    as_of: AsOf = None,
    days: Annotated[
        int, typer.Option(help="Count changes of stage on so many days back.", min=1, max=366)
    ] = 30,
    listed: Annotated[
        Listed, typer.Option("--list", help="Leads to list one by one, besides the summary.")
    ] = Listed.NONE,
) -> None:
    """What a draft would make of the leads' real history, beside what the rules in force make of it."""
    session = session_of(context)
    at = instant("--as-of", as_of)
    with session.client() as client:
        draft = client.rules.get() if file is None else _validated(session, client, file)
        messages = client.simulations.simulate(
            draft,
            sample=sample,
            stages=stages or (),
            lead_ids=lead_ids or (),
            as_of=at,
            changed_only=listed is Listed.CHANGED,
            summary_only=listed is Listed.NONE,
            days=days,
        )
        with closing(messages):
            summary = _follow_simulation(session, messages)
    if not session.as_json:
        show_simulation(session.out, summary)


def compare_rules(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help=f"2 to 8 YAML files; `{CURRENT}`: the rules in force."
        ),
    ],
    conversion_types: Annotated[
        list[str],
        typer.Option("--conversion", help="An event of this type is a conversion, e.g. purchase."),
    ],
    weights: Annotated[
        list[int] | None,
        typer.Option(
            "--weight", help="Share of each file's leads, in their order.", min=1, max=1_000
        ),
    ] = None,
    seed: Annotated[str, typer.Option(help="Another text splits the leads another way.")] = "",
    as_of: AsOf = None,
) -> None:
    """Split the leads over rule sets, and see which of them tells best who converts."""
    session = session_of(context)
    if weights is not None and len(weights) != len(files):
        raise typer.BadParameter("one for each file, or none", param_hint="--weight")
    names = _names(files)
    at = instant("--as-of", as_of)
    with session.client() as client:
        variants = {
            name: None if file == CURRENT else _validated(session, client, file)
            for name, file in zip(names, files, strict=True)
        }
        messages = client.simulations.compare(
            variants,
            conversion_types=conversion_types,
            weights=dict(zip(names, weights, strict=True)) if weights else None,
            seed=seed,
            as_of=at,
        )
        with closing(messages):
            summary = _follow_comparison(session, messages)
    if not session.as_json:
        show_comparison(session.out, summary)


def _validated(session: Session, client: Client, file: str) -> RuleSet:
    """The rule set of a file. A golden test that fails keeps nobody from looking at what the rules would do."""
    found = client.rules.validate(yaml=text_of(file))
    if not found.faults and found.HasField("rule_set"):
        return found.rule_set
    if session.as_json:
        print_json(found)
    else:
        show_validation(session.err, found)
    raise CommandFailed(f"{file}: the rule set can't be applied", FAILED)


def _names(files: list[str]) -> list[str]:
    """What to call the variants: their files' names, as short as they can be told apart."""
    short = [Path(file).stem for file in files]
    names = short if len(set(short)) == len(short) else files
    if len(set(names)) < len(names):
        raise typer.BadParameter("each file once", param_hint="FILE...")
    # A path says most at its end.
    return [name[-NAME_MAX:] for name in names]


def _follow_simulation(
    session: Session, messages: Iterable[SimulateRuleSetResponse]
) -> SimulationSummary:
    with bars(session) as shown:
        leads = shown.add_task("leads", total=None)
        for message in messages:
            if session.as_json:
                print_json(message)
            kind = message.WhichOneof("message")
            if kind == "progress":
                so_far = message.progress
                shown.update(leads, completed=so_far.lead_count, total=so_far.lead_total)
            elif kind == "lead" and not session.as_json:
                session.out.print(lead_line(message.lead))
            elif kind == "summary":
                return message.summary
    raise CommandFailed("the simulation was broken off")


def _follow_comparison(
    session: Session, messages: Iterable[CompareRuleSetsResponse]
) -> ComparisonSummary:
    with bars(session) as shown:
        leads = shown.add_task("leads", total=None)
        for message in messages:
            if session.as_json:
                print_json(message)
            kind = message.WhichOneof("message")
            if kind == "progress":
                so_far = message.progress
                shown.update(leads, completed=so_far.lead_count, total=so_far.lead_total)
            elif kind == "summary":
                return message.summary
    raise CommandFailed("the comparison was broken off")
