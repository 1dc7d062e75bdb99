"""One child process: started in a session of its own, its output in a log, ended with a deadline.

What the process is (Postgres, a service ...) is said by the components that own one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.config import DRAIN_TIMEOUT_S, READY_POLL_S, READY_TIMEOUT_S, REPO_ROOT
from stack.errors import ComponentFailed, StackError, StartCancelled

# Enough to see an exception's last line and where it came from, little enough for a terminal.
_TAIL_LINES = 12
_TAIL_BYTES = 8_192


@dataclass(frozen=True)
class Account:
    """The operating system user a process runs as."""

    uid: int
    gid: int


# Run between us and a process that has another user, instead of Popen's `user`: with that Popen forks, and in a process
# whose threads are inside gRPC (a test, a benchmark) what gRPC does in a forked child can end it with SIGSEGV.
_BECOME = """
import os, sys
uid, gid, *command = sys.argv[1:]
os.setgroups([])
os.setgid(int(gid))
os.setuid(int(uid))
os.execv(command[0], command)
"""


def _as(account: Account | None) -> list[str]:
    """The beginning of a command that makes the rest run as another user."""
    if account is None:
        return []
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(account.uid), str(account.gid)]


@dataclass(frozen=True)
class Launch:
    """What to start and where its output goes."""

    command: Sequence[str]
    env: Mapping[str, str]
    log_path: Path
    account: Account | None = None
    """None: the user we are."""


class ChildProcess:
    """A named child process that can be ended, killed and started again."""

    def __init__(self, name: str, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        self.name = name
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._launch: Launch | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal); None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    def start(self, launch: Launch) -> None:
        """Start it. Its own session keeps the terminal's Ctrl-C away from it."""
        if self.running:
            raise StackError(f"{self.name} is running already.")
        self._launch = launch
        account = launch.account
        with launch.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*_as(account), *launch.command],
                env=dict(launch.env),
                cwd=REPO_ROOT if account is None else "/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, timeout_s: float = DRAIN_TIMEOUT_S, hurry: threading.Event | None = None) -> int:
        """Ask it to end and wait; kill it after `timeout_s`, or as soon as `hurry` is set."""
        if self._process is None:
            return 0
        if self.running:
            self._process.send_signal(self._stop_signal)
            deadline = time.monotonic() + timeout_s
            while self.running and time.monotonic() < deadline:
                if hurry is not None and hurry.is_set():
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(READY_POLL_S)
        return self.kill()

    def kill(self) -> int:
        """End it now, with everything it started, as a crash would; its exit code."""
        if self._process is None:
            return 0
        if self.running:
            children = _descendants(self._process.pid)
            self._process.kill()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(children)
        return self._process.wait()

    def run(self, launch: Launch, timeout_s: float, advice: str, cancel: threading.Event) -> None:
        """Start it and wait for it to end by itself; anything but exit code 0 is a failure."""
        self.start(launch)
        try:
            self.wait(
                lambda: self.exit_code == 0,
                what="end",
                timeout_s=timeout_s,
                advice=advice,
                cancel=cancel,
            )
        finally:
            self.kill()  # does nothing when it has ended

    def wait(
        self,
        condition: Callable[[], bool],
        *,
        what: str = "become ready",
        advice: str,
        cancel: threading.Event,
        timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        """Wait until `condition()` holds.

        Raises ComponentFailed when the process ends first or `timeout_s` passes, and StartCancelled
        when `cancel` is set.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            code = self.exit_code
            # Asked again: it may have ended well between the two looks.
            if code is not None and not condition():
                raise self.failure(f"ended with {describe_exit(code)}", advice)
            if time.monotonic() > deadline:
                raise self.failure(f"did not {what} within {timeout_s:.0f} s", advice)
            if cancel.wait(READY_POLL_S):
                raise StartCancelled(f"{self.name} was still starting.")

    def failure(self, what: str, advice: str) -> ComponentFailed:
        """The error that says what this process did, with the end of its log."""
        if self._launch is None:
            raise StackError(f"{self.name} was never started.")
        path = self._launch.log_path
        return ComponentFailed(
            self.name, what, advice=advice, log_path=path, log_tail=tail_of(path)
        )


def describe_exit(code: int) -> str:
    """An exit code as people say it."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def tail_of(path: Path, lines: int = _TAIL_LINES) -> list[str]:
    """The last non-empty lines of a log; none when there is no log."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
