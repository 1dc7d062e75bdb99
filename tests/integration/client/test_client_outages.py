"""The command line and the SDK while parts of the suite die and come back, and the demo from end to end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

import scoreline
from scoreline.simulator import Plan, arrivals, ndjson_lines
from stack import Stack
from tests.support.eventually import eventually

IMPORT_PLAN = Plan(leads=300, days=30, seed=11, events=6_000)
DEMO_PLAN = Plan(leads=80, days=20, seed=9, malformed=8)
PATIENCE_S = 60.0


def cli(
    *arguments: object, stack: Stack | None = None, temporary: Path | None = None
) -> subprocess.Popen[str]:
    environment = dict(os.environ)
    if temporary is not None:
        environment["TMPDIR"] = str(temporary)
    if stack is not None:
        environment |= {"SCORELINE_TARGET": stack.grpc_target, "SCORELINE_API_KEY": stack.api_key}
    command = [sys.executable, "-m", "scoreline.cli", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.xdist_group("fragile")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("part", ["ingest", "nats"])
def test_an_import_outlasts_a_restart(fragile: Stack, tmp_path: Path, part: str) -> None:
    plan = Plan(leads=IMPORT_PLAN.leads, days=30, seed=len(part), events=IMPORT_PLAN.events)
    file = tmp_path / "journeys.ndjson"
    file.write_text("".join(ndjson_lines(plan)))
    events = {one.happening.event_id for one in arrivals(plan)}
    with scoreline.Client(fragile.grpc_target, fragile.api_key) as client:
        known_before = sum(lead.event_count for lead in client.leads.list())
        importing = cli("--json", "import", file, stack=fragile)

        def under_way() -> bool:
            return sum(lead.event_count for lead in client.leads.list()) > known_before

        eventually(under_way, timeout_s=PATIENCE_S)
        fragile.kill(part)
        fragile.restart(part)
        out, err = importing.communicate(timeout=120)
        assert importing.returncode == 0, err
        assert '"rejected": 0' in out

        def all_scored() -> bool:
            known = sum(lead.event_count for lead in client.leads.list())
            assert known - known_before == len(events)
            return True

        eventually(all_scored, timeout_s=PATIENCE_S)


@pytest.mark.xdist_group("fragile")
@pytest.mark.timeout(180)
def test_a_watch_outlasts_a_restart_without_a_gap(fragile: Stack) -> None:
    with (
        scoreline.Client(fragile.grpc_target, fragile.api_key) as client,
        closing(client.watch(lead_ids=["watched"], heartbeats=True, heartbeat_s=1)) as messages,
    ):
        next(messages)
        versions = []
        for number in range(1, 7):
            if number == 3:
                fragile.kill("notify")
            client.ingest.send(
                scoreline.event("page_view", lead_id="watched", event_id=f"w-{number}")
            )
            if number == 4:
                fragile.restart("notify")
        for message in messages:
            if message.WhichOneof("message") == "score_change":
                versions.append(message.score_change.version)
                if len(versions) == 6:
                    break
    assert versions == [1, 2, 3, 4, 5, 6]


@pytest.mark.timeout(180)
def test_the_demo_ends_by_itself_with_a_proof(tmp_path: Path) -> None:
    file = tmp_path / "journeys.ndjson"
    file.write_text("".join(ndjson_lines(DEMO_PLAN)))
    demo = cli("demo", "--sample", file)
    out, err = demo.communicate(timeout=170)
    print(out, err)  # shown whole when the test fails
    assert demo.returncode == 0
    assert "Everything was sent twice and no score changed." in out
    assert "which is the score" in out
    assert re.search(r"the change on the stream after [\d.]+ ms", out)
    assert "80 leads" in out


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_demo_that_is_ended_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    # Its files are in a folder of its own: other demos may run at the same time.
    demo = cli("demo", "--keep", temporary=tmp_path)
    found: list[psutil.Process] = []

    def suite_is_starting() -> bool:
        found[:] = psutil.Process(demo.pid).children(recursive=True)
        return len(found) > 3

    eventually(suite_is_starting, timeout_s=PATIENCE_S)
    demo.send_signal(number)
    demo.communicate(timeout=90)
    eventually(lambda: not any(one.is_running() for one in found), timeout_s=PATIENCE_S)
    # Killed at once it has no time to remove its files; nobody holds them any more.
    assert number == signal.SIGKILL or not list(tmp_path.iterdir())
