"""`scoreline simulate`: simulated lead journeys into a file, to stdout, or live into the suite."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final, cast

import typer

from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import print_json
from scoreline.cli.session import Session, session_of
from scoreline.client.events import event_from_json
from scoreline.client.sending import EventOutcome
from scoreline.simulator import Plan, arrivals, csv_lines, ndjson_lines
from scoreline.simulator.plan import SAMPLE_END

_GZIP_LEVEL: Final = 9
_SAID_EVERY_S: Final = 5.0
"""How often a live run says how far it is."""


def simulate(
    context: typer.Context,
    leads: Annotated[int, typer.Option(help="How many leads.", min=1)] = 1500,
    days: Annotated[int, typer.Option(help="Over how many days.", min=1)] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    events: Annotated[
        int | None, typer.Option(help="So many rows; what comes of it by default.", min=1)
    ] = None,
    malformed: Annotated[
        int, typer.Option(help="So many broken rows in between (files only).", min=0)
    ] = 0,
    end: Annotated[
        str, typer.Option(help=f"Last day (YYYY-MM-DD); {SAMPLE_END}, or today with --rate.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help=".ndjson or .csv, also with .gz; stdout by default.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Send to the suite, so many events a second.", min=0.001)
    ] = None,
) -> None:
    """Simulate B2B lead journeys, with duplicates, late and out-of-order events. Needs no suite but with --rate."""
    session = session_of(context)
    if rate is not None and (out is not None or malformed):
        raise typer.BadParameter("goes without --out and --malformed", param_hint="--rate")
    plan = Plan(
        leads=leads,
        days=days,
        seed=seed,
        events=events,
        end=_end_day(end, live=rate is not None),
        malformed=malformed,
    )
    if rate is not None:
        _send_live(session, plan, rate)
        return
    try:
        rows = write_rows(plan, out)
    except BrokenPipeError:
        # `simulate | head`: whoever reads has enough.
        raise typer.Exit(0) from None
    except OSError as error:
        raise CommandFailed(f"{error.filename or out}: {error.strerror}") from None
    if out is not None:
        session.err.print(f"{rows:,} rows in {out}", markup=False, soft_wrap=True)


def write_rows(plan: Plan, out: Path | None) -> int:
    """Write a plan's rows; how many. The format is that of the file's name, NDJSON on stdout."""
    name = (out.name if out is not None else "-.ndjson").lower()
    if not name.removesuffix(".gz").endswith((".ndjson", ".jsonl", ".csv")):
        raise CommandFailed(
            f"{out}: the name must end in .ndjson, .jsonl or .csv, or that with .gz", USAGE
        )
    is_csv = name.removesuffix(".gz").endswith(".csv")
    rows = -1 if is_csv else 0  # the header is no row
    with _opened(out) as file:
        for line in csv_lines(plan) if is_csv else ndjson_lines(plan):
            file.write(line.encode())
            rows += 1
    return rows


@contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with out.open("wb") as raw:
        if not out.name.lower().endswith(".gz"):
            yield raw
            return
        # No name and no time in the header: the same plan gives the same file.
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=_GZIP_LEVEL
        ) as packed:
            yield cast("BinaryIO", packed)


def _end_day(text: str, *, live: bool) -> date:
    if not text:
        return datetime.now(UTC).date() if live else SAMPLE_END
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no day such as 2026-11-01", param_hint="--end"
        ) from None


def _send_live(session: Session, plan: Plan, rate: float) -> None:
    try:
        sent, refused = asyncio.run(_send(session, plan, rate))
    except KeyboardInterrupt:
        raise CommandFailed("stopped by Ctrl-C") from None
    if session.as_json:
        print_json({"sent": sent, "refused": refused})
    else:
        session.out.print(f"{sent:,} events sent, {refused:,} refused")
    if refused:
        raise typer.Exit(1)


async def _send(session: Session, plan: Plan, rate: float) -> tuple[int, int]:
    sent = 0
    refusals: list[EventOutcome] = []

    def settle(done: asyncio.Future[EventOutcome]) -> None:
        if not done.cancelled() and not done.result().accepted:
            refusals.append(done.result())

    async with session.async_client() as client, client.ingest.sender() as sender:
        began = said = time.monotonic()
        for arrival in arrivals(plan):
            # Against the start, not the last event, so that a slow moment is made up for.
            ahead_s = began + sent / rate - time.monotonic()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            (await sender.send(event_from_json(arrival.event()))).add_done_callback(settle)
            sent += 1
            now = time.monotonic()
            if now - said >= _SAID_EVERY_S:
                said = now
                session.err.print(f"{sent:,} sent, {sent / (now - began):,.0f}/s", style="dim")
            if refusals and refusals[0].error is not None:
                # The plan's events are sound: a refusal means the key or the suite, and the next would fare no better.
                raise refusals[0].error
    return sent, len(refusals)
