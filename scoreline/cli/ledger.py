"""`scoreline ledger verify` and `replay`: is every score what the ledger says, and make it so."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Annotated, Final

import typer
from rich.console import Console

from scoreline.cli.failures import CommandFailed
from scoreline.cli.output import plain, points, print_json
from scoreline.cli.progress import bars
from scoreline.cli.session import Session, session_of
from scoreline.scoring.v1.ledger_pb2 import (
    LedgerMismatch,
    LedgerMismatchKind,
    ReplayLeadsResponse,
    VerifyLedgerResponse,
    VerifySummary,
)

app = typer.Typer(no_args_is_help=True, help="Verify the ledger, and replay leads from it.")

_KIND_PREFIX: Final = "LEDGER_MISMATCH_KIND_"


@app.command("verify")
def verify(
    context: typer.Context,
    from_position: Annotated[
        int, typer.Option("--from", help="Only the chain, from this position on.", min=0)
    ] = 0,
    to_position: Annotated[
        int, typer.Option("--to", help="Only the chain, up to this position.", min=0)
    ] = 0,
    lead_id: Annotated[
        str, typer.Option("--lead", help="Only this lead's entries and snapshot.")
    ] = "",
) -> None:
    """Recompute the hash chain and every score from the ledger. Exits with 1 when anything differs."""
    session = session_of(context)
    with (
        session.client() as client,
        closing(
            client.ledger.verify(
                from_position=from_position, to_position=to_position, lead_id=lead_id
            )
        ) as messages,
    ):
        summary = _follow_verification(session, messages)
    if summary is None:
        raise CommandFailed("the verification was broken off: nothing is proven")
    if not session.as_json:
        _show_summary(session.out, summary)
    if summary.mismatch_count:
        raise CommandFailed(f"{summary.mismatch_count:,} mismatches")


@app.command("replay")
def replay(
    context: typer.Context,
    lead_id: Annotated[
        str, typer.Argument(metavar="[LEAD]", help="Only this lead; all when absent.")
    ] = "",
    stages: Annotated[
        list[str] | None, typer.Option("--stage", help="Only leads in this stage.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Only from this score up.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Only up to this score.")] = None,
    query: Annotated[
        str, typer.Option("--query", "-q", help="Only where id, e-mail, name or company has it.")
    ] = "",
    resume_token: Annotated[
        str, typer.Option(help="Continue a replay that was broken off after this token.")
    ] = "",
) -> None:
    """Compute leads anew from the ledger and mend what differs, which should be nothing."""
    session = session_of(context)
    with (
        session.client() as client,
        closing(
            client.ledger.replay(
                lead_id=lead_id,
                stages=stages or (),
                min_score=min_score,
                max_score=max_score,
                query=query,
                resume_token=resume_token,
            )
        ) as messages,
    ):
        _follow_replay(session, messages)


def _follow_verification(
    session: Session, messages: Iterable[VerifyLedgerResponse]
) -> VerifySummary | None:
    summary = None
    with bars(session) as shown:
        entries = shown.add_task("entries", total=None)
        leads = shown.add_task("leads", total=None)
        for message in messages:
            if session.as_json:
                print_json(message)
            kind = message.WhichOneof("message")
            if kind == "progress":
                so_far = message.progress
                shown.update(entries, completed=so_far.entry_count, total=so_far.entry_total)
                shown.update(leads, completed=so_far.lead_count, total=so_far.lead_total)
            elif kind == "mismatch" and not session.as_json:
                session.out.print(mismatch_line(message.mismatch), style="red", markup=False)
            elif kind == "summary":
                summary = message.summary
    return summary


def mismatch_line(found: LedgerMismatch) -> str:
    """A mismatch in a line."""
    kind = LedgerMismatchKind.Name(found.kind).removeprefix(_KIND_PREFIX).lower().replace("_", " ")
    place = f"lead {found.lead_id}" if found.lead_id else f"position {found.position}"
    event = f" (event {found.event_id})" if found.event_id else ""
    line = f"{kind} at {place}{event}: {found.field} should be {found.expected}, is {found.found}"
    return plain(line).plain


def _show_summary(console: Console, summary: VerifySummary) -> None:
    verdict = "all as it should be" if not summary.mismatch_count else "NOT as it should be"
    console.print(
        f"{summary.entry_count:,} entries in {summary.block_count:,} blocks and {summary.lead_count:,} "
        f"scores: {verdict}",
        style="red" if summary.mismatch_count else "green",
        markup=False,
    )
    if summary.outdated_count:
        console.print(
            f"{summary.outdated_count:,} scores are about to be made anew", style="yellow"
        )
    if summary.last_hash:
        console.print(
            f"chain at {summary.last_position:,}: {summary.last_hash.hex()}",
            style="dim",
            markup=False,
            soft_wrap=True,
        )


def _follow_replay(session: Session, messages: Iterable[ReplayLeadsResponse]) -> None:
    last = None
    with bars(session) as shown:
        leads = shown.add_task("leads", total=None)
        for message in messages:
            last = message
            if session.as_json:
                print_json(message)
                continue
            shown.update(leads, completed=message.lead_count, total=message.lead_total)
            for one in message.changed_leads:
                line = (
                    f"{one.lead_id}: {points(one.previous_score)} {one.previous_stage} -> "
                    f"{points(one.score)} {one.stage}"
                )
                session.out.print(plain(line), style="yellow")
    if last is None or session.as_json:
        return
    session.out.print(
        f"{last.lead_count:,} leads replayed: {last.changed_count:,} scores changed, "
        f"{last.mended_count:,} snapshots mended, {last.updated_count:,} brought up to date",
        style="yellow" if last.changed_count or last.mended_count else "green",
        markup=False,
    )
