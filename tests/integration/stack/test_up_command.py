"""`python -m stack up`, as people run it: what it prints, and that nothing is left however it ends."""

import contextlib
import itertools
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from stack.config import REPO_ROOT, SERVICES
from stack.guard import ID_VARIABLE
from tests.integration.stack.conftest import FAKE_SERVICE
from tests.support.eventually import eventually

END_TIMEOUT_S = 30
_RUNS = itertools.count()


class Up:
    """A running `python -m stack up` and what it has printed."""

    def __init__(self, data_dir: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_name(f"output-{next(_RUNS)}")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stack", "up", "--module", FAKE_SERVICE),
                    *("--data-dir", str(data_dir), *arguments),
                ],
                cwd=REPO_ROOT,
                env={**os.environ, **(env or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_up(self) -> None:
        def is_up() -> bool:
            if self.process.poll() is not None:
                pytest.fail(self.text)
            return "Ctrl-C stops everything" in self.text

        eventually(is_up, timeout_s=40)

    def end(self, *signals: signal.Signals) -> int:
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(END_TIMEOUT_S)

    def members(self) -> list[psutil.Process]:
        """Every process of this suite, found by the id it runs under."""
        stack_id = (self.data_dir / "suite-id").read_text()
        return carriers(stack_id)


def carriers(stack_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(ID_VARIABLE) == stack_id:
                found += [process, *process.children(recursive=True)]
    return found


@pytest.fixture
def up(data_dir: Path) -> Iterator[Up]:
    running = Up(data_dir)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGINT)


def test_it_shows_each_part_and_a_call_that_works(up: Up) -> None:
    up.wait_up()
    for component in ("postgres", "nats", "envoy", *SERVICES):
        assert re.search(rf"^{component} +ready +127\.0\.0\.1:\d+$", up.text, re.MULTILINE), (
            component
        )
    kept = json.loads((up.data_dir / "secrets").read_text())
    assert kept["api_key"] in up.text
    for secret in ("notify_token_key", "service_key", "nats_password", "postgres_key"):
        assert kept[secret] not in up.text
    example = up.text[up.text.index("curl -s") :].split("\n\n")[0]
    answer = subprocess.run(
        ["bash", "-c", example], capture_output=True, text=True, timeout=10, check=True
    )
    assert json.loads(answer.stdout)["receipt"]["event_id"] == "hello-1"
    addresses = json.loads((up.data_dir / "suite.json").read_text())
    assert httpx.get(addresses["http_url"] + "/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(up: Up, number: signal.Signals) -> None:
    up.wait_up()
    members = up.members()
    assert len(members) >= 8
    assert up.end(number) == 0
    stopped = re.findall(r"^(\w+) +stopped", up.text, re.MULTILINE)
    assert stopped[0] == "envoy"
    assert stopped[-2:] == ["nats", "postgres"]
    assert not any(member.is_running() for member in members)
    assert sorted(entry.name for entry in up.data_dir.iterdir()) == [
        *("logs", "nats", "postgres", "rendered", "secrets")
    ]


def test_ctrl_c_in_a_terminal_reaches_only_the_parent_which_stops_all(data_dir: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "stack", "up", "--module", FAKE_SERVICE]
        os.chdir(REPO_ROOT)
        os.execv(sys.executable, [*command, "--data-dir", str(data_dir)])  # noqa: S606
    shown = b""

    def read() -> bool:
        nonlocal shown
        with contextlib.suppress(OSError):  # Linux: the other side is closed
            shown += os.read(terminal, 65_536)
        return b"Ctrl-C stops everything" in shown

    eventually(read, timeout_s=40)
    members = carriers((data_dir / "suite-id").read_text())
    os.write(terminal, b"\x03")

    def ended() -> tuple[int, int] | None:
        read()
        finished = os.waitpid(pid, os.WNOHANG)
        return finished if finished[0] else None

    _, status = eventually(ended, timeout_s=END_TIMEOUT_S)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    # They drained: had Ctrl-C reached them too, they would have been interrupted.
    assert "rules drained" in (data_dir / "logs" / "rules.log").read_text()
    assert members
    assert not any(member.is_running() for member in members)


def test_a_second_signal_does_not_wait_for_the_drain(up: Up) -> None:
    up.wait_up()
    members = up.members()
    assert up.end(signal.SIGINT, signal.SIGINT) == 0
    assert not any(member.is_running() for member in members)


def test_ctrl_c_during_the_start_ends_it(data_dir: Path) -> None:
    up = Up(data_dir, env={"FAKE_RULES": "deaf"})
    eventually(lambda: "ingest       ready" in up.text)
    members = up.members()
    assert up.end(signal.SIGINT) == 0
    assert "Scoreline is up" not in up.text
    assert not any(member.is_running() for member in members)


def test_killing_the_parent_ends_everything_and_the_directory_starts_again(up: Up) -> None:
    up.wait_up()
    members = up.members()
    up.process.kill()
    up.process.wait()
    eventually(lambda: not any(member.is_running() for member in members))
    again = Up(up.data_dir)
    again.wait_up()
    assert again.end(signal.SIGINT) == 0


def test_killing_the_parent_of_a_temporary_suite_removes_its_directory(data_dir: Path) -> None:
    up = Up(data_dir, "--temporary")
    up.wait_up()
    directory = Path(re.findall(r"^Data, logs +(\S+)$", up.text, re.MULTILINE)[0])
    assert directory.is_dir()
    up.process.kill()
    up.process.wait()
    eventually(lambda: not directory.exists())


def test_leftovers_are_ended_by_the_next_start_when_the_guard_died_too(up: Up) -> None:
    up.wait_up()
    members = up.members()
    guards = [one for one in psutil.Process(up.process.pid).children() if one not in members]
    assert len(guards) == 1
    for process in (*guards, psutil.Process(up.process.pid)):
        process.kill()
    up.process.wait()
    assert all(member.is_running() for member in members if member.name() == "postgres")
    again = Up(up.data_dir)
    again.wait_up()
    assert not any(member.is_running() for member in members)
    assert again.end(signal.SIGINT) == 0


def test_a_second_suite_on_the_directory_is_refused_with_one_line(up: Up) -> None:
    up.wait_up()
    second = Up(up.data_dir)
    assert second.process.wait(END_TIMEOUT_S) == 1
    (line,) = second.text.splitlines()
    assert line.startswith(f"{up.data_dir} is in use by a running suite")
    assert up.process.poll() is None
    assert httpx.get(
        json.loads((up.data_dir / "suite.json").read_text())["http_url"] + "/healthz",
        trust_env=False,
    ).is_success


def test_a_component_that_dies_ends_the_suite_and_says_which(up: Up) -> None:
    up.wait_up()
    rules = next(one for one in up.members() if "SCORELINE_RULES_LISTEN" in one.environ())
    rules.kill()
    assert up.process.wait(END_TIMEOUT_S) == 1
    assert "rules ended with signal SIGKILL" in up.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--services", "toaster"], "no such service: toaster"),
        (["--http-port", "70000"], "65535"),
    ],
)
def test_a_bad_option_is_explained(data_dir: Path, arguments: list[str], message: str) -> None:
    up = Up(data_dir, *arguments)
    assert up.process.wait(END_TIMEOUT_S) == 2
    assert message in up.text
