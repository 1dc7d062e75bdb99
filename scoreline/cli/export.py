"""`scoreline export`: leads as a file."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.filesize import decimal
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import print_json
from scoreline.cli.session import Session, session_of
from scoreline.client.analytics_requests import EXPORT_FORMATS

app = typer.Typer(no_args_is_help=True, help="Leads as files for spreadsheets and warehouses.")

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
    chosen = form or _named(output)
    if chosen not in EXPORT_FORMATS:
        raise CommandFailed(
            f"no such format: {chosen}; there are {', '.join(EXPORT_FORMATS)}", USAGE
        )
    if output == _STDOUT and chosen not in _TEXTS and sys.stdout.isatty():
        raise CommandFailed(f"a terminal can't show {chosen}: name a file with -o", USAGE)
    if output == _STDOUT and session.as_json:
        raise CommandFailed("--json needs a file: name one with -o", USAGE)
    with (
        session.client() as client,
        closing(
            client.leads.export(
                chosen, stages=stages or (), min_score=min_score, max_score=max_score
            )
        ) as pieces,
    ):
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
