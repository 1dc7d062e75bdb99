"""The doors that take several events, from the body to the answer: nothing is converted before it is counted, no call
waits for another's large body, and whatever a body says is answered with what the caller can read."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st

from scoreline.events.v1.cloud_event_pb2 import CloudEvent, CloudEventBatch
from scoreline.events.v1.event_pb2 import Event
from scoreline.ingest.v1 import ingest_service_pb2 as pb
from services.ingest import cloud_events, convert, tracking
from services.ingest.domain.json_values import SEPARATORS_MAX
from services.ingest.handlers import BATCH_EVENTS_MAX, IngestHandlers
from services.ingest.marking import EventMarks
from services.ingest.ports import Outcome, Stored
from services.ingest.servicer import READ_AT_ONCE_BYTES_MAX, IngestServicer
from services.shared import context as call_context
from services.shared.errors import InvalidFields, ServiceError, to_status
from services.shared.publishing import OutgoingMessage

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]
MANY = BATCH_EVENTS_MAX + 1


class FixedClock:
    def now(self) -> datetime:
        return NOW


class Intake:
    """Everything is durable at once."""

    def submit(self, messages: Sequence[OutgoingMessage]) -> asyncio.Future[list[Outcome]]:
        future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        future.set_result([Stored.NEW] * len(messages))
        return future


class Call:
    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("user-agent", "Mozilla/5.0"),)


def servicer() -> IngestServicer:
    call_context.enter(
        call_context.Request("r1", "", ""), call_context.Caller("p1", "k1", frozenset())
    )
    return IngestServicer(IngestHandlers(Intake(), convert.message, FixedClock(), EventMarks()))


def body(content: bytes, kind: str = "text/plain") -> HttpBody:
    return HttpBody(content_type=kind, data=content)


Send = Callable[[IngestServicer], Awaitable[Any]]


def track(content: bytes) -> Send:
    return lambda door: door.Track(pb.TrackRequest(body=body(content)), Call())  # type: ignore[arg-type]


def receive(content: bytes, kind: str) -> Send:
    request = pb.ReceiveCloudEventsRequest(body=body(content, kind))
    return lambda door: door.ReceiveCloudEvents(request, Call())  # type: ignore[arg-type]


TOO_MANY: dict[str, Send] = {
    "events": lambda door: door.BatchIngestEvents(
        pb.BatchIngestEventsRequest(events=[Event()] * MANY),
        Call(),  # type: ignore[arg-type]
    ),
    "CloudEvents": lambda door: door.BatchIngestCloudEvents(
        pb.BatchIngestCloudEventsRequest(events=[CloudEvent()] * MANY),
        Call(),  # type: ignore[arg-type]
    ),
    "CloudEvents in JSON": receive(b"[" + b"1," * MANY + b"1]", cloud_events.JSON_BATCH),
    "CloudEvents in protobuf": receive(
        CloudEventBatch(events=[CloudEvent()] * MANY).SerializeToString(),
        cloud_events.PROTOBUF_BATCH,
    ),
    "a page's": track(b'{"events": [' + b"1," * tracking.EVENTS_MAX + b"1]}"),
}


@pytest.mark.parametrize("name", TOO_MANY)
async def test_too_many_events_are_refused_before_one_is_converted(name: str) -> None:
    with (
        mock.patch.object(convert, "incoming", side_effect=AssertionError("converted")),
        mock.patch.object(cloud_events, "_each", side_effect=AssertionError("converted")),
        mock.patch.object(tracking, "_event", side_effect=AssertionError("converted")),
        pytest.raises(InvalidFields) as refused,
    ):
        await TOO_MANY[name](servicer())
    assert [violation.field for violation in refused.value.violations] == ["events"]


@pytest.mark.parametrize("kind", [cloud_events.JSON, cloud_events.JSON_BATCH])
@pytest.mark.parametrize("values", [b"1,", b"[],", b'{"a":1},'])
async def test_a_body_of_too_many_values_is_not_parsed(kind: str, values: bytes) -> None:
    content = b"[" + values * SEPARATORS_MAX + b"1]"
    with (
        mock.patch.object(json, "loads", side_effect=AssertionError("parsed")),
        pytest.raises(InvalidFields, match="commas"),
    ):
        await receive(content, kind)(servicer())


@pytest.mark.parametrize(("longer", "in_loop"), [(0, True), (1, False)])
async def test_large_bodies_are_read_beside_other_calls(longer: int, in_loop: bool) -> None:
    threads: list[threading.Thread] = []
    parsed = tracking.parsed

    def watched(content: HttpBody) -> tracking.Page:
        threads.append(threading.current_thread())
        return parsed(content)

    content = b'{"events": [1]}'.ljust(READ_AT_ONCE_BYTES_MAX + longer)
    with mock.patch.object(tracking, "parsed", watched):
        await track(content)(servicer())
    assert [thread is threading.main_thread() for thread in threads] == [in_loop]


async def answer(send: Send) -> list[int]:
    """The codes of the whole and of each event, as they go out."""
    try:
        found = await send(servicer())
    except ServiceError as error:
        return [to_status(error).code]
    found.SerializeToString()
    return [result.error.code for result in found.results]


async def test_a_half_character_in_a_name_is_that_events_fault_alone() -> None:
    good = '{"event_id": "1", "type": "signup", "lead_id": "l"}'
    content = f'{{"events": [{good}, {{"\\ud800": 1}}, {{"lead_id": "\\ud800"}}]}}'
    assert await answer(track(content.encode())) == [0, INVALID_ARGUMENT, INVALID_ARGUMENT]
    content = '[{"id": "1", "source": "/\\ud800", "type": "signup", "specversion": "1.0"}, {"\\udfff": []}]'
    found = await answer(receive(content.encode(), cloud_events.JSON_BATCH))
    assert found == [INVALID_ARGUMENT] * 2


# Halves of characters included, which JSON can write and nothing else.
ANY_TEXT = st.text(max_size=6) | st.text(st.sampled_from("a\ud800\udfff\0"), max_size=6)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["event_id", "type", "lead_id", "email", "anonymous_id", "occur_time", "source", "properties"]
)
ATTRIBUTES = st.sampled_from(
    ["id", "source", "type", "subject", "time", "data", "data_base64", "datacontenttype", "leadid"]
)
EVENT = {"event_id": "1", "type": "signup", "lead_id": "l"}
CLOUD_EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "leadid": "l"}


@given(st.dictionaries(FIELDS | ANY_TEXT, ANY_JSON, max_size=3), ANY_JSON)
def test_whatever_a_page_sends_is_answered(fields: dict[str, Any], sent: Any) -> None:
    content = json.dumps({"events": [EVENT | fields, fields], "sent_time": sent})
    assert set(asyncio.run(answer(track(content.encode())))) <= {0, INVALID_ARGUMENT}


@given(st.dictionaries(ATTRIBUTES | ANY_TEXT, ANY_JSON, max_size=3))
def test_whatever_a_cloud_event_has_is_answered(fields: dict[str, Any]) -> None:
    whole = json.dumps(CLOUD_EVENT | fields).encode()
    several = json.dumps([CLOUD_EVENT | fields, fields]).encode()
    for send in (
        receive(whole, cloud_events.JSON),
        receive(several, cloud_events.JSON_BATCH),
        receive(whole, "application/json"),
    ):
        assert set(asyncio.run(answer(send))) <= {0, INVALID_ARGUMENT}
