"""`scoreline send-cloud-events` and `scoreline track`: events in the forms that other systems and pages send."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from scoreline.cli.output import plain, print_json
from scoreline.cli.session import Session, session_of
from scoreline.client.door_requests import CLOUD_EVENTS
from scoreline.ingest.v1.ingest_service_pb2 import EventResult

SOME_REJECTED = 3
"""Exit code where some of the events were refused."""

CLOUD_EVENTS_AT_ONCE = 1_000
TRACKED_AT_ONCE = 50
"""Most events in one call."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="JSON; `-` reads standard input.")]


def send_cloud_events(
    context: typer.Context,
    file: File,
    type_prefix: Annotated[
        str, typer.Option(help="Taken away from the beginning of types, e.g. `com.example.`.")
    ] = "",
) -> None:
    """Send CloudEvents 1.0: a JSON object, or an array of them."""
    session = session_of(context)
    events = _events(_read(file))
    with session.client() as client:
        results = [
            result
            for start in range(0, len(events), CLOUD_EVENTS_AT_ONCE)
            for result in client.ingest.receive_cloud_events(
                json.dumps(events[start : start + CLOUD_EVENTS_AT_ONCE]).encode(),
                CLOUD_EVENTS,
                type_prefix=type_prefix,
            ).results
        ]
    _report(session, results)


def track(context: typer.Context, file: File) -> None:
    """Send events as a page does, to try a key of the scope `track`: `{"events": [...]}`, or an array of events."""
    session = session_of(context)
    value = _read(file)
    events = _events(value["events"] if isinstance(value, dict) and "events" in value else value)
    with session.client() as client:
        results = [
            result
            for start in range(0, len(events), TRACKED_AT_ONCE)
            for result in client.ingest.track(events[start : start + TRACKED_AT_ONCE]).results
        ]
    _report(session, results)


def _read(file: Path) -> Any:
    try:
        return json.loads(sys.stdin.read() if str(file) == "-" else file.read_text("utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"can't be read: {error.strerror}", param_hint="FILE") from None
    except ValueError:
        raise typer.BadParameter("is not JSON", param_hint="FILE") from None


def _events(value: Any) -> list[Any]:
    events = value if isinstance(value, list) else [value]
    if not events:
        raise typer.BadParameter("has no events", param_hint="FILE")
    return events


def _report(session: Session, results: Iterable[EventResult]) -> None:
    accepted = duplicates = rejected = 0
    for number, result in enumerate(results, start=1):
        if session.as_json:
            print_json(result)
        if result.WhichOneof("outcome") == "error":
            rejected += 1
            if not session.as_json:
                session.out.print(plain(f"event {number}: {result.error.message}"), style="red")
            continue
        accepted += 1
        duplicates += result.receipt.duplicate
    if not session.as_json:
        session.out.print(f"{accepted} accepted ({duplicates} sent before), {rejected} rejected")
    if rejected:
        raise typer.Exit(SOME_REJECTED)
