"""Watching through outages: what is asked next, what is shown, and when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors, watching
from scoreline.client.settings import RetryPolicy
from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest, WatchScoresResponse
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

FAST = RetryPolicy(for_s=5.0, first_wait_s=0.001, max_wait_s=0.01)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def change(version: int, token: str = "") -> WatchScoresResponse:
    message = WatchScoresResponse(resume_token=token or f"t{version}")
    message.score_change.lead_id = "l-1"
    message.score_change.version = version
    return message


def snapshot_lead(lead_id: str, version: int) -> WatchScoresResponse:
    message = WatchScoresResponse()
    message.snapshot_lead.lead_id = lead_id
    message.snapshot_lead.version = version
    return message


def complete(token: str, leads: int) -> WatchScoresResponse:
    message = WatchScoresResponse(resume_token=token)
    message.snapshot_complete.lead_count = leads
    return message


def log_of(count: int, per_stream: int, code: grpc.StatusCode) -> Any:
    """A server that keeps `count` changes, shows a few a stream, and then breaks off."""

    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        begin = int(request.resume_token.removeprefix("t") or 0)
        for version in range(begin + 1, min(begin + per_stream, count) + 1):
            yield change(version)
        if begin + per_stream < count:
            refuse(context, status(code))
        # The live edge: silent until the watcher leaves.
        left = threading.Event()
        context.add_callback(left.set)
        left.wait(30)

    return answer


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
    ],
)
def test_every_change_comes_once_through_many_outages(
    edge: FakeEdge, code: grpc.StatusCode
) -> None:
    edge.on("WatchScores", log_of(20, 3, code))
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(client.watch()) as messages,
    ):
        seen = [next(messages).score_change.version for _ in range(20)]
    assert seen == list(range(1, 21))
    assert len(edge.requests["WatchScores"]) >= 6


async def test_every_change_comes_once_in_an_event_loop(edge: FakeEdge) -> None:
    edge.on("WatchScores", log_of(20, 3, grpc.StatusCode.UNAVAILABLE))
    seen = []
    async with (
        scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as client,
        aclosing(client.watch()) as messages,
    ):
        async for message in messages:
            seen.append(message.score_change.version)
            if len(seen) == 20:
                break
    assert seen == list(range(1, 21))


def test_a_slow_reader_that_was_cut_off_resumes(edge: FakeEdge) -> None:
    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        if not request.resume_token:
            yield change(1)
            refuse(context, status(grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCHER_TOO_SLOW"))
        yield change(2)

    edge.on("WatchScores", answer)
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(client.watch()) as messages,
    ):
        assert [next(messages).score_change.version for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED", errors.ResourceExhausted),
        (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID", errors.Unauthenticated),
        (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID", errors.InvalidRequest),
        (grpc.StatusCode.INTERNAL, "INTERNAL", errors.InternalFailure),
        (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", errors.ResumeTokenExpired),
    ],
)
def test_what_a_new_stream_would_not_mend_is_raised(
    edge: FakeEdge, code: grpc.StatusCode, reason: str, kind: type[Exception]
) -> None:
    edge.on("WatchScores", lambda request, context: refuse(context, status(code, reason)))
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client, pytest.raises(kind):
        next(client.watch(resume_token="t1"))
    assert len(edge.requests["WatchScores"]) == 1


def test_an_expired_token_is_mended_by_a_snapshot_where_asked(edge: FakeEdge) -> None:
    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        if request.resume_token == "old":
            refuse(context, status(grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"))
        assert request.include_snapshot
        yield snapshot_lead("l-1", 7)
        yield complete("t7", 1)
        yield change(8)

    edge.on("WatchScores", answer)
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(client.watch(resume_token="old", resync=True)) as messages,
    ):
        kinds = [next(messages).WhichOneof("message") for _ in range(3)]
    assert kinds == ["snapshot_lead", "snapshot_complete", "score_change"]


def test_a_snapshot_that_breaks_off_starts_again_and_shows_no_lead_twice(edge: FakeEdge) -> None:
    streams: list[int] = []

    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        streams.append(len(streams))
        assert request.include_snapshot
        yield snapshot_lead("l-1", 1)
        yield snapshot_lead("l-2", 1)
        if len(streams) == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE))
        yield snapshot_lead("l-3", 1)
        yield complete("t9", 3)

    edge.on("WatchScores", answer)
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(client.watch(snapshot=True)) as messages,
    ):
        seen = [next(messages) for _ in range(4)]
    assert [one.snapshot_lead.lead_id for one in seen[:3]] == ["l-1", "l-2", "l-3"]
    assert seen[3].snapshot_complete.lead_count == 3


def test_a_lead_that_changed_between_two_attempts_of_a_snapshot_is_shown_again() -> None:
    position = watching.WatchPosition(WatchScoresRequest(include_snapshot=True), resync=False)
    assert position.take(snapshot_lead("l-1", 1))
    assert not position.take(snapshot_lead("l-1", 1))
    assert position.take(snapshot_lead("l-1", 2))
    # After the snapshot a token says where to go on, and no snapshot is asked for again.
    position.take(complete("t3", 1))
    assert position.request().resume_token == "t3"
    assert not position.request().include_snapshot


def test_an_outage_that_lasts_too_long_is_raised(edge: FakeEdge) -> None:
    edge.on(
        "WatchScores", lambda request, context: refuse(context, status(grpc.StatusCode.UNAVAILABLE))
    )
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        pytest.raises(errors.Unavailable),
    ):
        next(client.watch(give_up_after_s=0.05))
    assert len(edge.requests["WatchScores"]) > 1


def mute_once(versions: list[int]) -> Any:
    """A server whose first stream falls silent after a change, and whose second goes on."""

    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        yield change(versions[0] if not request.resume_token else versions[1])
        left = threading.Event()
        context.add_callback(left.set)
        left.wait(30)

    return answer


def test_a_silent_stream_is_opened_anew(edge: FakeEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SILENCE_MIN_S", 0.2)
    edge.on("WatchScores", mute_once([1, 2]))
    with (
        scoreline.Client(edge.target, API_KEY, retry=FAST) as client,
        closing(client.watch(heartbeat_s=0.01)) as messages,
    ):
        assert [next(messages).score_change.version for _ in range(2)] == [1, 2]


async def test_a_silent_stream_is_opened_anew_in_an_event_loop(
    edge: FakeEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENCE_MIN_S", 0.2)
    edge.on("WatchScores", mute_once([1, 2]))
    async with (
        scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as client,
        aclosing(client.watch(heartbeat_s=0.01)) as messages,
    ):
        seen = [(await anext(messages)).score_change.version for _ in range(2)]
    assert seen == [1, 2]


def test_closing_a_watch_ends_its_stream(edge: FakeEdge) -> None:
    ended = threading.Event()

    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        context.add_callback(ended.set)
        yield change(1)
        ended.wait(30)

    edge.on("WatchScores", answer)
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        messages = client.watch()
        next(messages)
        messages.close()
        assert ended.wait(10)


def test_heartbeats_are_shown_on_demand(edge: FakeEdge) -> None:
    def answer(request: WatchScoresRequest, context: Any) -> Iterator[WatchScoresResponse]:
        yield WatchScoresResponse(resume_token="t0", heartbeat={})
        yield change(1)

    edge.on("WatchScores", answer)
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        with closing(client.watch()) as quiet:
            assert next(quiet).WhichOneof("message") == "score_change"
        with closing(client.watch(heartbeats=True)) as all_of_it:
            assert next(all_of_it).WhichOneof("message") == "heartbeat"


def test_a_snapshot_and_a_token_exclude_each_other(edge: FakeEdge) -> None:
    with (
        scoreline.Client(edge.target, API_KEY) as client,
        pytest.raises(ValueError, match="not with both"),
    ):
        client.watch(snapshot=True, resume_token="t")
