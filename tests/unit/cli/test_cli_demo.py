"""The demo's proof, and the suite it runs as a child process."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from scoreline.cli import demo, suite_process
from scoreline.cli.failures import CommandFailed
from scoreline.cli.suite_process import SuiteProcess

LEAD = demo.LeadState(10.0, "warm", 3, 3)

READY = """
import json, pathlib, signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("postgres     starting", flush=True)
print("postgres     ready     127.0.0.1:1", flush=True)
print("chatter", flush=True)
pathlib.Path(sys.argv[1], "suite.json").write_text(json.dumps({"grpc_target": "127.0.0.1:9"}))
signal.pause()
"""
BROKEN = "import sys; print('nats         failed    port taken'); sys.exit('nats can not start')"


def console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=200), text


def test_the_proof_holds_when_nothing_differs() -> None:
    out, text = console()
    demo._prove_unchanged(out, {"a": LEAD, "b": LEAD}, {"b": LEAD, "a": LEAD})
    assert "no score changed" in text.getvalue()


@pytest.mark.parametrize(
    "after",
    [
        {"a": demo.LeadState(10.001, "warm", 3, 3)},
        {"a": demo.LeadState(10.0, "hot", 3, 3)},
        {"a": demo.LeadState(10.0, "warm", 4, 3)},
        {"a": demo.LeadState(10.0, "warm", 3, 4)},
        {"a": LEAD, "b": LEAD},
        {},
    ],
)
def test_the_proof_fails_on_any_difference(after: dict[str, demo.LeadState]) -> None:
    out, text = console()
    with pytest.raises(CommandFailed, match="changed 1 leads"):
        demo._prove_unchanged(out, {"a": LEAD}, after)
    assert "no score changed" not in text.getvalue()


def run_instead(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Run a little program in the place of the stack; its argument is the data directory."""
    monkeypatch.setattr(
        suite_process, "stack_command", lambda given: [sys.executable, "-c", program, given[-1]]
    )


def test_a_suite_is_ready_when_it_says_where_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, READY)
    seen: list[tuple[str, str]] = []
    before = set(psutil.Process().children())
    with SuiteProcess(tmp_path, lambda component, state: seen.append((component, state))) as suite:
        assert suite.grpc_target == "127.0.0.1:9"
        children = set(psutil.Process().children()) - before
        assert children
    assert ("postgres", "ready") in seen
    assert all(component == "postgres" for component, _ in seen)
    assert not any(child.is_running() for child in children)


def test_a_suite_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, BROKEN)
    with (
        pytest.raises(CommandFailed, match="did not start") as caught,
        SuiteProcess(tmp_path, lambda component, state: None),
    ):
        pass
    assert "nats can not start" in str(caught.value)


def test_a_suite_that_is_not_ready_in_time_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(suite_process, "READY_TIMEOUT_S", 0.2)
    before = set(psutil.Process().children())
    with (
        pytest.raises(CommandFailed, match="not ready in"),
        SuiteProcess(tmp_path, lambda component, state: None),
    ):
        pass
    assert set(psutil.Process().children()) <= before


def test_half_written_addresses_are_not_taken(tmp_path: Path) -> None:
    found = suite_process.RunningSuite.at
    assert found(tmp_path) is None
    for text in ("", '{"grpc_tar', "[]", json.dumps({"grpc_target": None})):
        (tmp_path / "suite.json").write_text(text)
        assert found(tmp_path) is None
