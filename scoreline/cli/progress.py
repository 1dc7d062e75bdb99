"""Progress bars of long calls: on stderr, and only where a person looks."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scoreline.cli.session import Session


def bars(session: Session) -> Progress:
    """Bars that vanish when the work is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=session.err,
        transient=True,
        disable=session.as_json or not session.err.is_terminal,
    )
