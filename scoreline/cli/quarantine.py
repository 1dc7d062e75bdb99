"""`scoreline quarantine`: what was accepted and can't be processed, and what to do about it."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer
from rich.filesize import decimal
from rich.text import Text

from scoreline.cli.explain import instant
from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import Session, session_of
from scoreline.ingest.v1.quarantine_service_pb2 import QuarantinedItem, QuarantineReason

app = typer.Typer(
    no_args_is_help=True, help="What was accepted and can't be processed, until you see to it."
)

REASONS = ("undecodable", "conflict", "poison", "mapping_failed")

_ItemId = Annotated[str, typer.Argument(metavar="ITEM", help="qua_..., as `list` shows it.")]
_ItemOrNone = Annotated[
    str | None, typer.Argument(metavar="[ITEM]", help="One item; otherwise say which.")
]
_Reason = Annotated[str, typer.Option(help=f"Only of this reason: {', '.join(REASONS)}.")]
_Source = Annotated[str, typer.Option("--source", help="Only through this webhook source.")]
_EventId = Annotated[str, typer.Option("--event", help="Only of this event id.")]
_Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only last seen from then on.")]
_Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only last seen before then.")]
_All = Annotated[bool, typer.Option("--all", help="Everything that is in quarantine.")]


class _Which(TypedDict):
    reason: str
    source_id: str
    event_id: str
    seen_after: datetime | None
    seen_before: datetime | None


@app.command("list")
def list_items(
    context: typer.Context,
    reason: _Reason = "",
    source: _Source = "",
    event_id: _EventId = "",
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 25,
) -> None:
    """What is in quarantine, last seen first."""
    session = session_of(context)
    which = _which(reason, source, event_id, since, until)
    with session.client() as client:
        found = list(islice(client.quarantine.list(**which, page_size=min(limit, 1_000)), limit))
    if session.as_json:
        for item in found:
            print_json(item)
        return
    if not found:
        session.out.print("nothing is in quarantine")
        return
    for item in found:
        # Ids are long, and to be copied: no table has room for one and for what else is to be said.
        line = Text.assemble((item.item_id, "bold"), "  ", (_name(item.reason), "yellow"))
        line.append(f"  seen {item.seen_count:,} times, last {when(item.last_seen_time)}", "dim")
        session.out.print(line, soft_wrap=True)
        told = [f"event {item.event_id}"] * bool(item.event_id)
        told += [f"through {item.source_id}"] * bool(item.source_id)
        told += [item.detail] * bool(item.detail)
        session.out.print(plain(f"  {', '.join(told)}"))


@app.command("get")
def get_item(
    context: typer.Context,
    item_id: _ItemId,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the bytes to this file.")
    ] = None,
) -> None:
    """One item: why it is here, and what it is."""
    session = session_of(context)
    with session.client() as client:
        item = client.quarantine.get(item_id)
    if save is not None:
        try:
            save.write_bytes(item.payload)
        except OSError as error:
            raise CommandFailed(f"{save} can't be written: {error.strerror}", USAGE) from None
    if session.as_json:
        print_json(item)
        return
    _show(session, item, save)


@app.command("redrive")
def redrive(
    context: typer.Context,
    item_id: _ItemOrNone = None,
    reason: _Reason = "",
    source: _Source = "",
    event_id: _EventId = "",
    since: _Since = None,
    until: _Until = None,
    everything: _All = False,
) -> None:
    """Have items processed once more: after a mapping, a rule or the suite was mended."""
    session = session_of(context)
    chosen = _chosen(item_id, _which(reason, source, event_id, since, until), everything)
    with session.client() as client:
        done = client.quarantine.redrive(**chosen)
    if session.as_json:
        print_json(done)
        return
    session.out.print(f"{done.redriven_count:,} went on their way")
    if done.failed_count:
        text = plain(f"{done.failed_count:,} fail as before, the first: {done.first_failure}")
        session.out.print(text, style="yellow")


@app.command("discard")
def discard(
    context: typer.Context,
    item_id: _ItemOrNone = None,
    reason: _Reason = "",
    source: _Source = "",
    event_id: _EventId = "",
    since: _Since = None,
    until: _Until = None,
    everything: _All = False,
) -> None:
    """Throw items away for good."""
    session = session_of(context)
    chosen = _chosen(item_id, _which(reason, source, event_id, since, until), everything)
    with session.client() as client:
        done = client.quarantine.discard(**chosen)
    if session.as_json:
        print_json(done)
    else:
        session.out.print(f"{done.discarded_count:,} thrown away")


@app.command("count")
def count(context: typer.Context) -> None:
    """How much is in quarantine, by reason."""
    session = session_of(context)
    with session.client() as client:
        counts = client.quarantine.count()
    if session.as_json:
        for one in counts:
            print_json(one)
        return
    if not counts:
        session.out.print("nothing is in quarantine")
    for one in counts:
        text = Text(f"{_name(one.reason)}: {one.item_count:,}, seen {one.seen_count:,} times")
        if one.dropped_count:
            text.append(f"; {one.dropped_count:,} found no room and were logged only", "red")
        session.out.print(text)


def _which(reason: str, source: str, event_id: str, since: str | None, until: str | None) -> _Which:
    if reason and reason not in REASONS:
        raise typer.BadParameter(f"must be one of {', '.join(REASONS)}", param_hint="--reason")
    return {
        "reason": reason,
        "source_id": source,
        "event_id": event_id,
        "seen_after": instant("--since", since),
        "seen_before": instant("--until", until),
    }


def _chosen(item_id: str | None, which: _Which, everything: bool) -> dict[str, Any]:
    if [bool(item_id), any(which.values()), everything].count(True) != 1:
        raise CommandFailed("name an item, or say which by options, or --all: one of them", USAGE)
    return {"item_id": item_id or "", "everything": everything, **which}


def _name(reason: QuarantineReason) -> str:
    return QuarantineReason.Name(reason).removeprefix("QUARANTINE_REASON_").lower()


def _show(session: Session, item: QuarantinedItem, saved: Path | None) -> None:
    out = session.out
    out.print(Text.assemble((item.item_id, "bold"), f"  {_name(item.reason)}"))
    if item.detail:
        out.print(plain(item.detail))
    for what, value in (("event", item.event_id), ("through", item.source_id)):
        if value:
            out.print(plain(f"{what} {value}"))
    first, last = when(item.first_seen_time), when(item.last_seen_time)
    out.print(f"seen {item.seen_count:,} times, first {first}, last {last}")
    for name, value in sorted(item.headers.items()):
        out.print(plain(f"{name}: {value}"), style="dim")
    if saved is not None:
        out.print(plain(f"{decimal(item.size_bytes)} written to {saved}"))
        return
    try:
        body = item.payload.decode()
    except UnicodeDecodeError:
        body = ""
    if body and all(one.isprintable() or one in "\r\n\t" for one in body):
        for line in body.splitlines():
            out.print(plain(line))
    else:
        out.print(f"{decimal(item.size_bytes)} of bytes: --save FILE writes them", style="dim")
