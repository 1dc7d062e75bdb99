"""Ends what a suite leaves behind when its process dies without stopping it (kill -9, a crash).

Run as a program, it waits beside the suite in a session of its own; when the suite's process is gone
it ends every process that carries the suite's id in its environment and removes the temporary
directory. A death signal (PR_SET_PDEATHSIG) would not do: it fires when the spawning *thread* ends, is
lost when Postgres changes user, reaches no grandchild and removes no directory.

`sweep` is also what a new start uses on the leftovers of an earlier one. This file runs outside the
package (`python -I stack/guard.py`), so it imports nothing from it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

ID_VARIABLE = "SCORELINE_STACK_ID"
"""Every process of a suite, and what it starts, carries the suite's id in this variable."""

ID_FILE = "suite-id"
"""The same id, kept in the data directory for the next start to find."""

_DONE = b"done"

# Postgres ends at once on SIGQUIT and then leaves no shared memory behind, as SIGKILL would.
_POSTGRES_GRACE_S = 3.0
_KILL_WAIT_S = 5.0
# Should a fork of the suite's process keep the pipe open, its death is still noticed this soon.
_PARENT_POLL_S = 0.5
# A process may be starting another while it is being swept: look again until nothing is found.
_SWEEPS_MAX = 5


class Guard:
    """The guard of one running suite, as seen from the suite's process."""

    def __init__(self, stack_id: str, temporary_dir: Path | None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, stack_id, str(temporary_dir or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def dismiss(self) -> None:
        """The suite has stopped in order: the guard has nothing left to do."""
        with contextlib.suppress(BrokenPipeError):  # it was killed: nothing to dismiss
            self._process.communicate(_DONE)


def sweep(stack_id: str) -> int:
    """End every process that carries `stack_id`, and its children; how many there were."""
    swept = 0
    for _ in range(_SWEEPS_MAX):
        found = _carriers(stack_id)
        if not found:
            break
        swept += len(found)
        _end(found)
    return swept


def _carriers(stack_id: str) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        # Others' processes and those that end while we look are none of ours.
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.environ().get(ID_VARIABLE) != stack_id:
                continue
            # Postgres's children overwrite their environment, so they are found through their parent.
            for one in (process, *process.children(recursive=True)):
                found[one.pid] = one
    return list(found.values())


def _end(processes: list[psutil.Process]) -> None:
    postgres: list[psutil.Process] = []
    others: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            (postgres if process.name() == "postgres" else others).append(process)
    for process in others:
        _signal(process, signal.SIGKILL)
    for process in postgres:
        _signal(process, signal.SIGQUIT)
    _, alive = psutil.wait_procs(postgres, timeout=_POSTGRES_GRACE_S)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=_KILL_WAIT_S)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def remove_temporary_dir(path: Path, stack_id: str) -> None:
    """Remove `path` if it is this suite's; anything else there is left alone."""
    id_file = path / ID_FILE
    if id_file.is_file() and id_file.read_text(encoding="utf-8") == stack_id:
        # The file goes last, so that a removal that is cut short can be repeated.
        for entry in path.iterdir():
            if entry == id_file:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        id_file.unlink()
        path.rmdir()


def _watch(stack_id: str, temporary_dir: Path | None, parent: int) -> None:
    received = b""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _PARENT_POLL_S)
        if not readable:
            continue
        chunk = os.read(0, len(_DONE))
        received += chunk
        if received == _DONE:
            return
        if not chunk:
            break
    sweep(stack_id)
    if temporary_dir is not None:
        remove_temporary_dir(temporary_dir, stack_id)


if __name__ == "__main__":
    _watch(sys.argv[1], Path(sys.argv[2]) if sys.argv[2] else None, os.getppid())
