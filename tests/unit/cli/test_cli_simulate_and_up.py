"""`scoreline simulate` into files and live, and `scoreline up`."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from scoreline.cli.main import app
from tests.support.command_line import json_lines, refusing, run
from tests.support.fake_edge import FakeEdge, accept_all


def test_simulate_needs_no_suite(tmp_path: Path) -> None:
    arguments = ["simulate", "--leads", "20", "--days", "5", "--events", "50", "--malformed", "2"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert first.stdout.count("\n") == 52
    packed = tmp_path / "j.ndjson.gz"
    for _ in range(2):
        result = CliRunner().invoke(app, [*arguments, "--out", str(packed)])
        assert result.exit_code == 0
        assert "52 rows" in result.stderr
        assert gzip.decompress(packed.read_bytes()).decode() == first.stdout
    table = tmp_path / "j.csv"
    assert "52 rows" in CliRunner().invoke(app, [*arguments, "--out", str(table)]).stderr
    assert table.read_text().startswith("event_id,type,")


def test_simulate_sends_live(edge: FakeEdge) -> None:
    edge.on("BatchIngestEvents", accept_all)
    result = run(
        edge,
        "simulate",
        "--leads",
        10,
        "--days",
        3,
        "--events",
        40,
        "--rate",
        100_000,
        as_json=True,
    )
    assert result.exit_code == 0, result.output
    assert json_lines(result) == [{"sent": 40, "refused": 0}]
    sent = [event for request in edge.requests["BatchIngestEvents"] for event in request.events]
    assert len(sent) == 40


def test_simulate_live_ends_when_refused(edge: FakeEdge) -> None:
    edge.on("BatchIngestEvents", refusing(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", "no"))
    result = run(edge, "simulate", "--leads", 10, "--events", 200, "--rate", 2000)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")


def test_up_becomes_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, command: started.append(command))
    result = CliRunner().invoke(
        app, ["up", "--data-dir", "/tmp/x", "--http-port", "9999", "--temporary"]
    )
    assert result.exit_code == 0, result.output
    assert started[0][1:] == [
        "-m",
        "stack",
        "up",
        "--data-dir",
        "/tmp/x",
        "--http-port",
        "9999",
        "--temporary",
    ]


def test_up_without_servers_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 1
    assert "scoreline[stack]" in result.stderr
