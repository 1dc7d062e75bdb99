"""`scoreline leads`, `lead` and `leaderboard`: who is how far, and where each point came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from scoreline.cli.effects import milli, why
from scoreline.cli.output import (
    area_chart,
    bar,
    effect_style,
    label,
    plain,
    points,
    print_json,
    stage,
    when,
)
from scoreline.cli.session import session_of
from scoreline.client import Client
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.scoring.v1.scoring_service_pb2 import (
    LeaderboardEntry,
    TimelineEntry,
)

LEAD_WIDTH: Final = 28
BAR_WIDTH: Final = 24
"""Together with the other columns these fit 80 characters."""
CHART_WIDTH: Final = 72
CHART_HEIGHT: Final = 6
TIMELINE_SHOWN: Final = 25
"""The newest entries fill a screen; the sum is always that of all."""

_REFERENCES: Final = ("email:", "anonymous:", "external:")
"""How references of leads begin."""

_StagesOption = Annotated[
    list[str] | None, typer.Option("--stage", help="Only this stage; may be given several times.")
]


def leads(
    context: typer.Context,
    stages: _StagesOption = None,
    min_score: Annotated[float | None, typer.Option(help="Only from this score up.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Only up to this score.")] = None,
    query: Annotated[
        str, typer.Option("--query", "-q", help="Only where id, e-mail, name or company has it.")
    ] = "",
    idle_days: Annotated[
        float | None,
        typer.Option(help="Only where the last event happened at least so many days ago.", min=0),
    ] = None,
    order_by: Annotated[
        str,
        typer.Option(help="lead_id, score, last_event_time or create_time; `score desc` reverses."),
    ] = "score desc",
    limit: Annotated[int, typer.Option(help="At most so many; 0: all.", min=0)] = 25,
) -> None:
    """List leads; with a command behind it, correct them."""
    if context.invoked_subcommand is not None:
        return
    session = session_of(context)
    with session.client() as client:
        found = client.leads.list(
            stages=stages or (),
            min_score=min_score,
            max_score=max_score,
            query=query,
            last_event_until=_days_ago(idle_days),
            order_by=order_by,
            page_size=min(limit, 500) or 500,
        )
        shown = islice(found, limit or None)
        if session.as_json:
            for one in shown:
                print_json(one)
            return
        table = Table("lead", "id", box=None, header_style="bold")
        table.add_column("score", justify="right")
        table.add_column("stage")
        table.add_column("events", justify="right")
        table.add_column("last event")
        for one in shown:
            table.add_row(
                label(one), plain(one.lead_id), points(one.score), stage(one.stage),
                str(one.event_count), when(one.last_event_time),
            )  # fmt: skip
        counts = client.leads.stage_counts()
    session.out.print(table)
    by_stage = ", ".join(f"{one.lead_count:,} {one.stage or '-'}" for one in counts.stage_counts)
    session.out.print(f"{counts.total_count:,} leads: {by_stage}", style="dim", markup=False)


def _days_ago(days: float | None) -> datetime | None:
    """Raises BadParameter where the calendar does not go back so far."""
    try:
        return None if days is None else datetime.now(UTC) - timedelta(days=days)
    except (OverflowError, ValueError) as error:
        raise typer.BadParameter("more days than there were", param_hint="--idle-days") from error


def leaderboard(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100)] = 10,
    stages: _StagesOption = None,
) -> None:
    """The leads with the highest scores."""
    session = session_of(context)
    with session.client() as client:
        entries = client.leads.leaderboard(limit=limit, stages=stages or ())
    if session.as_json:
        for entry in entries:
            print_json(entry)
        return
    session.out.print(leaderboard_table(entries))


def leaderboard_table(entries: Sequence[LeaderboardEntry]) -> Table:
    """Places with bars, the first one's as long as can be."""
    table = Table(box=None, header_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("lead", no_wrap=True, max_width=LEAD_WIDTH)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=BAR_WIDTH)
    table.add_column("stage", no_wrap=True)
    greatest = entries[0].lead.score if entries else 0.0
    for entry in entries:
        length = bar(entry.lead.score, greatest, BAR_WIDTH)
        table.add_row(
            str(entry.rank), label(entry.lead), points(entry.lead.score), Text(length, "cyan"),
            stage(entry.lead.stage),
        )  # fmt: skip
    return table


def lead(
    context: typer.Context,
    lead_id: Annotated[
        str, typer.Argument(metavar="ID", help="An id or a reference: email:ada@example.com")
    ],
    limit: Annotated[
        int, typer.Option(help="Timeline entries to show, the newest; 0: all.", min=0)
    ] = TIMELINE_SHOWN,
) -> None:
    """A lead's score, stage and timeline: where each point came from."""
    session = session_of(context)
    with session.client() as client:
        found = client.leads.get(lead_id)
        entries = list(client.leads.timeline(found.lead_id))
    if session.as_json:
        print_json(found)
        for entry in entries:
            print_json(entry)
        return
    show_lead(session.out, found, entries, limit)


def show_lead(console: Console, lead: Lead, entries: Sequence[TimelineEntry], limit: int) -> None:
    """A lead on a screen; `entries` are its whole timeline, oldest first."""
    title = Text.assemble(label(lead), "  ", (points(lead.score), "bold"), " points  ")
    title.append_text(stage(lead.stage))
    console.print(title)
    console.print(
        f"{lead.lead_id}, {lead.event_count:,} events, version {lead.version}, rules {lead.rule_set_version}",
        style="dim",
        markup=False,
    )
    lines = area_chart([entry.score for entry in entries], CHART_WIDTH, CHART_HEIGHT)
    console.print(Group(*(Text(line, "cyan") for line in lines)))
    shown = entries[-limit:] if limit else entries
    if len(shown) < len(entries):
        console.print(f"... {len(entries) - len(shown):,} earlier events", style="dim")
    table = Table(box=None, header_style="bold")
    table.add_column("time", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("stage", no_wrap=True)
    table.add_column("why", overflow="fold")
    for entry in shown:
        effect = sum(milli(one.points) for one in entry.effects) / 1000
        table.add_row(
            when(entry.occur_time), plain(entry.type),
            Text(points(effect, sign=True), effect_style(effect)), points(entry.score),
            stage(entry.stage), plain(", ".join(map(why, entry.effects)) or "no rule for it"),
        )  # fmt: skip
    console.print(table)
    console.print(sum_line(lead, entries))


def sum_line(lead: Lead, entries: Sequence[TimelineEntry]) -> Text:
    """The proof: all effects, and what time took, sum to the score."""
    effects = [milli(one.points) for entry in entries for one in entry.effects]
    gained = sum(effect for effect in effects if effect > 0)
    lost = sum(effect for effect in effects if effect < 0)
    faded = sum(milli(one.points) for entry in entries for one in entry.fadings)
    text = f"effects of {len(entries):,} events: {points(gained / 1000, sign=True)}"
    if lost:
        text += f" {points(lost / 1000, sign=True)}"
    if faded:
        text += f", time {points(faded / 1000, sign=True)}"
    total = gained + lost + faded
    text += f" = {points(total / 1000)}"
    if total == milli(lead.score):
        return Text(f"{text}, which is the score", "green")
    # Time has passed since the last event, or events arrived between the two reads: `explain` accounts for all of it.
    return Text(f"{text} at the last event; the score is {points(lead.score)} by now", "yellow")


def lead_id_of(client: Client, lead_id: str) -> str:
    """The id of a lead that is named by its id or by a reference, for what knows leads by their ids alone."""
    return client.leads.get(lead_id).lead_id if lead_id.startswith(_REFERENCES) else lead_id
