"""`scoreline leads merge`, `unmerge`, `adjust`, and `scoreline events retract`: what people correct by hand."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from scoreline.cli import leads
from scoreline.cli.explain import instant
from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import effect_style, label, plain, points, print_json, stage
from scoreline.cli.session import session_of
from scoreline.scoring.v1.facts_pb2 import AdjustScoreResponse, RetractEventsResponse
from scoreline.scoring.v1.lead_pb2 import Lead

leads_app = typer.Typer(invoke_without_command=True)
leads_app.callback()(leads.leads)
events_app = typer.Typer(no_args_is_help=True, help="Correct what events say.")

_LEAD = "An id or a reference: email:ada@example.com"
_Why = Annotated[
    str, typer.Option("--reason", help="Why; kept in the ledger for ever: no personal data.")
]
_Reason = Annotated[
    str,
    typer.Option(
        "--reason", help="Why; kept in the ledger for ever: no personal data.", show_default=False
    ),
]


@leads_app.command("merge")
def merge(
    context: typer.Context,
    lead_id: Annotated[str, typer.Argument(metavar="LEAD", help=f"The lead that stays. {_LEAD}")],
    merged_lead_id: Annotated[
        str, typer.Argument(metavar="OTHER", help="The lead that becomes part of it.")
    ],
    reason: _Why = "",
) -> None:
    """Make two leads one: the events of both, as if they had always been one."""
    session = session_of(context)
    with session.client() as client:
        merged = client.facts.merge(lead_id, merged_lead_id, reason)
    if session.as_json:
        print_json(merged)
        return
    session.out.print(_standing(merged))
    count = len(merged.merged_lead_ids)
    others = "one other lead" if count == 1 else f"{count} other leads"
    session.out.print(
        f"{merged.lead_id} is one with {others} now; `scoreline leads unmerge ID` undoes it",
        style="dim",
        markup=False,
    )


@leads_app.command("unmerge")
def unmerge(
    context: typer.Context,
    merged_lead_id: Annotated[
        str, typer.Argument(metavar="ID", help="The id that the lead had before it was merged.")
    ],
    reason: _Why = "",
) -> None:
    """Undo a merge: both leads are what they would be without it."""
    session = session_of(context)
    with session.client() as client:
        both = client.facts.unmerge(merged_lead_id, reason)
    if session.as_json:
        print_json(both)
        return
    session.out.print(_standing(both.unmerged_lead))
    session.out.print(_standing(both.lead))


@leads_app.command("adjust", context_settings={"ignore_unknown_options": True})
def adjust(
    context: typer.Context,
    lead_id: Annotated[str, typer.Argument(metavar="LEAD", help=_LEAD)],
    given: Annotated[
        float, typer.Argument(metavar="POINTS", help="Points to give; -5 takes five away.")
    ],
    reason: _Reason,
    group: Annotated[str, typer.Option(help="The group that they go to; none by default.")] = "",
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="From when on they count; now by default.")
    ] = None,
    adjustment_id: Annotated[
        str, typer.Option("--id", help="The same id counts once, however often it is sent.")
    ] = "",
) -> None:
    """Give or take points by hand."""
    session = session_of(context)
    occur_time = instant("--at", at)
    with session.client() as client:
        made = client.facts.adjust(
            lead_id,
            given,
            reason,
            group=group,
            occur_time=occur_time,
            adjustment_id=adjustment_id,
        )
    if session.as_json:
        print_json(made)
        return
    _show_adjustment(session.out, made, given)


@events_app.command("retract")
def retract(
    context: typer.Context,
    reason: _Reason,
    event_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[EVENT_ID]...", help="These events.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="All of this type; repeatable.")
    ] = None,
    source: Annotated[str, typer.Option(help="All that this system reported.")] = "",
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="All that happened from then on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="All that happened before then.")
    ] = None,
    lead_id: Annotated[str, typer.Option("--lead", help="All of this lead.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be retracted.")
    ] = False,
) -> None:
    """Make events count for nothing: those with these ids, or all that fit every option given."""
    session = session_of(context)
    start, end = instant("--since", since), instant("--until", until)
    if bool(event_ids) == bool(types or source or start or end or lead_id):
        raise CommandFailed("name events by their ids, or by options, not by both", USAGE)
    with session.client() as client:
        found = client.facts.retract(
            event_ids or (),
            reason=reason,
            types=types or (),
            source=source,
            start=start,
            end=end,
            lead_id=lead_id,
            validate_only=dry_run,
        )
    if session.as_json:
        print_json(found)
    else:
        _show_retraction(session.out, found, dry_run)


def _standing(lead: Lead) -> Text:
    text = Text.assemble(label(lead), "  ", (points(lead.score), "bold"), " points  ")
    text.append_text(stage(lead.stage))
    text.append(f"  {lead.event_count:,} events")
    return text


def _show_adjustment(console: Console, made: AdjustScoreResponse, given: float) -> None:
    change = made.score_change
    text = plain(change.lead_id)
    text.append(f"  {points(change.previous_score)} ")
    text.append(points(change.delta, sign=True), effect_style(change.delta))
    text.append(f" = {points(change.score)} points  ")
    text.append_text(stage(change.stage))
    console.print(text)
    if round(change.delta * 1000) != round(given * 1000):
        console.print(
            f"of {points(given, sign=True)}: the rest is taken by bounds, by fading, or was given before",
            style="dim",
            markup=False,
        )
    console.print(f"ledger entry {made.event_id}", style="dim", markup=False)


def _show_retraction(console: Console, found: RetractEventsResponse, dry_run: bool) -> None:
    said = "would be retracted" if dry_run else "count for nothing now"
    console.print(f"{found.retracted_count:,} events of {found.lead_count:,} leads {said}")
    if found.unknown_count:
        listed = ", ".join(found.unknown_event_ids[:5])
        more = ", ..." if found.unknown_count > len(found.unknown_event_ids[:5]) else ""
        console.print(
            f"{found.unknown_count:,} are not in the ledger: {listed}{more}",
            style="yellow",
            markup=False,
        )
