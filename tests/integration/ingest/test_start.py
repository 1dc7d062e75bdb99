"""What ingest demands before it serves: a broker that fsyncs every write and has atomic batches."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType

from services.ingest.broker import require_durable
from services.ingest.store import stream_config
from services.shared.bus import Bus
from services.shared.service import StartRefused
from stack import Stack
from stack.config import REPO_ROOT

TIMEOUT_S = 5.0
UNREACHABLE_TIMEOUT_S = 0.2


@contextmanager
def monitoring(answer: dict[str, Any]) -> Iterator[str]:
    """A stand-in for a broker's monitoring; its address."""

    class Varz(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/varz"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode() if found else b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Varz) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def varz(version: str = "2.15.1", **config: Any) -> dict[str, Any]:
    return {"version": version, "jetstream": {"config": {"max_memory": 1, **config}}}


async def test_the_suite_s_broker_is_durable(servers: Stack) -> None:
    await require_durable(servers.nats_monitor_url, allow_unsynced=False, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (varz(), "sync_interval: always"),
        (varz(sync_interval=1), "sync_interval: always"),
        (varz("2.11.9", sync_always=True), r"2\.11\.9.*run 2\.12 or newer"),
        ({"version": "2.15.1", "jetstream": {}}, "without JetStream"),
        ({"jetstream": {}}, "unknown version"),
    ],
)
async def test_a_broker_that_can_lose_events_is_refused(answer: dict[str, Any], text: str) -> None:
    with monitoring(answer) as url, pytest.raises(StartRefused, match=text) as caught:
        await require_durable(url, allow_unsynced=False, timeout_s=TIMEOUT_S)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["2.12.0", "2.15.1", "3.0.0", "v2.14.0-RC.1"])
async def test_newer_brokers_are_accepted(version: str) -> None:
    with monitoring(varz(version, sync_always=True)) as url:
        await require_durable(url, allow_unsynced=False, timeout_s=TIMEOUT_S)


async def test_a_missing_fsync_can_be_accepted_but_not_a_missing_feature() -> None:
    with monitoring(varz()) as url:
        await require_durable(url, allow_unsynced=True, timeout_s=TIMEOUT_S)
    await require_durable(None, allow_unsynced=True, timeout_s=TIMEOUT_S)
    with (
        monitoring(varz("2.11.0")) as url,
        pytest.raises(StartRefused, match="no atomic batches"),
    ):
        await require_durable(url, allow_unsynced=True, timeout_s=TIMEOUT_S)


async def test_a_broker_that_can_not_be_asked_is_refused() -> None:
    with pytest.raises(StartRefused, match="SCORELINE_INGEST_NATS_MONITOR_URL"):
        await require_durable(None, allow_unsynced=False, timeout_s=TIMEOUT_S)
    with monitoring(varz()) as url:
        gone = url
    with pytest.raises(StartRefused, match="no answer"):
        await require_durable(gone, allow_unsynced=False, timeout_s=UNREACHABLE_TIMEOUT_S)


def test_the_process_refuses_with_one_line_and_code_3(servers: Stack) -> None:
    with monitoring(varz()) as url:
        ended = subprocess.run(
            [sys.executable, "-m", "services.ingest"],
            env={
                **os.environ,
                "SCORELINE_INGEST_NATS_URL": servers.nats_url,
                "SCORELINE_INGEST_NATS_MONITOR_URL": url,
                "SCORELINE_INGEST_DATABASE_URL": servers.postgres_url("scoreline_ingest"),
                "SCORELINE_INGEST_SECRET_KEYS": "k" * 32,
                "SCORELINE_INGEST_LOG_LEVEL": "error",
            },
            cwd=REPO_ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 3
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("ingest does not start: the broker does not fsync every write")


async def test_the_stream_is_as_promised(servers: Stack) -> None:
    bus = await Bus.connect(servers.nats_url, "test", TIMEOUT_S)
    try:
        await bus.ensure_stream(stream_config(2**20), TIMEOUT_S)
        await bus.ensure_stream(stream_config(2**21), TIMEOUT_S)  # settings can be changed later
        config = (await bus.jetstream.stream_info("EVENTS")).config
    finally:
        await bus.close()
    assert config.subjects == ["events.>"]
    assert config.storage == StorageType.FILE
    assert config.retention == RetentionPolicy.LIMITS
    assert config.discard == DiscardPolicy.NEW
    assert config.allow_atomic
    assert config.max_age == 7 * 24 * 3600
    assert config.max_bytes == 2**21
    assert config.max_msg_size == 256 * 1024
    assert config.duplicate_window == 120
