"""The commands behind `make up` and `make compose-config`: run the suite in a terminal, render for compose.

python -m stack up        start everything, show it, run until Ctrl-C
python -m stack render    write the configurations that docker-compose mounts
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from stack.compose import (
    COMPOSE_DIR,
    lint_dockerfile,
    out_of_date,
    render_compose,
    render_env,
    validate_compose,
)
from stack.config import REPO_ROOT, SERVICES, StackConfig
from stack.errors import StackError
from stack.suite import Stack
from stack.terminal import StartDisplay, show_failure, show_running

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

# A component that dies while the suite runs is noticed this soon.
_WATCH_INTERVAL_S = 0.5


@app.command()
def up(
    data_dir: Annotated[
        Path, typer.Option(help="Where data, logs and secrets are kept.")
    ] = REPO_ROOT / ".scoreline",
    http_port: Annotated[
        int,
        typer.Option(
            help="Port of the edge. 0: 8080 when free, else any free port.", min=0, max=65535
        ),
    ] = 0,
    services: Annotated[
        str, typer.Option(help="Comma-separated services to run; empty: Postgres and NATS only.")
    ] = ",".join(SERVICES),
    log_level: Annotated[str, typer.Option(help="Log level of the services.")] = "info",
    module: Annotated[
        str, typer.Option(help="Python module of a service; tests give a stand-in.", hidden=True)
    ] = StackConfig.module,
    temporary: Annotated[
        bool,
        typer.Option("--temporary", help="Keep nothing: a fresh directory, removed at the end."),
    ] = False,
) -> None:
    """Start the suite, show where it answers, and run until Ctrl-C."""
    console = Console()
    display = StartDisplay(console)
    stop = threading.Event()
    chosen = tuple(name.strip() for name in services.split(",") if name.strip())
    try:
        config = StackConfig(
            data_dir=None if temporary else data_dir,
            services=chosen,
            envoy=bool(chosen),
            http_port=http_port,
            usual_ports=True,
            log_level=log_level,
            module=module,
            progress=display.report,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    stack = Stack(config)
    _on_signals(stack, stop)
    failed: StackError | None = None
    try:
        with display:
            stack.start()
        show_running(console, stack, display.seconds)
        while not stop.wait(_WATCH_INTERVAL_S) and failed is None:
            failed = stack.ended()
    except StackError as error:
        # After Ctrl-C a start that was cut short is what was asked for.
        failed = None if stop.is_set() else error
    finally:
        display.begin_stop()
        with display:
            stack.stop()
    if failed is not None:
        show_failure(console, failed)
        raise typer.Exit(1)


@app.command()
def render() -> None:
    """Write the configurations that docker-compose mounts (deploy/compose)."""
    COMPOSE_DIR.mkdir(parents=True, exist_ok=True)
    for path, text in render_compose().items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"written: {path.relative_to(REPO_ROOT)}")


@app.command()
def env() -> None:
    """Print a .env for docker-compose with fresh secrets."""
    typer.echo(render_env(), nl=False)


@app.command()
def check() -> None:
    """Check the container files: Dockerfile, docker-compose.yml, and that deploy/compose is current."""
    stale = [str(path.relative_to(REPO_ROOT)) for path in out_of_date()]
    try:
        if stale:
            raise StackError(f"Out of date, run `python -m stack render`: {', '.join(stale)}")
        lint_dockerfile()
        validate_compose(render_env())
    except StackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _on_signals(stack: Stack, stop: threading.Event) -> None:
    """First signal: stop in order. Second: stop at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            stack.hurry()
        else:
            stop.set()
            stack.cancel_start()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
