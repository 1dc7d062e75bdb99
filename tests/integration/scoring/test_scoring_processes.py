"""Two scoring processes on a real suite: a history sent twice, shuffled, from two sides, gives the fold of its ledger,
and every call says the same of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    quarantine_service_pb2,
    quarantine_service_pb2_grpc,
)
from scoreline.scoring.v1 import lead_pb2, scoring_service_pb2_grpc
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from services.ingest.quarantine_worker import QUARANTINE_STREAM
from services.scoring.domain.fold import fold
from services.scoring.ports import LeadFilter
from services.shared.bus import Bus
from services.shared.retrying import UNHEALTHY_AFTER_FAILURES
from services.shared.times import to_timestamp
from stack import Stack, StackConfig
from tests.support import service_database
from tests.support.clocks import START
from tests.support.eventually import eventually, eventually_async
from tests.support.grpc_calls import Keyed, channel
from tests.support.projects import TestProject, new_project
from tests.support.scoring_subjects import PostgresSubject, assert_chain, histories

pytestmark = pytest.mark.xdist_group("scoring processes")

LEADS = 9
EVENTS = 450
BATCH = 40


@pytest.fixture(scope="module")
def suite() -> Iterator[Stack]:
    with Stack(
        StackConfig(services=("accounts", "rules", "ingest", "scoring"), envoy=False)
    ) as one:
        yield one


def history() -> list[event_pb2.Event]:
    chosen = random.Random(11)
    return [
        event_pb2.Event(
            event_id=f"e{number}",
            type=chosen.choice(["page_view", "signup", "demo_request", "refund", "purchase"]),
            lead_id=f"lead {number % LEADS}",
            occur_time=to_timestamp(START + timedelta(minutes=chosen.randrange(60))),
        )
        for number in range(EVENTS)
    ]


def send(target: str, project: TestProject, events: list[event_pb2.Event]) -> None:
    with grpc.insecure_channel(target) as opened:
        stub = ingest_service_pb2_grpc.IngestServiceStub(opened)
        for start in range(0, len(events), BATCH):
            request = ingest_service_pb2.BatchIngestEventsRequest(
                events=events[start : start + BATCH]
            )
            answer = stub.BatchIngestEvents(request, metadata=project.metadata, timeout=20)
            assert len(answer.results) == len(request.events)


def leads(scoring: Keyed) -> list[lead_pb2.Lead]:
    return list(scoring.ListLeads(pb.ListLeadsRequest(page_size=1_000)).leads)


async def test_a_full_quarantine_keeps_nobody_from_scoring(suite: Stack) -> None:
    project = new_project(suite, "full")
    target = suite.service_target("scoring")
    log = suite.data_dir.log_path("scoring")

    def refused() -> bool:
        lines = map(json.loads, log.read_text().splitlines())
        failures = [
            line["failures"]
            for line in lines
            if line["event"] == "loop failed" and line["loop"] == "quarantine outbox"
        ]
        # The fault is in the checks of health as well by now.
        return max(failures, default=0) > UNHEALTHY_AFTER_FAILURES

    bus = await Bus.connect(suite.nats_url, "test", 10)
    try:
        await bus.jetstream.update_stream(replace(QUARANTINE_STREAM, max_bytes=1))
        one, other = (event_pb2.Event(event_id="x", type=kind, lead_id="l") for kind in "ab")
        send(suite.service_target("ingest"), project, [one, other])
        await eventually_async(lambda: _done(refused()))
        with channel(target) as opened:
            health = Keyed(health_pb2_grpc.HealthStub(opened), "")
            answer = health.Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            scoring = Keyed(scoring_service_pb2_grpc.ScoringServiceStub(opened), project.api_key)
            assert [lead.event_count for lead in leads(scoring)] == [1]
        await bus.jetstream.update_stream(QUARANTINE_STREAM)
    finally:
        await bus.close()
    with channel(suite.service_target("ingest")) as opened:
        stub = Keyed(quarantine_service_pb2_grpc.QuarantineServiceStub(opened), project.api_key)
        request = quarantine_service_pb2.CountQuarantinedRequest()
        eventually(lambda: [one.item_count for one in stub.CountQuarantined(request).counts] == [1])


async def _done(found: bool) -> bool:
    return found


async def test_two_processes_give_the_fold_of_the_ledger(suite: Stack) -> None:
    second = suite.add("scoring")
    project = new_project(suite, "two")
    forth, back = history(), history()
    random.Random(1).shuffle(forth)
    random.Random(2).shuffle(back)
    with ThreadPoolExecutor(2) as senders:
        target = suite.service_target("ingest")
        list(senders.map(lambda events: send(target, project, events), [forth, back]))
    with (
        channel(suite.service_target("scoring")) as first_channel,
        channel(suite.service_target(second)) as second_channel,
    ):
        stubs = [
            Keyed(scoring_service_pb2_grpc.ScoringServiceStub(one), project.api_key)
            for one in (first_channel, second_channel)
        ]
        eventually(lambda: sum(lead.event_count for lead in leads(stubs[0])) == EVENTS)
        found = leads(stubs[0])
        assert leads(stubs[1]) == found
        for lead in found:
            assert_consistent(stubs[1], lead)
    async with service_database.opened(suite, "scoring") as database:
        subject = PostgresSubject(database)
        async with subject.store.begin() as tx:
            rules = (await tx.rules_under(project.project_id, None)).rule_set
            assert rules.rules  # the preset of a new project
            for view in await tx.list_leads(project.project_id, LeadFilter(), 1_000):
                key = (project.project_id, view.profile.lead_id)
                entries = (await histories(tx, [key]))[key]
                assert view.snapshot.state == fold(entries, rules)
        assert len(await subject.ledger(project.project_id)) == EVENTS
        ends = [end for end, _ in await subject.blocks(project.project_id)]
        await assert_chain(subject, project.project_id, ends)
        assert await subject.quarantined(project.project_id) == []
    with channel(suite.service_target("ingest")) as opened:
        stub = Keyed(quarantine_service_pb2_grpc.QuarantineServiceStub(opened), project.api_key)
        counted = stub.CountQuarantined(quarantine_service_pb2.CountQuarantinedRequest())
        assert list(counted.counts) == []


def assert_consistent(scoring: Keyed, lead: lead_pb2.Lead) -> None:
    """A lead's timeline and audit trail end where the lead is."""
    assert scoring.GetLead(pb.GetLeadRequest(lead_id=lead.lead_id)).lead == lead
    timeline = scoring.ListTimeline(pb.ListTimelineRequest(lead_id=lead.lead_id, page_size=1_000))
    assert len(timeline.entries) == lead.event_count
    assert timeline.entries[-1].score == lead.score
    request = pb.ListScoreChangesRequest(lead_id=lead.lead_id, page_size=1_000)
    changes = scoring.ListScoreChanges(request).score_changes
    assert [one.version for one in changes] == list(range(1, lead.version + 1))
    assert (changes[-1].score, changes[-1].stage) == (lead.score, lead.stage)
