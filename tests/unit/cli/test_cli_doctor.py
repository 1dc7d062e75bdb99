"""`scoreline doctor`, and what it reads from NATS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from scoreline.cli.main import app
from scoreline.cli.nats_monitor import MonitorUnavailable, read_broker
from scoreline.notify.v1.notify_service_pb2 import WatchScoresResponse
from tests.support.fake_edge import FakeEdge, refuse, status

VARZ: dict[str, Any] = {
    "version": "2.15.1",
    "jetstream": {"config": {"sync_always": True, "sync_interval": 120_000_000_000}},
}
JSZ = {
    "account_details": [
        {
            "stream_detail": [
                {
                    "name": "EVENTS",
                    "state": {"messages": 1500, "bytes": 9000},
                    "consumer_detail": [
                        {
                            "name": "scoring",
                            "config": {"durable_name": "scoring"},
                            "num_pending": 3,
                            "num_ack_pending": 4,
                        }
                    ],
                },
                {"name": "SCORES", "state": {"messages": 1, "bytes": 2}},
            ]
        }
    ]
}


class Pages(BaseHTTPRequestHandler):
    """GET answers from `server.pages`, by path."""

    def do_GET(self) -> None:
        code, page = self.server.pages.get(self.path.partition("?")[0], (404, {}))  # type: ignore[attr-defined]
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(page).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def pages() -> Iterator[tuple[str, dict[str, Any]]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        found: dict[str, Any] = {
            "/healthz": (200, {}), "/varz": (200, VARZ), "/jsz": (200, JSZ),
        }  # fmt: skip
        server.pages = found  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", found
        server.shutdown()


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    def watch(request: Any, context: Any) -> Iterator[WatchScoresResponse]:
        yield WatchScoresResponse(resume_token="t", heartbeat={})

    with FakeEdge() as running:
        running.on("WatchScores", watch)
        yield running


def diagnose(edge: FakeEdge, url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("SCORELINE_DATA_DIR", str(data_dir))
    addresses = {"grpc_target": edge.target, "http_url": url, "nats_monitor_url": url}
    (data_dir / "suite.json").write_text(json.dumps(addresses))
    (data_dir / "secrets").write_text(json.dumps({"api_key": "sl_local"}))
    return CliRunner().invoke(app, ["--json", "doctor"])


def checks(result: Result) -> dict[str, Any]:
    return {one["name"]: one for one in map(json.loads, result.stdout.splitlines())}


def test_all_is_well(
    edge: FakeEdge, pages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = diagnose(edge, pages[0], tmp_path, monkeypatch)
    assert result.exit_code == 0, result.output
    found = checks(result)
    assert set(found) == {
        "client", "edge", "accounts", "rules", "scoring", "ingest", "notify", "broker", "durability",
        "EVENTS", "SCORES",
    }  # fmt: skip
    assert all(one["ok"] for one in found.values())
    assert "scoring lags 7" in found["EVENTS"]["detail"]
    assert "2.15.1" in found["broker"]["detail"]
    # Looking leaves nothing behind.
    assert not edge.requests["IngestEvent"]
    assert all(not one.events for one in edge.requests["BatchIngestEvents"])


def test_each_thing_that_is_wrong_is_named(
    edge: FakeEdge, pages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, found = pages
    found["/healthz"] = (503, {})
    found["/varz"] = (200, {**VARZ, "jetstream": {"config": {"sync_interval": 120_000_000_000}}})
    edge.on(
        "GetStageCounts",
        lambda request, context: refuse(
            context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", "no database")
        ),
    )
    result = diagnose(edge, url, tmp_path, monkeypatch)
    assert result.exit_code == 1
    wrong = {name: one["detail"] for name, one in checks(result).items() if not one["ok"]}
    assert set(wrong) == {"edge", "scoring", "durability"}
    assert "no database" in wrong["scoring"]
    assert "every 120 s" in wrong["durability"]


def test_nothing_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORELINE_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(
        app, ["--target", "127.0.0.1:1", "--api-key", "k", "--json", "doctor"]
    )
    assert result.exit_code == 4
    found = checks(result)
    assert found["client"]["ok"]
    assert not any(one["ok"] for name, one in found.items() if name != "client")


@pytest.mark.parametrize("varz", [(500, {}), (200, {}), (404, {})])
def test_a_monitor_that_makes_no_sense(pages: Any, varz: Any) -> None:
    url, found = pages
    found["/varz"] = varz
    with pytest.raises(MonitorUnavailable):
        read_broker(url)


def test_lag_counts_what_is_waiting_and_what_is_in_hand(pages: Any) -> None:
    broker = read_broker(pages[0])
    assert broker.fsync == "always"
    assert broker.lag("EVENTS") == 7
    assert broker.lag("SCORES") == 0
