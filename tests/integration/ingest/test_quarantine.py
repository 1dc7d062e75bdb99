"""QuarantineService of a real process: from the QUARANTINE stream into its tables, out by RPC, and back into EVENTS."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.events.v1.event_pb2 import AcceptedEvent, Event
from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1 import quarantine_service_pb2_grpc
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.shared.bus import Bus, subject_token
from services.shared.publishing import OutgoingMessage, publish_one
from stack import Stack
from tests.support import streams
from tests.support.eventually import eventually
from tests.support.grpc_calls import Keyed, channel, refused
from tests.support.projects import TestProject, knows, new_project

pytestmark = pytest.mark.xdist_group("ingest")

CONNECT_TIMEOUT_S = 10
SEEN = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class Desk:
    """A project, its quarantine, and the broker."""

    project: TestProject
    quarantine: Keyed
    bus: Bus
    nats_url: str

    async def tell(self, **fields: object) -> QuarantinedMessage:
        """What scoring says when it can't process a message."""
        given = {
            "project_id": self.project.project_id,
            "reason": pb.QUARANTINE_REASON_POISON,
            "stream": "EVENTS",
            "last_seen_time": SEEN,
        }
        said = QuarantinedMessage(**{**given, **fields})  # type: ignore[arg-type]
        await self.tell_raw(said.SerializeToString())
        return said

    async def tell_raw(self, payload: bytes) -> None:
        subject = f"quarantine.{self.project.project_id}.poison"
        await publish_one(self.bus, OutgoingMessage(subject, payload, uuid.uuid4().hex))

    def listed(self, **filters: object) -> list[pb.QuarantinedItem]:
        which = pb.QuarantineFilter(**filters)  # type: ignore[arg-type]
        request = pb.ListQuarantinedRequest(filter=which)
        return list(self.quarantine.ListQuarantined(request).items)

    def whole(self, item_id: str) -> pb.QuarantinedItem:
        found: pb.QuarantinedItem = self.quarantine.GetQuarantined(
            pb.GetQuarantinedRequest(item_id=item_id)
        ).item
        return found

    async def events(self) -> list[streams.Stored]:
        return await streams.stored(self.nats_url, "EVENTS", f"events.{self.project.project_id}.>")


@pytest.fixture(scope="module")
def running(ingest: Stack) -> Iterator[grpc.Channel]:
    with channel(ingest.service_target("ingest")) as opened:
        yield opened


@pytest.fixture
async def desk(ingest: Stack, running: grpc.Channel) -> AsyncIterator[Desk]:
    project = new_project(ingest, "quarantine")
    assert eventually(lambda: knows(ingest, "ingest", project.api_key))
    bus = await Bus.connect(ingest.nats_url, "test-quarantine", CONNECT_TIMEOUT_S)
    stub = quarantine_service_pb2_grpc.QuarantineServiceStub(running)
    yield Desk(project, Keyed(stub, project.api_key), bus, ingest.nats_url)
    await bus.close()


def accepted(project: TestProject, event_id: str) -> bytes:
    return AcceptedEvent(
        project_id=project.project_id,
        event=Event(event_id=event_id, type="page_view", email="ada@example.com"),
        subject="email:ada@example.com",
        payload_hash=b"0" * 32,
    ).SerializeToString()


def stamp(instant: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(instant)
    return found


async def test_what_scoring_can_not_process_is_listed_with_its_reason_and_bytes(
    desk: Desk,
) -> None:
    said = await desk.tell(event_id="e1", payload=b"\x00\xff", detail="it always fails")
    (short,) = eventually(desk.listed)
    assert (short.reason, short.event_id) == (pb.QUARANTINE_REASON_POISON, "e1")
    assert (short.detail, short.size_bytes, short.payload) == ("it always fails", 2, b"")
    assert short.first_seen_time == short.last_seen_time == said.last_seen_time
    assert desk.whole(short.item_id).payload == b"\x00\xff"

    await desk.tell(event_id="e1", payload=b"\x00\xff", detail="it always fails")
    eventually(lambda: desk.listed()[0].seen_count == 2)
    counts = desk.quarantine.CountQuarantined(pb.CountQuarantinedRequest()).counts
    assert [(one.reason, one.item_count, one.seen_count) for one in counts] == [
        (pb.QUARANTINE_REASON_POISON, 1, 2)
    ]


async def test_counts_from_before_are_carried_over(desk: Desk) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    await desk.tell(event_id="e1", payload=b"x", first_seen_time=first, seen_count=41)
    (item,) = eventually(desk.listed)
    assert (item.seen_count, item.first_seen_time) == (41, stamp(first))


async def test_a_message_that_says_nothing_is_in_quarantine_itself(desk: Desk) -> None:
    await desk.tell_raw(b"\xff\xff not protobuf")
    await desk.tell(reason=99, payload=b"of a newer release")
    await desk.tell(event_id="e1", payload=b"fine")
    found = eventually(lambda: _three(desk.listed()))
    reasons = sorted(item.reason for item in found)
    assert reasons == [
        pb.QUARANTINE_REASON_UNDECODABLE,
        pb.QUARANTINE_REASON_UNDECODABLE,
        pb.QUARANTINE_REASON_POISON,
    ]


def _three(items: list[pb.QuarantinedItem]) -> list[pb.QuarantinedItem]:
    return items if len(items) == 3 else []


async def test_a_redriven_event_is_in_the_stream_again_and_counted_on_when_it_comes_back(
    desk: Desk,
) -> None:
    payload = accepted(desk.project, "e1")
    await desk.tell(event_id="e1", payload=payload)
    (item,) = eventually(desk.listed)
    request = pb.RedriveQuarantinedRequest(item_id=item.item_id)
    answer = desk.quarantine.RedriveQuarantined(request)
    assert answer == pb.RedriveQuarantinedResponse(redriven_count=1)
    assert desk.listed() == []
    (event,) = await desk.events()
    token = subject_token("email:ada@example.com")
    assert (event.subject, event.payload) == (f"events.{desk.project.project_id}.{token}", payload)

    await desk.tell(event_id="e1", payload=payload)
    (back,) = eventually(desk.listed)
    assert (back.item_id, back.seen_count) == (item.item_id, 2)
    # Once more, at once: the broker does not take it for a copy.
    assert desk.quarantine.RedriveQuarantined(request).redriven_count == 1
    assert len(await desk.events()) == 2


async def test_redriving_what_never_was_an_event(desk: Desk) -> None:
    await desk.tell(payload=b"an activation", stream="RULES")
    await desk.tell(payload=b"\xff nonsense")
    eventually(lambda: len(desk.listed()) == 2)
    request = pb.RedriveQuarantinedRequest(filter=pb.QuarantineFilter())
    answer = desk.quarantine.RedriveQuarantined(request)
    assert (answer.redriven_count, answer.failed_count) == (1, 1)
    assert "RULES" in answer.first_failure
    assert [one.payload for one in await desk.events()] == [b"\xff nonsense"]
    assert len(desk.listed()) == 1


async def test_pages_and_filters(desk: Desk) -> None:
    for number in range(5):
        seen = SEEN.replace(minute=number)
        await desk.tell(event_id=f"e{number}", payload=b"%d" % number, last_seen_time=seen)
    eventually(lambda: len(desk.listed()) == 5)
    found, token = [], ""
    while True:
        request = pb.ListQuarantinedRequest(page_size=2, page_token=token)
        page = desk.quarantine.ListQuarantined(request)
        found += [item.event_id for item in page.items]
        token = page.next_page_token
        if not token:
            break
    assert found == ["e4", "e3", "e2", "e1", "e0"]
    assert [one.event_id for one in desk.listed(event_id="e2")] == ["e2"]
    late = desk.listed(seen_after=SEEN.replace(minute=3))
    assert [one.event_id for one in late] == ["e4", "e3"]
    assert desk.listed(reason=pb.QUARANTINE_REASON_CONFLICT) == []


async def test_discarding(desk: Desk) -> None:
    for number in range(3):
        await desk.tell(event_id=f"e{number}", payload=b"%d" % number)
    eventually(lambda: len(desk.listed()) == 3)
    (one,) = desk.listed(event_id="e1")
    request = pb.DiscardQuarantinedRequest(item_id=one.item_id)
    assert desk.quarantine.DiscardQuarantined(request).discarded_count == 1
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        desk.quarantine.DiscardQuarantined(request)
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        desk.whole(one.item_id)
    everything = pb.DiscardQuarantinedRequest(filter=pb.QuarantineFilter())
    answer = desk.quarantine.DiscardQuarantined(everything)
    assert (answer.discarded_count, answer.more) == (2, False)
    assert desk.listed() == []


FAR = Timestamp(seconds=10**12)


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetQuarantined", pb.GetQuarantinedRequest(), "item_id"),
        ("RedriveQuarantined", pb.RedriveQuarantinedRequest(), "item_id"),
        (
            "RedriveQuarantined",
            pb.RedriveQuarantinedRequest(item_id="x", filter=pb.QuarantineFilter()),
            "item_id",
        ),
        ("DiscardQuarantined", pb.DiscardQuarantinedRequest(), "item_id"),
        ("ListQuarantined", pb.ListQuarantinedRequest(page_size=-1), "page_size"),
        ("ListQuarantined", pb.ListQuarantinedRequest(page_token="x"), "page_token"),
        (
            "ListQuarantined",
            pb.ListQuarantinedRequest(filter=pb.QuarantineFilter(reason=99)),  # type: ignore[arg-type]
            "filter.reason",
        ),
        (
            "ListQuarantined",
            pb.ListQuarantinedRequest(filter=pb.QuarantineFilter(event_id="e" * 129)),
            "filter.event_id",
        ),
        (
            "ListQuarantined",
            pb.ListQuarantinedRequest(filter=pb.QuarantineFilter(seen_after=FAR)),
            "filter.seen_after",
        ),
    ],
)
async def test_bad_requests_name_the_field(
    desk: Desk, method: str, request_: object, field: str
) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        getattr(desk.quarantine, method)(request_)
    assert said[0].fields == [field]


async def test_odd_texts_find_nothing(desk: Desk) -> None:
    assert desk.listed(event_id="a\x00b") == []
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        desk.whole("\x00")
