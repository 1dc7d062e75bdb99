"""Runs the suite as a child process (`python -m stack up`): what `up` becomes and what `demo` starts and stops."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from scoreline.cli.failures import CommandFailed
from scoreline.cli.suite_files import RunningSuite

READY_TIMEOUT_S: Final = 120.0
"""Above the stack's own limit for each component, which says more about what is wrong."""
STOP_TIMEOUT_S: Final = 60.0
"""Above the longest drain of a service, after which the stack itself kills it."""
_POLL_S: Final = 0.05
_LINES_KEPT: Final = 30
_LAST_WORDS_S: Final = 2.0
"""For the last lines of a suite that has ended to arrive."""
_PR_SET_PDEATHSIG: Final = 1

_PROGRESS = re.compile(r"^([a-z][a-z0-9-]*) +(starting|ready|stopping|stopped|failed)\b *(.*)$")

Progress = Callable[[str, str], None]
"""Called with (component, state)."""


def stack_command(arguments: Sequence[str]) -> list[str]:
    """The command line of `python -m stack up`. Raises CommandFailed where the stack is not installed."""
    if importlib.util.find_spec("stack") is None:
        raise CommandFailed(
            "this installation has no servers: install scoreline[stack], or name a running suite with --target"
        )
    return [sys.executable, "-m", "stack", "up", *arguments]


class SuiteProcess:
    """A suite that ends with this process, whatever ends this one."""

    def __init__(self, data_dir: Path, progress: Progress) -> None:
        self._data_dir = data_dir
        self._progress = progress
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> RunningSuite:
        """Start it and wait until all of it is ready."""
        command = stack_command(["--data-dir", str(self._data_dir)])
        die_with_parent = _die_with_parent() if sys.platform == "linux" else None
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C is for us: we stop it when we have cleaned up.
            start_new_session=True,
            preexec_fn=die_with_parent,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, name="stack-output", daemon=True)
        self._reader.start()
        try:
            return self._wait_until_ready()
        except BaseException:  # Ctrl-C too: nothing may stay behind
            self._stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait_until_ready(self) -> RunningSuite:
        assert self._process is not None  # noqa: S101 - made by __enter__
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            suite = RunningSuite.at(self._data_dir)
            if suite is not None:
                return suite
            try:
                self._process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise CommandFailed(f"the suite did not start:\n{self._said()}")
        raise CommandFailed(f"the suite was not ready in {READY_TIMEOUT_S:g} s:\n{self._said()}")

    def _stop(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - made by __enter__
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # Its children die with it: the stack sees to that.
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)
        if process.stdout is not None:
            process.stdout.close()

    def _read(self) -> None:
        assert self._process is not None  # noqa: S101 - made by __enter__
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self._process.stdout:
            self._lines.append(line.rstrip())
            found = _PROGRESS.match(line)
            if found:
                self._progress(found[1], found[2])

    def _said(self) -> str:
        if self._reader is not None:
            self._reader.join(_LAST_WORDS_S)
        return "\n".join(line for line in self._lines if line)


def _die_with_parent() -> Callable[[], None]:
    """For the child, between fork and exec: a signal when this process ends, even by kill -9."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # It ended before we asked.
            os.kill(os.getpid(), signal.SIGTERM)

    return ask
