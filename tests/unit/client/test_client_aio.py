"""The asyncio client against a server in the same process, and its background sender."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.ingest.v1.ingest_service_pb2 import BatchIngestEventsResponse
from scoreline.rules.v1.rule_set_pb2 import (
    Binding,
    Decay,
    Grading,
    Group,
    HalfLifeDecay,
    LateEvents,
    Limit,
    NextAction,
    Risk,
    Velocity,
)
from scoreline.rules.v1.rules_service_pb2 import ListPresetsResponse, Preset
from scoreline.scoring.v1.score_change_pb2 import ScoreChangeCause
from scoreline.scoring.v1.scoring_service_pb2 import (
    GetLeadResponse,
    ListLeadsResponse,
    ListProjectScoreChangesResponse,
)
from tests.support.eventually import eventually_async
from tests.support.fake_edge import API_KEY, FakeEdge, accept_all, refuse, status

FAST = RetryPolicy(for_s=5.0, first_wait_s=0.001, max_wait_s=0.01)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


@pytest.fixture
async def client(edge: FakeEdge) -> AsyncIterator[scoreline.AsyncClient]:
    async with scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as made:
        yield made


def an_event(number: int) -> Any:
    return scoreline.event("page_view", lead_id="l-1", event_id=f"e-{number}")


async def test_calls_carry_the_key_and_are_repeated(
    edge: FakeEdge, client: scoreline.AsyncClient
) -> None:
    def answer(request: Any, context: Any) -> GetLeadResponse:
        if len(edge.requests["GetLead"]) < 3:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))
        made = GetLeadResponse()
        made.lead.lead_id = request.lead_id
        return made

    edge.on("GetLead", answer)
    assert (await client.leads.get("email:ada@example.com")).lead_id == "email:ada@example.com"
    assert len(edge.requests["GetLead"]) == 3
    assert edge.keys == {API_KEY}


async def test_a_deadline_is_kept(edge: FakeEdge) -> None:
    release = threading.Event()
    edge.on("GetLead", lambda request, context: release.wait(10) and None)
    async with scoreline.AsyncClient(
        edge.target, API_KEY, timeout_s=0.05, retry=RetryPolicy(for_s=0)
    ) as client:
        with pytest.raises(errors.DeadlineExceeded):
            await client.leads.get("l-1")
    release.set()


async def test_pages(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    def answer(request: Any, context: Any) -> ListLeadsResponse:
        page = int(request.page_token or 0)
        made = ListLeadsResponse(next_page_token=str(page + 1) if page < 2 else "")
        made.leads.add(lead_id=f"l-{page}")
        return made

    edge.on("ListLeads", answer)
    assert [one.lead_id async for one in client.leads.list()] == ["l-0", "l-1", "l-2"]
    first, until = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    idle = client.leads.list(last_event_from=first, last_event_until=until)
    assert len([one async for one in idle]) == 3
    for request in edge.requests["ListLeads"][3:]:
        assert request.last_event_time_from.ToDatetime(UTC) == first
        assert request.last_event_time_until.ToDatetime(UTC) == until


async def test_changes_of_a_project(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    edge.on("ListProjectScoreChanges", change_page)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    asked: dict[str, Any] = {
        "change_from": at, "change_until": at + timedelta(days=1), "causes": ["EVENT", "DECAY"],
        "lead_ids": ["a", "email:b@c.example"], "page_size": 7,
    }  # fmt: skip
    found = client.leads.project_score_changes(**asked)
    assert [one.version async for one in found] == [1, 2, 3]
    with scoreline.Client(edge.target, API_KEY) as blocking:
        assert len(list(blocking.leads.project_score_changes(**asked))) == 3
        assert len(list(blocking.leads.project_score_changes())) == 3
    with pytest.raises(ValueError, match="EVENT, RULES"):
        client.leads.project_score_changes(causes=["event"])
    first, _, _, same, _, _, plain, *_ = edge.requests["ListProjectScoreChanges"]
    assert first == same
    assert (plain.page_size, first.page_size) == (5_000, 7)
    assert first.change_time_from.ToDatetime(UTC) == at
    assert first.change_time_until.ToDatetime(UTC) == at + timedelta(days=1)
    assert [*first.causes] == [
        ScoreChangeCause.SCORE_CHANGE_CAUSE_EVENT,
        ScoreChangeCause.SCORE_CHANGE_CAUSE_DECAY,
    ]
    assert [*first.lead_ids] == asked["lead_ids"]


def change_page(request: Any, context: Any) -> ListProjectScoreChangesResponse:
    page = int(request.page_token or 0)
    made = ListProjectScoreChangesResponse(next_page_token=str(page + 1) if page < 2 else "")
    made.score_changes.add(version=page + 1)
    return made


async def test_a_batch_is_sent_again_in_part(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    def answer(request: Any, context: Any) -> BatchIngestEventsResponse:
        if len(edge.requests["BatchIngestEvents"]) > 1:
            return accept_all(request, context)
        made = BatchIngestEventsResponse()
        for number, event in enumerate(request.events):
            if number % 2:
                refusal = status(grpc.StatusCode.RESOURCE_EXHAUSTED, "INTAKE_FULL", retry_after_s=0)
                made.results.add().error.CopyFrom(refusal)
            else:
                made.results.add().receipt.event_id = event.event_id
        return made

    edge.on("BatchIngestEvents", answer)
    outcomes = await client.ingest.send_batch([an_event(number) for number in range(6)])
    assert all(outcome.accepted for outcome in outcomes)
    assert [len(one.events) for one in edge.requests["BatchIngestEvents"]] == [6, 3]


async def test_many_events(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    edge.on("BatchIngestEvents", accept_all)
    events = [an_event(number) for number in range(7)]
    seen = [one.event async for one in client.ingest.send_many(events, batch_events=3)]
    assert seen == events
    assert [len(one.events) for one in edge.requests["BatchIngestEvents"]] == [3, 3, 1]


async def test_the_sender_gathers_and_flushes(
    edge: FakeEdge, client: scoreline.AsyncClient
) -> None:
    edge.on("BatchIngestEvents", accept_all)
    async with client.ingest.sender(batch_events=100, linger_s=30) as sender:
        futures = [await sender.send(an_event(number)) for number in range(250)]
        await sender.flush()
        assert all(future.done() and future.result().accepted for future in futures)
        assert [f.result().event.event_id for f in futures] == [f"e-{n}" for n in range(250)]
    sizes = sorted(len(one.events) for one in edge.requests["BatchIngestEvents"])
    assert sum(sizes) == 250
    assert sizes[-1] == 100


async def test_the_sender_sends_what_lingers(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    edge.on("BatchIngestEvents", accept_all)
    async with client.ingest.sender(linger_s=0.01) as sender:
        future = await sender.send(an_event(1))
        assert (await asyncio.wait_for(future, 10)).accepted


async def test_leaving_the_sender_sends_everything(
    edge: FakeEdge, client: scoreline.AsyncClient
) -> None:
    edge.on("BatchIngestEvents", accept_all)
    async with client.ingest.sender(linger_s=30) as sender:
        future = await sender.send(an_event(1))
    assert future.result().accepted
    with pytest.raises(RuntimeError, match="not open"):
        await sender.send(an_event(2))


async def test_the_sender_is_bounded(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    release = threading.Event()

    def answer(request: Any, context: Any) -> BatchIngestEventsResponse:
        release.wait(30)
        return accept_all(request, context)

    edge.on("BatchIngestEvents", answer)
    async with client.ingest.sender(
        batch_events=2, linger_s=0, in_flight=1, unresolved_max=4
    ) as sender:
        for number in range(4):
            await sender.send(an_event(number))
        fifth = asyncio.create_task(sender.send(an_event(4)))

        async def asked() -> bool:
            return bool(edge.requests["BatchIngestEvents"])

        await eventually_async(asked)
        assert not fifth.done()
        release.set()
        assert (await (await fifth)).accepted


async def test_a_refusal_is_an_outcome_and_the_sender_goes_on(
    edge: FakeEdge, client: scoreline.AsyncClient
) -> None:
    refusing = True

    def answer(request: Any, context: Any) -> BatchIngestEventsResponse:
        if refusing:
            refuse(context, status(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"))
        return accept_all(request, context)

    edge.on("BatchIngestEvents", answer)
    async with client.ingest.sender(linger_s=0) as sender:
        first = await (await sender.send(an_event(1)))
        assert isinstance(first.error, errors.PermissionDenied)
        refusing = False
        assert (await (await sender.send(an_event(2)))).accepted


async def test_leaving_the_sender_by_an_exception_cancels_what_is_open(
    edge: FakeEdge, client: scoreline.AsyncClient
) -> None:
    release = threading.Event()
    edge.on("BatchIngestEvents", lambda request, context: release.wait(30) and None)
    futures = []

    async def break_off() -> None:
        async with client.ingest.sender(batch_events=1) as sender:
            futures.extend([await sender.send(an_event(number)) for number in range(8)])
            raise KeyError

    with pytest.raises(KeyError):
        await break_off()
    release.set()
    assert all(future.cancelled() for future in futures)


async def test_probing_sends_nothing(edge: FakeEdge, client: scoreline.AsyncClient) -> None:
    def answer(request: Any, context: Any) -> None:
        assert not request.events
        refuse(context, status(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"))

    edge.on("BatchIngestEvents", answer)
    await client.ingest.probe()
    edge.on(
        "BatchIngestEvents",
        lambda request, context: refuse(context, status(grpc.StatusCode.UNAUTHENTICATED, "X")),
    )
    with pytest.raises(errors.Unauthenticated):
        await client.ingest.probe()


async def test_rules_with_conditions_limits_groups_and_presets(
    edge: FakeEdge, client: scoreline.AsyncClient
) -> None:
    limit = Limit(count=1, key="event.id")
    await client.rules.create("chat", 5, group="g", when="true", limits=[limit])
    [created] = edge.requests["CreateRule"]
    assert (created.rule.group, created.rule.when) == ("g", "true")
    assert list(created.rule.limits) == [limit]
    await client.rules.update("chat", when="", limits=[])
    [updated] = edge.requests["UpdateRule"]
    assert [*updated.update_mask.paths] == ["when", "limits"]
    assert not updated.rule.limits
    decay = Decay(half_life=HalfLifeDecay(days=7))
    await client.rules.update_draft(groups=[Group(name="g", decay=decay)], decay=decay)
    await client.rules.update_draft(groups=[], decay=Decay())
    changed, emptied = edge.requests["UpdateRuleSet"]
    assert [*changed.update_mask.paths] == [*emptied.update_mask.paths] == ["groups", "decay"]
    assert (changed.rule_set.groups[0].decay, changed.rule_set.decay) == (decay, decay)
    assert not emptied.rule_set.HasField("decay")
    await client.rules.update("big", standing=True)
    assert [*edge.requests["UpdateRule"][1].update_mask.paths] == ["standing"]
    await client.rules.update_draft(
        grading=Grading(fit_group="g"), velocity=Velocity(saturating=True), risk=Risk(),
        next_actions=[NextAction(action="call")], binding=Binding.BINDING_AT_PROCESSING,
        late_events=LateEvents.LATE_EVENTS_REPLAY, tests=[], engagement_group="",
    )  # fmt: skip
    told = edge.requests["UpdateRuleSet"][2]
    assert sorted(told.update_mask.paths) == [
        "binding", "engagement_group", "grading", "late_events", "next_actions", "risk", "tests",
        "velocity",
    ]  # fmt: skip
    assert told.rule_set.grading.fit_group == "g"
    assert (told.rule_set.velocity.saturating, told.rule_set.HasField("risk")) == (True, False)
    assert (told.rule_set.next_actions[0].action, told.rule_set.binding) == ("call", 3)
    preset = Preset(name="mine")
    edge.on("ListPresets", lambda *_: ListPresetsResponse(presets=[preset]))
    assert list(await client.rules.presets()) == [preset]
    await client.rules.apply_preset("mine", etag="2.1")
    [applied] = edge.requests["ApplyPreset"]
    assert (applied.preset, applied.etag) == ("mine", "2.1")
