"""`scoreline send`: one event."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from scoreline.cli.output import print_json
from scoreline.cli.session import session_of
from scoreline.client.events import event, parse_time


def send(
    context: typer.Context,
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="e.g. page_view")],
    lead_id: Annotated[str, typer.Option(help="The lead's own id.")] = "",
    email: Annotated[str, typer.Option(help="Or its e-mail address.")] = "",
    anonymous_id: Annotated[str, typer.Option(help="Or a tracker's id of a visitor.")] = "",
    external_id: Annotated[str, typer.Option(help="Or its id in your own system.")] = "",
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            "-p",
            metavar="KEY=TEXT or KEY:=JSON",
            help="Anything else about the event; may be given several times.",
        ),
    ] = None,
    event_id: Annotated[str, typer.Option(help="The event's id; a random one by default.")] = "",
    occur_time: Annotated[
        str, typer.Option(help="When it happened, e.g. 2026-03-01T09:30:00Z; now by default.")
    ] = "",
    source: Annotated[str, typer.Option(help="The system that reports it.")] = "",
) -> None:
    """Send one event. Exactly one of the four references says whose it is; `identify` takes several, which are one
    lead's from then on."""
    session = session_of(context)
    made = event(
        event_type,
        lead_id=lead_id,
        email=email,
        anonymous_id=anonymous_id,
        external_id=external_id,
        event_id=event_id,
        source=source,
        properties=dict(_property(one) for one in properties or ()),
    )
    if occur_time:
        made.occur_time.CopyFrom(parse_time(occur_time))
    with session.client() as client:
        receipt = client.ingest.send(made)
    if session.as_json:
        print_json(receipt)
        return
    again = " (a duplicate: it was sent before)" if receipt.duplicate else ""
    session.out.print(f"accepted {receipt.event_id}{again}", markup=False)


def _property(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found or not name.rstrip(":"):
        raise typer.BadParameter(f"{text!r} is neither KEY=TEXT nor KEY:=JSON")
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], json.loads(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not JSON; for a text use {name[:-1]}=...") from None
