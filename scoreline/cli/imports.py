"""`scoreline imports`: files that were sent, how far they are, and what became of their rows."""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from scoreline.cli.failures import ROWS_REJECTED
from scoreline.cli.import_file import (
    STDIN,
    Summary,
    follow,
    progress_bar,
    save_report,
    show,
    show_rejected,
    state_name,
)
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import Session, session_of
from scoreline.ingest.v1.imports_service_pb2 import Import

app = typer.Typer(no_args_is_help=True, help="Files that were imported, and those on their way.")

ImportId = Annotated[str, typer.Argument(metavar="IMPORT", help="imp_..., as `list` shows it.")]

_STYLES = {
    Import.STATE_SUCCEEDED: "green",
    Import.STATE_FAILED: "red",
    Import.STATE_CANCELLED: "dim",
}


@app.command("list")
def list_imports(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """The imports of the last 30 days, newest first."""
    session = session_of(context)
    with session.client() as client:
        found = list(islice(client.imports.list(page_size=min(limit, 200)), limit))
    if session.as_json:
        for made in found:
            print_json(made)
        return
    table = Table(
        "import", "file", "size", "state", "rows", "accepted", "known", "rejected", "received",
        box=None, header_style="bold",
    )  # fmt: skip
    for column in (2, 4, 5, 6, 7):
        table.columns[column].justify = "right"
    for column in (0, 3):
        table.columns[column].no_wrap = True
    for made in found:
        table.add_row(
            made.import_id, plain(made.file_name), decimal(made.size_bytes), _state(made),
            f"{made.row_count:,}", f"{made.accepted_count:,}", f"{made.duplicate_count:,}",
            f"{made.rejected_count:,}", when(made.create_time), style=_STYLES.get(made.state, ""),
        )  # fmt: skip
    session.out.print(table)


@app.command("get")
def get_import(context: typer.Context, import_id: ImportId) -> None:
    """One import, and the first of its rejected rows."""
    session = session_of(context)
    with session.client() as client:
        _show(session, client.imports.get(import_id))


@app.command("watch")
def watch_import(context: typer.Context, import_id: ImportId) -> None:
    """Follow an import to its end."""
    session = session_of(context)
    began = time.monotonic()
    with session.client(patient=True) as client:
        if session.as_json:
            for made in client.imports.watch(import_id):
                print_json(made)
            return
        with progress_bar(session) as bar:
            task = bar.add_task("importing", total=None, rows=0)
            made = follow(client, client.imports.get(import_id), bar, task)
    took = (made.end_time.ToMilliseconds() - made.create_time.ToMilliseconds()) / 1000
    show(session, Summary(made, took or time.monotonic() - began))
    if made.rejected_count:
        raise typer.Exit(ROWS_REJECTED)


@app.command("cancel")
def cancel_import(context: typer.Context, import_id: ImportId) -> None:
    """End an import. Rows that were accepted stay accepted."""
    session = session_of(context)
    with session.client() as client:
        _show(session, client.imports.cancel(import_id))


@app.command("report")
def report(
    context: typer.Context,
    import_id: ImportId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; `-`: stdout.")
    ] = STDIN,
) -> None:
    """Every row that was not accepted, with the reason, as CSV."""
    session = session_of(context)
    with session.client() as client:
        if output == STDIN:
            for piece in client.imports.report(import_id):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        save_report(client, import_id, Path(output))
    if session.as_json:
        print_json({"file": output})
    else:
        session.out.print(output, markup=False, soft_wrap=True)


def _show(session: Session, made: Import) -> None:
    if session.as_json:
        print_json(made)
        return
    session.out.print(
        plain(
            f"{made.import_id} {made.file_name}: {_state(made)}, {made.row_count:,} rows: {made.accepted_count:,} "
            f"accepted, {made.duplicate_count:,} known already, {made.rejected_count:,} rejected"
        ),
        soft_wrap=True,
    )
    if made.failure:
        session.out.print(plain(made.failure), soft_wrap=True, style="red")
    show_rejected(session, made)


def _state(made: Import) -> str:
    name = state_name(made)
    if made.state == Import.STATE_RUNNING and made.size_bytes:
        return f"{name} {100 * made.read_bytes // made.size_bytes}%"
    return name
