"""How the start, the running suite and a failure look in a terminal, or as plain lines in a log."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stack.config import SERVICES, State
from stack.errors import ComponentFailed, StackError
from stack.suite import Stack

_ORDER = ("postgres", "nats", *SERVICES, "envoy")
_MARKS: dict[State, tuple[str, str]] = {
    "starting": ("·", "yellow"),
    "ready": ("✓", "green"),
    "stopping": ("·", "yellow"),
    "stopped": ("○", "dim"),
    "failed": ("✗", "red"),
}
_REFRESHES_PER_S = 10

_EXAMPLE = """\
curl -s {url}/v1/events -H 'x-api-key: {key}' -H 'content-type: application/json' \\
  -d '{{"event_id": "hello-1", "type": "demo_request", "email": "ada@example.com"}}'"""


class StartDisplay:
    """Shows each component's state as it changes: a live table in a terminal, else a line a change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._states: dict[str, tuple[State, str, float]] = {}
        self._live: Live | None = None
        self._began = time.monotonic()
        self.seconds = 0.0
        """How long the last phase (start or stop) took."""

    def __enter__(self) -> StartDisplay:
        self._began = time.monotonic()
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                refresh_per_second=_REFRESHES_PER_S,
                get_renderable=self._table,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.seconds = time.monotonic() - self._began
        if self._live is not None:
            self._live.stop()
            self._live = None

    def report(self, component: str, state: State, detail: str) -> None:
        """The Progress callback; any thread."""
        elapsed = time.monotonic() - self._began
        with self._lock:
            self._states[component] = (state, detail, elapsed)
        if not self._console.is_terminal:
            _print_whole(self._console, Text(f"{component:<12} {state:<9} {detail}".rstrip()))

    def begin_stop(self) -> None:
        """What follows is the stop: forget how the start went."""
        with self._lock:
            self._states.clear()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        with self._lock:
            known = dict(self._states)
        for name in sorted(known, key=_rank):
            state, detail, elapsed = known[name]
            mark, style = _MARKS[state]
            first_line = detail.splitlines()[0] if detail else ""
            table.add_row(
                Text(mark, style), name, Text(state, style), Text(first_line, "dim"),
                Text(f"{elapsed:.1f} s", "dim"),
            )  # fmt: skip
        return table


def show_running(console: Console, stack: Stack, seconds: float) -> None:
    """Addresses, the development key and a call that works."""
    console.print(f"\n[bold green]Scoreline is up[/] after {seconds:.1f} s.\n")
    edge = stack.config.envoy
    rows = []
    if edge:
        rows.append(("HTTP (JSON, SSE)", stack.http_url))
        rows.append(("gRPC, grpc-web", f"{stack.grpc_target}  (plaintext)"))
        rows.append(("API key", f"{stack.api_key}  (development; scopes ingest, read, admin)"))
    rows.append(("NATS", stack.address("nats")))
    rows.append(("Postgres", stack.address("postgres")))
    rows.append(("Data, logs", str(stack.data_dir.path)))
    # Not a table: it would break a key in two where the terminal is narrow.
    for title, value in rows:
        _print_whole(console, Text.assemble((f"{title:<18}", "dim"), value))
    if edge:
        example = _EXAMPLE.format(url=stack.http_url, key=stack.api_key)
        _print_whole(console, Text(f"\nSend an event:\n\n{example}"))
    console.print("\nCtrl-C stops everything.", style="dim")


def show_failure(console: Console, error: StackError) -> None:
    """The one line, and under it the end of the component's log."""
    _print_whole(console, Text(str(error), "red"))
    if isinstance(error, ComponentFailed):
        for line in error.log_tail:
            _print_whole(console, Text(f"  {error.component} | {line}", "dim"))


def _print_whole(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True, highlight=False)


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
