"""`scoreline up`: the whole suite on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scoreline.cli.suite_process import stack_command


def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where data, logs and secrets are kept; .scoreline by default."),
    ] = None,
    http_port: Annotated[
        int | None, typer.Option(help="Port of the edge; 8080 when free by default.")
    ] = None,
    temporary: Annotated[
        bool, typer.Option("--temporary", help="Keep nothing after the end.")
    ] = False,
) -> None:
    """Run the whole suite on this machine until Ctrl-C."""
    arguments = []
    if data_dir is not None:
        arguments += ["--data-dir", str(data_dir)]
    if http_port is not None:
        arguments += ["--http-port", str(http_port)]
    if temporary:
        arguments.append("--temporary")
    command = stack_command(arguments)
    # It takes our place: the terminal, Ctrl-C and the exit code are its own.
    os.execv(command[0], command)  # noqa: S606
