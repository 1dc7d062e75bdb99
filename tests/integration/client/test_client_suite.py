"""The SDK and the command line against the real suite, through Envoy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import scoreline
from scoreline.client import errors
from scoreline.scoring.v1.lead_pb2 import Lead
from scoreline.simulator import Plan, arrivals, csv_lines, ndjson_lines
from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_project

PATIENCE_S = 30.0
SMALL = Plan(leads=60, days=20, seed=5, malformed=12)


@pytest.fixture
def project(suite: Stack) -> TestProject:
    return new_project(suite, "client")


@pytest.fixture
def client(suite: Stack, project: TestProject) -> Iterator[scoreline.Client]:
    with scoreline.Client(suite.grpc_target, project.api_key) as made:
        yield made


def run(suite: Stack, project: TestProject, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "SCORELINE_TARGET": suite.grpc_target,
        "SCORELINE_API_KEY": project.api_key,
    }
    command = [sys.executable, "-m", "scoreline.cli", "--json", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def scored(client: scoreline.Client, events: int) -> dict[str, Lead]:
    """All leads by id, once the ledger has so many events."""

    def settled() -> dict[str, Lead]:
        leads = {lead.lead_id: lead for lead in client.leads.list()}
        assert sum(lead.event_count for lead in leads.values()) == events
        return leads

    return eventually(settled, timeout_s=PATIENCE_S)


def test_an_event_becomes_a_score_that_is_explained(client: scoreline.Client) -> None:
    now = datetime.now(UTC)
    for number, event_type in enumerate(("page_view", "signup", "demo_request")):
        client.ingest.send(
            scoreline.event(
                event_type,
                email="Ada@Example.com ",
                event_id=f"e-{number}",
                occur_time=now - timedelta(hours=3 - number),
                properties={"n": number},
            )
        )
    scored(client, 3)
    lead = client.leads.get("email:ada@example.com")
    entries = list(client.leads.timeline(lead.lead_id))
    assert [entry.type for entry in entries] == ["page_view", "signup", "demo_request"]
    effects = sum(round(effect.points * 1000) for entry in entries for effect in entry.effects)
    assert effects == round(lead.score * 1000) > 0
    changes = list(client.leads.score_changes(lead.lead_id, page_size=2))
    assert [change.version for change in changes] == [1, 2, 3]
    assert client.leads.leaderboard()[0].lead.lead_id == lead.lead_id
    assert client.leads.stage_counts().total_count == 1


def test_refusals_name_the_field(client: scoreline.Client) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        client.ingest.send(scoreline.event("1st", lead_id="l-1"))
    assert [one.field for one in caught.value.violations] == ["event.type"]
    with pytest.raises(errors.NotFound) as missing:
        client.leads.get("nobody")
    assert missing.value.reason == "RESOURCE_NOT_FOUND"
    assert missing.value.request_id
    with pytest.raises(errors.InvalidRequest):
        list(client.leads.list(order_by="colour"))


def test_a_batch_has_an_outcome_for_each_event(client: scoreline.Client) -> None:
    events = [scoreline.event("page_view", lead_id="l-1", event_id=f"e-{n}") for n in range(1, 5)]
    events[2].type = ""
    outcomes = list(client.ingest.send_many(events))
    assert [outcome.accepted for outcome in outcomes] == [True, True, False, True]
    again = list(client.ingest.send_many(events))
    assert [outcome.receipt is not None and outcome.receipt.duplicate for outcome in again] == [
        True, True, False, True,
    ]  # fmt: skip
    scored(client, 3)


def test_rules_are_edited_and_activated(client: scoreline.Client) -> None:
    client.ingest.send(scoreline.event("trial_started", lead_id="l-1"))
    scored(client, 1)
    assert client.leads.get("l-1").score == 0
    rule = client.rules.create("trial_started", 12.5)
    with pytest.raises(errors.AlreadyExists):
        client.rules.create("trial_started", 1)
    with pytest.raises(errors.Conflict):
        client.rules.update(rule.rule_id, points=3, etag="stale")
    client.rules.update(rule.rule_id, points=15, etag=rule.etag)
    activation = client.rules.activate()

    def rescored() -> bool:
        return client.leads.get("l-1").score == 15

    eventually(rescored, timeout_s=PATIENCE_S)
    assert client.rules.list(activation.version).rule_set_version == activation.version
    assert next(iter(client.rules.activations())).number == activation.number
    assert len(list(client.rules.versions(page_size=1))) == 2


def test_a_revoked_key_is_worth_nothing(suite: Stack, client: scoreline.Client) -> None:
    made = client.keys.create("for a moment", ["read"])
    with scoreline.Client(suite.grpc_target, made.secret) as other:

        def known() -> bool:
            try:
                other.leads.stage_counts()
            except errors.Unauthenticated:
                return False
            return True

        eventually(known)
        with pytest.raises(errors.PermissionDenied) as caught:
            other.ingest.probe()
        assert caught.value.metadata == {"required_scope": "ingest"}
        client.keys.revoke(made.api_key.key_id)
        eventually(lambda: not known())
    listed = {key.key_id: key for key in client.keys.list()}
    assert listed[made.api_key.key_id].HasField("revoke_time")


def test_a_watch_shows_what_happens_after_it_opens(client: scoreline.Client) -> None:
    with closing(client.watch(heartbeats=True, heartbeat_s=1)) as messages:
        assert next(messages).WhichOneof("message") == "heartbeat"
        client.ingest.send(scoreline.event("signup", lead_id="l-1", event_id="e-1"))
        change = next(one for one in messages if one.WhichOneof("message") == "score_change")
    assert change.score_change.lead_id == "l-1"
    client.ingest.send(scoreline.event("download", lead_id="l-1", event_id="e-2"))
    with closing(client.watch(resume_token=change.resume_token)) as messages:
        assert next(messages).score_change.event_id == "e-2"
    with closing(client.watch(snapshot=True)) as messages:
        lead = next(messages).snapshot_lead
        assert (lead.lead_id, lead.version) == ("l-1", 2)
        assert next(messages).snapshot_complete.lead_count == 1
    with pytest.raises(errors.InvalidRequest) as caught:
        next(client.watch(resume_token="forged"))
    assert caught.value.reason == "RESUME_TOKEN_INVALID"


async def test_the_asyncio_client_does_the_same(suite: Stack, project: TestProject) -> None:
    async with scoreline.AsyncClient(suite.grpc_target, project.api_key) as client:
        async with aclosing(client.watch(heartbeats=True, heartbeat_s=1)) as messages:
            await anext(messages)
            async with client.ingest.sender() as sender:
                for number in range(700):
                    await sender.send(
                        scoreline.event(
                            "page_view", lead_id=f"l-{number % 7}", event_id=f"e-{number}"
                        )
                    )
            versions: dict[str, list[int]] = {}
            seen = 0
            async for message in messages:
                if message.WhichOneof("message") == "score_change":
                    change = message.score_change
                    versions.setdefault(change.lead_id, []).append(change.version)
                    seen += 1
                    if seen == 700:
                        break
        assert versions == {f"l-{number}": list(range(1, 101)) for number in range(7)}
        assert [lead.lead_id async for lead in client.leads.list(page_size=3)] == sorted(versions)


def test_importing_a_file_again_changes_nothing(
    suite: Stack, project: TestProject, client: scoreline.Client, tmp_path: Path
) -> None:
    events = len({one.happening.event_id for one in arrivals(SMALL)})
    file = tmp_path / "journeys.ndjson"
    file.write_text("".join(ndjson_lines(SMALL)))
    first = run(suite, project, "import", file)
    assert first.returncode == 3, first.stderr
    summary = json.loads(first.stdout)
    assert summary["rejected"] == SMALL.malformed
    assert summary["accepted"] + summary["duplicate"] == len(list(arrivals(SMALL)))
    before = scored(client, events)
    # The same journeys as CSV: what the formats carry is the same to the byte, so nothing of it is new either.
    table = tmp_path / "journeys.csv"
    table.write_text("".join(csv_lines(SMALL)))
    for again in (file, table):
        result = run(suite, project, "import", again)
        assert result.returncode == 3, result.stderr
        assert json.loads(result.stdout)["rejected"] == SMALL.malformed
    marker = scoreline.event("page_view", lead_id="the-last", event_id="the-last")
    client.ingest.send(marker)
    after = scored(client, events + 1)
    del after["the-last"]
    assert after == before


def test_commands_on_the_real_suite(
    suite: Stack, project: TestProject, client: scoreline.Client
) -> None:
    sent = run(suite, project, "send", "signup", "--lead-id", "l-1", "--event-id", "e-1")
    assert sent.returncode == 0, sent.stderr
    scored(client, 1)
    assert json.loads(run(suite, project, "lead", "l-1").stdout.splitlines()[0])["version"] == 1
    for arguments in (["leads"], ["leaderboard"], ["rules", "list"], ["rules", "versions"],
                      ["rules", "activations"], ["keys", "list"], ["doctor"]):  # fmt: skip
        result = run(suite, project, *arguments)
        assert result.returncode == 0, (arguments, result.stderr, result.stdout)
        assert [json.loads(line) for line in result.stdout.splitlines()]
    refused = run(suite, project, "lead", "nobody")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    changed = run(suite, project, "rules", "set", "signup", "33")
    assert changed.returncode == 0, changed.stderr
    assert run(suite, project, "rules", "activate").returncode == 0
    eventually(lambda: client.leads.get("l-1").score == 33, timeout_s=PATIENCE_S)
