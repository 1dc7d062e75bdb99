"""`scoreline import`: a file of events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from scoreline.cli.failures import ROWS_REJECTED, USAGE, CommandFailed, describe
from scoreline.cli.importing.csv_rows import CsvRows
from scoreline.cli.importing.ndjson import ndjson_rows
from scoreline.cli.importing.rejects import Rejects
from scoreline.cli.importing.row import Row
from scoreline.cli.importing.run import ImportStopped, Observer, Summary, import_rows
from scoreline.cli.importing.source import SourceFile, UnusableFile
from scoreline.cli.output import print_json
from scoreline.cli.session import Session, session_of


def import_file(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help=".ndjson, .jsonl or .csv, also with .gz")
    ],
    rejected: Annotated[
        Path | None,
        typer.Option(help="Where rejected rows go; FILE.rejected.ndjson or .csv by default."),
    ] = None,
) -> None:
    """Import a file of events.

    NDJSON: an event object a line, fields named as in the API. CSV: a header with `type` and one of lead_id, email,
    anonymous_id, external_id; also event_id, occur_time, source and properties (JSON); any other column is a property.

    Safe to run again: an event id counts once. Rows without event_id get one made of the file's content and the line
    number, so a changed file is another file. Rejected rows are written to a file with line number and reason; then
    the exit code is 3.
    """
    session = session_of(context)
    summary, path = run_import(session, file, rejected)
    if session.as_json:
        print_json({**summary.as_json(), "rejected_file": str(path) if summary.rejected else None})
    else:
        session.out.print(summary_line(summary), markup=False)
        if summary.rejected:
            session.err.print(f"rejected rows, with reasons: {path}", markup=False, soft_wrap=True)
    if summary.rejected:
        raise typer.Exit(ROWS_REJECTED)


def run_import(
    session: Session, file: Path, rejected: Path | None, observe: Observer | None = None
) -> tuple[Summary, Path]:
    """Import a file with a progress bar; what became of it and where rejected rows went."""
    try:
        source = SourceFile(file)
        csv_rows = CsvRows(source) if source.format == "csv" else None
        rows: Iterable[Row] = csv_rows if csv_rows is not None else ndjson_rows(source)
        path = rejected or source.stem.with_name(f"{source.stem.name}.rejected.{source.format}")
        if path.resolve() == file.resolve():
            raise CommandFailed("--rejected names the file to import", USAGE)
        with Rejects(path, csv_rows.columns if csv_rows is not None else None) as rejects:
            summary = asyncio.run(_run(session, source, rows, rejects, observe))
    except UnusableFile as error:
        raise CommandFailed(str(error), USAGE) from None
    except ImportStopped as stopped:
        code, text = describe(stopped.error, session.target)
        raise CommandFailed(
            f"stopped at line {stopped.line} after {stopped.summary.accepted:,} accepted rows: {text}. Running the "
            "import again is safe",
            code,
        ) from None
    except KeyboardInterrupt:
        raise CommandFailed("stopped by Ctrl-C. Running the import again is safe") from None
    except OSError as error:
        raise CommandFailed(f"{error.filename or file}: {error.strerror}") from None
    return summary, path


def summary_line(summary: Summary) -> str:
    """What became of a file, in one line."""
    return (
        f"{summary.rows:,} rows in {summary.seconds:.1f} s ({summary.rows_per_s:,.0f} rows/s): {summary.accepted:,} "
        f"accepted ({summary.duplicates:,} of them known already), {summary.rejected:,} rejected"
    )


async def _run(
    session: Session,
    source: SourceFile,
    rows: Iterable[Row],
    rejects: Rejects,
    observe: Observer | None,
) -> Summary:
    with _progress(session.err) as bar:
        task = bar.add_task(source.path.name, total=source.size, rows=0, speed=0.0)

        def show(summary: Summary) -> None:
            bar.update(task, completed=source.position, rows=summary.rows, speed=summary.rows_per_s)

        async with session.async_client() as client:
            return await import_rows(client, rows, rejects, progress=show, observe=observe)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[speed]:,.0f} rows/s"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
