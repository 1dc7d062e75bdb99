"""`scoreline analytics movers`: whose score moved most, who is newly qualified, and who of these may be lost."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreline.cli.explain import instant
from scoreline.cli.output import (
    effect_style,
    plain,
    points,
    print_json,
    stage,
    table_of,
    when,
)
from scoreline.cli.session import session_of
from scoreline.client.analytics_requests import RISKS_AT_LEAST
from scoreline.scoring.v1.intelligence_pb2 import RiskLevel
from scoreline.scoring.v1.movers_pb2 import (
    GetMoversResponse,
    LeadAtRisk,
    Mover,
    NewlyQualifiedLead,
)

_RISK_PREFIX: Final = "RISK_LEVEL_"


def movers(
    context: typer.Context,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="From then on; 7 days ago when absent."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Until then; now when absent.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many of each.", min=1, max=100)] = 10,
    stages: Annotated[
        list[str] | None,
        typer.Option("--stage", help="Of movers, only those in this stage now; repeatable."),
    ] = None,
    qualified_stages: Annotated[
        list[str] | None,
        typer.Option(
            "--qualified-stage",
            help="A stage that counts as qualified; repeatable, `qualified` when absent.",
        ),
    ] = None,
    at_risk_min: Annotated[
        str, typer.Option(help="The least risk to list: medium or high.")
    ] = "high",
) -> None:
    """Whose score moved most in at most 31 days, who is newly qualified, which qualified leads are at risk."""
    session = session_of(context)
    if at_risk_min not in RISKS_AT_LEAST:
        raise typer.BadParameter("medium or high", param_hint="--at-risk-min")
    with session.client() as client:
        found = client.analytics.movers(
            start=instant("--since", since),
            end=instant("--until", until),
            limit=limit,
            stages=stages or (),
            qualified_stages=qualified_stages or (),
            at_risk_min=at_risk_min,
        )
    if session.as_json:
        print_json(found)
        return
    show_movers(session.out, found)


def show_movers(console: Console, found: GetMoversResponse) -> None:
    """A table for each list that has somebody in it."""
    console.print(f"{when(found.from_time)} to {when(found.until_time)}", style="dim")
    _show(console, f"up: {found.up_count:,}", _moves([*found.up]))
    _show(console, f"down: {found.down_count:,}", _moves([*found.down]))
    newly = table_of("lead", "company", "score:r", "stage", "since")
    for new in found.newly_qualified:
        newly.add_row(
            _name(new), plain(new.company), points(new.score), stage(new.stage),
            when(new.enter_time),
        )  # fmt: skip
    _show(console, f"newly qualified: {found.newly_qualified_count:,}", newly)
    risky = table_of("lead", "company", "score:r", "stage", "risk", "last event")
    for one in found.at_risk:
        risk = RiskLevel.Name(one.risk).removeprefix(_RISK_PREFIX).lower()
        risky.add_row(
            _name(one), plain(one.company), points(one.score), stage(one.stage), risk,
            when(one.last_event_time),
        )  # fmt: skip
    _show(console, f"at risk: {found.at_risk_count:,}", risky)


def _moves(moved: list[Mover]) -> Table:
    table = table_of("lead", "company", "moved:r", "before:r", "after:r", "stage")
    for one in moved:
        stages = stage(one.stage_after)
        if one.stage_before != one.stage_after:
            stages = Text.assemble(stage(one.stage_before), " → ", stages)
        table.add_row(
            _name(one), plain(one.company),
            Text(points(one.delta, sign=True), effect_style(one.delta)),
            points(one.score_before), points(one.score_after), stages,
        )  # fmt: skip
    return table


def _show(console: Console, title: str, table: Table) -> None:
    console.print()
    console.print(title, style="bold", markup=False)
    if table.row_count:
        console.print(table)


def _name(lead: Mover | NewlyQualifiedLead | LeadAtRisk) -> Text:
    return plain(lead.display_name or lead.email or lead.lead_id)
