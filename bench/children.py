"""Programs that a measurement starts beside it: load generators, watchers, peers. Each is a module that takes its task
as one JSON argument, prints JSON lines, and ends by itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Child:
    """One program that runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def line(self) -> dict[str, Any]:
        """The next line it prints. Raises RuntimeError when it ends instead."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        if not text:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(text)
        return found

    def go(self) -> None:
        """Let one that waits for it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()


@contextmanager
def child(command: list[str], env: dict[str, str] | None = None) -> Iterator[Child]:
    """Start a program; it is ended at the end, where it still runs."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        try:
            yield Child(process)
        finally:
            if process.poll() is None:
                process.terminate()


def python(module: str, **task: Any) -> list[str]:
    """The command that runs a module of `bench` with its task."""
    return [sys.executable, "-m", f"bench.{module}", json.dumps(task)]


def result(module: str, **task: Any) -> dict[str, Any]:
    """Run a module to its end; the one line it prints."""
    with child(python(module, **task)) as running:
        return running.line()


def say(**line: Any) -> None:
    """From inside a child: print a line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def task() -> dict[str, Any]:
    """From inside a child: what it was given to do."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def wait_for_go() -> None:
    """From inside a child: until it may begin."""
    sys.stdin.readline()
