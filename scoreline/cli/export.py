"""`scoreline export`: leads and events as files."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.filesize import decimal
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from scoreline.cli.explain import instant
from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import print_json
from scoreline.cli.session import Session, session_of
from scoreline.client.analytics_requests import EVENT_FORMATS, EXPORT_FORMATS

app = typer.Typer(no_args_is_help=True, help="Leads and events as files.")

_STDOUT: Final = "-"
_TEXTS: Final = ("csv", "ndjson")
"""Formats that a terminal can show."""


@app.command("leads")
def leads(
    context: typer.Context,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, ndjson or parquet; from the file's name when absent, else csv."
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; `-`: stdout.")
    ] = _STDOUT,
    stages: Annotated[
        list[str] | None,
        typer.Option("--stage", help="Only this stage; may be given several times."),
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Only from this score up.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Only up to this score.")] = None,
) -> None:
    """Export leads with their scores, as they are at one instant.

    A file appears under its name only when it is whole.
    """
    session = session_of(context)
    chosen = _chosen(session, form, output, EXPORT_FORMATS)
    with session.client() as client:
        _export(
            session,
            client.leads.export(
                chosen, stages=stages or (), min_score=min_score, max_score=max_score
            ),
            chosen,
            output,
        )


@app.command("events")
def events(
    context: typer.Context,
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv or ndjson; from the file's name when absent, else csv."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; `-`: stdout.")
    ] = _STDOUT,
    type_: Annotated[str, typer.Option("--type", help="Only events of this type.")] = "",
    lead_id: Annotated[
        str, typer.Option("--lead", help="Only of this lead: id or reference.")
    ] = "",
    start: Annotated[
        str | None, typer.Option("--from", help="Only what happened from then on.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Only what happened before then.")] = None,
) -> None:
    """Export events in the order they were recorded, as a file that `scoreline import` takes.

    Retracted events and corrections by hand are not in it. A file appears under its name only when it is whole.
    """
    session = session_of(context)
    chosen = _chosen(session, form, output, EVENT_FORMATS)
    with session.client() as client:
        pieces = client.analytics.export_events(
            chosen,
            type=type_,
            lead_id=lead_id,
            start=instant("--from", start),
            end=instant("--to", end),
        )
        _export(session, pieces, chosen, output)


def _chosen(session: Session, form: str | None, output: str, formats: Sequence[str]) -> str:
    chosen = form or _named(output)
    if chosen not in formats:
        raise CommandFailed(f"no such format: {chosen}; there are {', '.join(formats)}", USAGE)
    if output == _STDOUT and chosen not in _TEXTS and sys.stdout.isatty():
        raise CommandFailed(f"a terminal can't show {chosen}: name a file with -o", USAGE)
    if output == _STDOUT and session.as_json:
        raise CommandFailed("--json needs a file: name one with -o", USAGE)
    return chosen


def _export(session: Session, made: Generator[bytes, None, None], chosen: str, output: str) -> None:
    with closing(made) as pieces:
        if output == _STDOUT:
            _copy(pieces, sys.stdout.buffer)
            return
        size = _save(session, pieces, Path(output))
    if session.as_json:
        print_json({"file": output, "format": chosen, "bytes": size})
    else:
        session.out.print(f"{output}: {decimal(size)}", markup=False, soft_wrap=True)


def _named(output: str) -> str:
    suffix = Path(output).suffix.removeprefix(".").lower()
    return suffix if suffix in EXPORT_FORMATS else "csv"


def _save(session: Session, pieces: Generator[bytes, None, None], path: Path) -> int:
    """Write a file beside its place and move it there in the end; its size."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file, _progress(session) as bar:
            task = bar.add_task(path.name, total=None)
            for piece in pieces:
                file.write(piece)
                bar.update(task, advance=len(piece))
        size = partial.stat().st_size
        partial.replace(path)
        return size
    except OSError as error:
        raise CommandFailed(f"{error.filename or path}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def _copy(pieces: Generator[bytes, None, None], out: BinaryIO) -> None:
    for piece in pieces:
        out.write(piece)
    out.flush()


def _progress(session: Session) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=session.err,
        disable=not session.err.is_terminal,
        transient=True,
    )
