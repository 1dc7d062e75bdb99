"""The blocking client on grpcio-testing's channel: the test plays the server, call by call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, Generic, TypeVar

import grpc
import grpc_testing
import pytest

import scoreline
from scoreline.accounts.v1 import accounts_service_pb2
from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.ingest.v1 import ingest_service_pb2
from scoreline.notify.v1 import notify_service_pb2
from scoreline.rules.v1 import rules_service_pb2
from scoreline.scoring.v1 import scoring_service_pb2
from tests.support.fake_edge import status, trailing

T = TypeVar("T")

SERVICES = {
    name: service
    for module in (
        accounts_service_pb2,
        ingest_service_pb2,
        notify_service_pb2,
        rules_service_pb2,
        scoring_service_pb2,
    )
    for name, service in module.DESCRIPTOR.services_by_name.items()
}
FAST = RetryPolicy(for_s=5.0, first_wait_s=0.0, max_wait_s=0.0)
OK = grpc.StatusCode.OK
PATIENCE_S = 10.0


class Calling(threading.Thread, Generic[T]):
    """A call under way. A daemon, so that a test that fails does not wait for it."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._done: futures.Future[T] = futures.Future()
        self.start()

    def run(self) -> None:
        try:
            self._done.set_result(self._function())
        except Exception as error:  # noqa: BLE001 - handed on by `result`
            self._done.set_exception(error)

    def result(self) -> T:
        return self._done.result(PATIENCE_S)


class Server:
    """Plays the server of one channel while the client's call runs in a thread."""

    def __init__(self) -> None:
        self.channel = grpc_testing.channel(
            list(SERVICES.values()), grpc_testing.strict_real_time()
        )

    def client(self, retry: RetryPolicy = FAST) -> scoreline.Client:
        return scoreline.Client("unused:1", "the-key", channel=self.channel, retry=retry)

    def calling(self, function: Callable[[], T]) -> Calling[T]:
        return Calling(function)

    def expect(self, service: str, method: str) -> tuple[Any, Any]:
        """The next call of a method: the request and the call to answer."""
        descriptor = SERVICES[service].methods_by_name[method]
        metadata, request, rpc = self.channel.take_unary_unary(descriptor)
        assert ("x-api-key", "the-key") in metadata
        rpc.send_initial_metadata(())
        return request, rpc

    def expect_watch(self) -> tuple[Any, Any]:
        descriptor = SERVICES["NotifyService"].methods_by_name["WatchScores"]
        _, request, rpc = self.channel.take_unary_stream(descriptor)
        rpc.send_initial_metadata(())
        return request, rpc


@pytest.fixture
def server() -> Server:
    return Server()


def refuse(rpc: Any, code: grpc.StatusCode, reason: str = "", **details: Any) -> None:
    refusal = status(code, reason, **details)
    rpc.terminate(None, trailing(refusal), code, refusal.message)


def refuse_stream(rpc: Any, code: grpc.StatusCode, reason: str = "") -> None:
    refusal = status(code, reason)
    rpc.terminate(trailing(refusal), code, refusal.message)


def test_one_event_is_sent_with_the_key(server: Server) -> None:
    client = server.client()
    event = scoreline.event("signup", email="ada@example.com", event_id="e-1")
    sending = server.calling(lambda: client.ingest.send(event))
    request, rpc = server.expect("IngestService", "IngestEvent")
    assert request.event == event
    answer = ingest_service_pb2.IngestEventResponse()
    answer.receipt.event_id = "e-1"
    answer.receipt.duplicate = True
    rpc.terminate(answer, (), OK, "")
    assert sending.result().duplicate


def test_an_unavailable_service_is_asked_again(server: Server) -> None:
    client = server.client()
    reading = server.calling(lambda: client.leads.get("l-1"))
    for _ in range(2):
        _, rpc = server.expect("ScoringService", "GetLead")
        refuse(rpc, grpc.StatusCode.UNAVAILABLE)
    _, rpc = server.expect("ScoringService", "GetLead")
    answer = scoring_service_pb2.GetLeadResponse()
    answer.lead.score = 12.5
    rpc.terminate(answer, (), OK, "")
    assert reading.result().score == 12.5


def test_patience_ends(server: Server) -> None:
    client = server.client(RetryPolicy(for_s=0))
    reading = server.calling(lambda: client.leads.get("l-1"))
    _, rpc = server.expect("ScoringService", "GetLead")
    refuse(rpc, grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", retry_after_s=0.1)
    with pytest.raises(errors.Unavailable):
        reading.result()


def test_what_must_not_happen_twice_is_asked_once(server: Server) -> None:
    client = server.client()
    making = server.calling(lambda: client.keys.create("ci", ["read"]))
    request, rpc = server.expect("AccountsService", "CreateApiKey")
    assert [*request.api_key.scopes] == [2]
    refuse(rpc, grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(errors.Unavailable):
        making.result()


def test_a_limit_is_not_tried_again(server: Server) -> None:
    client = server.client()
    reading = server.calling(lambda: list(client.leads.list()))
    _, rpc = server.expect("ScoringService", "ListLeads")
    refuse(rpc, grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED", metadata={"limit": "5"})
    with pytest.raises(errors.ResourceExhausted) as caught:
        reading.result()
    assert caught.value.metadata == {"limit": "5"}


def test_pages_are_read_to_the_end(server: Server) -> None:
    client = server.client()
    reading = server.calling(lambda: [lead.lead_id for lead in client.leads.list(min_score=0)])
    first, rpc = server.expect("ScoringService", "ListLeads")
    assert first.HasField("min_score")
    assert not first.HasField("max_score")
    assert first.page_token == ""
    answer = scoring_service_pb2.ListLeadsResponse(next_page_token="more")
    answer.leads.add(lead_id="a")
    answer.leads.add(lead_id="b")
    rpc.terminate(answer, (), OK, "")
    second, rpc = server.expect("ScoringService", "ListLeads")
    assert second.page_token == "more"
    assert second.HasField("min_score")
    last = scoring_service_pb2.ListLeadsResponse()
    last.leads.add(lead_id="c")
    rpc.terminate(last, (), OK, "")
    assert reading.result() == ["a", "b", "c"]


def test_only_the_named_fields_are_changed(server: Server) -> None:
    client = server.client()
    changing = server.calling(lambda: client.rules.update("signup", enabled=False, etag="v1"))
    request, rpc = server.expect("RulesService", "UpdateRule")
    assert [*request.update_mask.paths] == ["enabled"]
    assert request.rule.etag == "v1"
    refuse(rpc, grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    with pytest.raises(errors.Conflict):
        changing.result()


def test_presets_are_listed_and_applied(server: Server) -> None:
    client = server.client()
    listing = server.calling(client.rules.presets)
    _, rpc = server.expect("RulesService", "ListPresets")
    answer = rules_service_pb2.ListPresetsResponse()
    answer.presets.add(name="mine")
    rpc.terminate(answer, (), OK, "")
    assert [preset.name for preset in listing.result()] == ["mine"]
    applying = server.calling(lambda: client.rules.apply_preset("mine", etag="2.1"))
    request, rpc = server.expect("RulesService", "ApplyPreset")
    assert (request.preset, request.etag) == ("mine", "2.1")
    applied = rules_service_pb2.ApplyPresetResponse()
    applied.rule_set.version = 2
    rpc.terminate(applied, (), OK, "")
    assert applying.result().version == 2


def test_only_the_events_refused_for_now_are_sent_again(server: Server) -> None:
    client = server.client()
    events = [scoreline.event("signup", lead_id="l", event_id=f"e-{n}") for n in range(4)]
    sending = server.calling(lambda: client.ingest.send_batch(events))
    request, rpc = server.expect("IngestService", "BatchIngestEvents")
    assert [*request.events] == events
    answer = ingest_service_pb2.BatchIngestEventsResponse()
    answer.results.add().receipt.event_id = "e-0"
    invalid = status(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", violations=(("events[1].type", "no"),)
    )
    answer.results.add().error.CopyFrom(invalid)
    answer.results.add().error.CopyFrom(
        status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", retry_after_s=0)
    )
    answer.results.add().error.CopyFrom(
        status(grpc.StatusCode.RESOURCE_EXHAUSTED, "INTAKE_FULL", retry_after_s=0)
    )
    rpc.terminate(answer, (), OK, "")
    again, rpc = server.expect("IngestService", "BatchIngestEvents")
    assert [*again.events] == events[2:]
    rest = ingest_service_pb2.BatchIngestEventsResponse()
    rest.results.add().receipt.event_id = "e-2"
    rest.results.add().receipt.event_id = "e-3"
    rpc.terminate(rest, (), OK, "")
    outcomes = sending.result()
    assert [outcome.event for outcome in outcomes] == events
    assert [outcome.accepted for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1].error, errors.InvalidRequest)


def test_a_batch_waits_as_long_as_the_service_asks(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    client = server.client()
    events = [scoreline.event("signup", lead_id="l", event_id=f"e-{n}") for n in range(2)]
    sending = server.calling(lambda: client.ingest.send_batch(events))
    _, rpc = server.expect("IngestService", "BatchIngestEvents")
    answer = ingest_service_pb2.BatchIngestEventsResponse()
    for wait in (0.5, 2.0):
        refusal = status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", retry_after_s=wait)
        answer.results.add().error.CopyFrom(refusal)
    rpc.terminate(answer, (), OK, "")
    _, rpc = server.expect("IngestService", "BatchIngestEvents")
    rest = ingest_service_pb2.BatchIngestEventsResponse()
    for event in events:
        rest.results.add().receipt.event_id = event.event_id
    rpc.terminate(rest, (), OK, "")
    assert all(outcome.accepted for outcome in sending.result())
    assert waits == [2.0]


def test_many_events_go_in_batches_and_an_outage_stays_in_their_outcomes(server: Server) -> None:
    client = server.client(RetryPolicy(for_s=0))
    events = [scoreline.event("signup", lead_id="l", event_id=f"e-{n}") for n in range(3)]
    sending = server.calling(lambda: list(client.ingest.send_many(events, batch_events=2)))
    request, rpc = server.expect("IngestService", "BatchIngestEvents")
    assert len(request.events) == 2
    refuse(rpc, grpc.StatusCode.UNAVAILABLE)
    request, rpc = server.expect("IngestService", "BatchIngestEvents")
    answer = ingest_service_pb2.BatchIngestEventsResponse()
    answer.results.add().receipt.event_id = "e-2"
    rpc.terminate(answer, (), OK, "")
    outcomes = sending.result()
    assert [outcome.accepted for outcome in outcomes] == [False, False, True]
    assert isinstance(outcomes[0].error, errors.Unavailable)


def test_a_refused_key_is_raised_not_reported_event_by_event(server: Server) -> None:
    client = server.client()
    event = scoreline.event("signup", lead_id="l")
    sending = server.calling(lambda: client.ingest.send_batch([event]))
    _, rpc = server.expect("IngestService", "BatchIngestEvents")
    refuse(rpc, grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID")
    with pytest.raises(errors.Unauthenticated) as caught:
        sending.result()
    assert caught.value.reason == "CREDENTIAL_INVALID"


def test_an_event_too_large_for_any_call_is_refused_here(server: Server) -> None:
    client = server.client()
    huge = scoreline.event("signup", lead_id="l", properties={"text": "x" * 4_000_000})
    outcomes = client.ingest.send_batch([huge])
    assert isinstance(outcomes[0].error, errors.InvalidRequest)


def change(version: int, token: str) -> notify_service_pb2.WatchScoresResponse:
    message = notify_service_pb2.WatchScoresResponse(resume_token=token)
    message.score_change.lead_id = "l-1"
    message.score_change.version = version
    return message


def test_a_broken_watch_goes_on_after_the_last_token(server: Server) -> None:
    client = server.client()
    watching = client.watch(lead_ids=["l-1"], min_delta=2, heartbeats=True)
    first = server.calling(lambda: next(watching))
    request, rpc = server.expect_watch()
    assert request.resume_token == ""
    rpc.send_response(change(1, "t1"))
    assert first.result().score_change.version == 1
    beat = server.calling(lambda: next(watching))
    rpc.send_response(notify_service_pb2.WatchScoresResponse(resume_token="t2", heartbeat={}))
    assert beat.result().WhichOneof("message") == "heartbeat"
    second = server.calling(lambda: next(watching))
    refuse_stream(rpc, grpc.StatusCode.UNAVAILABLE)
    request, rpc = server.expect_watch()
    assert request.resume_token == "t2"
    assert [*request.lead_ids] == ["l-1"]
    assert request.min_delta == 2
    rpc.send_response(change(2, "t3"))
    assert second.result().score_change.version == 2
    watching.close()


def test_an_expired_token_is_raised(server: Server) -> None:
    watching = server.client().watch(resume_token="old")
    first = server.calling(lambda: next(watching))
    request, rpc = server.expect_watch()
    assert request.resume_token == "old"
    refuse_stream(rpc, grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    with pytest.raises(errors.ResumeTokenExpired):
        first.result()
