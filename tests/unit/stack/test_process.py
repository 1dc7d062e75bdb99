"""Child processes: what a failure says, and that nothing outlives a kill."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from stack.errors import ComponentFailed, StartCancelled
from stack.process import ChildProcess, Launch, tail_of
from tests.support.eventually import eventually

WITH_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


def launch(code: str, log: Path) -> Launch:
    return Launch(command=[sys.executable, "-c", code], env=dict(os.environ), log_path=log)


def test_a_process_that_ends_early_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = ChildProcess("toaster")
    process.start(launch("print('bread is stuck'); raise SystemExit(7)", tmp_path / "log"))
    with pytest.raises(ComponentFailed) as failure:
        process.wait(lambda: False, advice="Unplug it.", cancel=threading.Event())
    assert (
        str(failure.value) == f"toaster ended with exit code 7. Unplug it. Log: {tmp_path / 'log'}"
    )
    assert failure.value.log_tail == ["bread is stuck"]


def test_a_process_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    process = ChildProcess("toaster")
    process.start(launch("import time; time.sleep(600)", tmp_path / "log"))
    with pytest.raises(ComponentFailed, match="did not become ready within 0 s"):
        process.wait(lambda: False, advice="", cancel=threading.Event(), timeout_s=0.1)
    assert process.kill() == -signal.SIGKILL


def test_waiting_ends_when_the_start_is_cancelled(tmp_path: Path) -> None:
    process, cancel = ChildProcess("toaster"), threading.Event()
    process.start(launch("import time; time.sleep(600)", tmp_path / "log"))
    cancel.set()
    with pytest.raises(StartCancelled):
        process.wait(lambda: False, advice="", cancel=cancel)
    process.kill()


def test_a_kill_takes_everything_the_process_started(tmp_path: Path) -> None:
    process, log = ChildProcess("parent"), tmp_path / "log"
    process.start(launch(WITH_A_CHILD, log))
    (child,) = eventually(lambda: tail_of(log))
    process.kill()
    assert not psutil.pid_exists(int(child))


def test_a_process_that_will_not_end_is_killed_in_time(tmp_path: Path) -> None:
    process, log = ChildProcess("deaf"), tmp_path / "log"
    process.start(launch(DEAF, log))
    eventually(lambda: tail_of(log) == ["ready"])
    began = time.monotonic()
    assert process.stop(timeout_s=0.2) == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_a_hurried_stop_does_not_wait(tmp_path: Path) -> None:
    process, log, hurry = ChildProcess("deaf"), tmp_path / "log", threading.Event()
    process.start(launch(DEAF, log))
    eventually(lambda: tail_of(log) == ["ready"])
    hurry.set()
    assert process.stop(timeout_s=600, hurry=hurry) == -signal.SIGKILL


def test_stopping_what_never_started_is_harmless() -> None:
    process = ChildProcess("idle")
    assert process.stop() == 0
    assert process.kill() == 0
    assert not process.running


def test_the_tail_of_a_long_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number}" for number in range(10_000)) + "\n\n")
    assert tail_of(log, 2) == ["line 9998", "line 9999"]
