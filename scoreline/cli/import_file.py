"""`scoreline import`: a file of events. It is sent as it is; the suite reads it and says what became of its rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from scoreline.cli.failures import FAILED, ROWS_REJECTED, USAGE, CommandFailed
from scoreline.cli.output import plain, print_json
from scoreline.cli.session import Session, session_of
from scoreline.client import Client
from scoreline.client.import_requests import IMPORT_FORMATS, PIECE_BYTES
from scoreline.ingest.v1.imports_service_pb2 import Import

STDIN: Final = "-"

REJECTED_SHOWN: Final = 5
"""Rejected rows that are shown here; the report has them all."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file."""

    made: Import
    seconds: float
    """From the first byte sent to the end."""

    @property
    def rows_per_s(self) -> float:
        """Speed over all."""
        return self.made.row_count / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        made = self.made
        return {
            "import_id": made.import_id,
            "state": state_name(made),
            "rows": made.row_count,
            "accepted": made.accepted_count,
            "duplicate": made.duplicate_count,
            "rejected": made.rejected_count,
            "failure": made.failure,
            "seconds": round(self.seconds, 3),
            "rows_per_s": round(self.rows_per_s, 1),
        }


def import_file(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, NDJSON or JSON; `-`: stdin.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv, ndjson or json; told by the content when absent."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="COLUMN=FIELD",
            help="CSV: what a column is, e.g. Mail=email, Page=properties.page, Internal= (left out).",
        ),
    ] = None,
    default_type: Annotated[str, typer.Option("--type", help="Type of rows that have none.")] = "",
    source: Annotated[str, typer.Option(help="Source of rows that have none.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Where rows that were not accepted go, as CSV.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until all rows are in, or only sent.")
    ] = True,
) -> None:
    """Import a file of events.

    CSV with a header (also from spreadsheets: `;`, tabs, UTF-16, Windows-1252), an event a line as JSON, or an array of
    them; also compressed with gzip. docs/ingesting.md says which column is what.

    Safe to run again: an event id counts once, and rows without one get one made of the file's content and the line.
    The exit code is 3 when rows were rejected; `scoreline imports report` has them all.
    """
    session = session_of(context)
    with session.client(patient=True) as client:
        summary = run_import(
            session,
            client,
            file,
            wait=wait,
            form=_known(form),
            columns=_columns(columns or []),
            default_type=default_type,
            event_source=source,
        )
        if report is not None and wait:
            save_report(client, summary.made.import_id, report)
    show(session, summary, wait)
    if summary.made.rejected_count:
        raise typer.Exit(ROWS_REJECTED)


def run_import(
    session: Session, client: Client, file: str, *, wait: bool = True, **options: Any
) -> Summary:
    """Import a file with a progress bar. Raises CommandFailed when it can't be sent or read."""
    began = time.monotonic()
    try:
        with progress_bar(session) as bar:
            size = None if file == STDIN else Path(file).stat().st_size
            task = bar.add_task("sending", total=size, rows=0)
            made = client.imports.import_file(
                _stdin() if file == STDIN else Path(file),
                progress=lambda sent: bar.update(task, completed=sent),
                **options,
            )
            if wait:
                made = follow(client, made, bar, task)
    except OSError as error:
        raise CommandFailed(f"{error.filename or file}: {error.strerror}") from None
    return Summary(made, time.monotonic() - began)


def follow(client: Client, made: Import, bar: Progress, task: TaskID) -> Import:
    """Show an import as it goes on; the import when it has ended."""
    bar.update(task, description="importing", total=made.size_bytes, completed=made.read_bytes)
    try:
        for found in client.imports.watch(made.import_id):
            bar.update(task, completed=found.read_bytes, rows=found.row_count)
            made = found
    except KeyboardInterrupt:
        raise CommandFailed(
            f"the import goes on: `scoreline imports watch {made.import_id}` follows it, `cancel` ends it"
        ) from None
    return made


def show(session: Session, summary: Summary, wait: bool = True) -> None:
    """What became of a file. Raises CommandFailed when its import did not succeed."""
    made = summary.made
    if session.as_json:
        print_json(summary.as_json())
    elif not wait:
        session.out.print(f"{made.import_id}: {made.size_bytes:,} bytes sent", markup=False)
    else:
        session.out.print(summary_line(summary), markup=False, soft_wrap=True)
        show_rejected(session, made)
    if made.state == Import.STATE_FAILED:
        raise CommandFailed(f"{made.import_id} failed: {made.failure}", FAILED)
    if made.state == Import.STATE_CANCELLED:
        raise CommandFailed(f"{made.import_id} was cancelled", FAILED)


def show_rejected(session: Session, made: Import) -> None:
    """The first rejected rows, and where all of them are."""
    for row in made.first_rejected_rows[:REJECTED_SHOWN]:
        where = f" {row.column}:" if row.column else ""
        session.err.print(plain(f"  line {row.line}:{where} {row.reason}"), soft_wrap=True)
    if made.rejected_count > REJECTED_SHOWN:
        session.err.print(
            f"  all of them: scoreline imports report {made.import_id}",
            markup=False,
            soft_wrap=True,
        )


def summary_line(summary: Summary) -> str:
    """What became of a file, in one line."""
    made = summary.made
    return (
        f"{made.row_count:,} rows in {summary.seconds:.1f} s ({summary.rows_per_s:,.0f} rows/s): "
        f"{made.accepted_count:,} accepted, {made.duplicate_count:,} known already, {made.rejected_count:,} rejected"
    )


def state_name(made: Import) -> str:
    """The state in one lower-case word."""
    return Import.State.Name(made.state).removeprefix("STATE_").lower()


def save_report(client: Client, import_id: str, path: Path) -> None:
    """Write the rows that were not accepted to a file. Raises CommandFailed."""
    try:
        with path.open("wb") as file:
            for piece in client.imports.report(import_id):
                file.write(piece)
    except OSError as error:
        raise CommandFailed(f"{error.filename or path}: {error.strerror}") from None


def _stdin() -> Iterable[bytes]:
    while piece := sys.stdin.buffer.read(PIECE_BYTES):
        yield piece


def _known(form: str | None) -> str:
    if form and form not in IMPORT_FORMATS:
        raise CommandFailed(f"no such format: {form}; there are {', '.join(IMPORT_FORMATS)}", USAGE)
    return form or ""


def _columns(given: list[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, field = one.rpartition("=")
        if not equals or not name:
            raise CommandFailed(f"--column {one}: must be COLUMN=FIELD", USAGE)
        found[name] = field
    return found


def progress_bar(session: Session) -> Progress:
    """A bar of bytes that counts rows too; only where a person looks."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        console=session.err,
        disable=session.as_json or not session.err.is_terminal,
        transient=True,
    )
