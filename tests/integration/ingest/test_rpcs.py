"""The three RPCs of a real process: what is answered, and what is in the stream then."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import code_pb2

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2 as pb
from services.shared.publishing import FEW_MESSAGES_MAX
from stack import Stack
from tests.integration.ingest.support import Client, StoredEvents, accepted, connected, event
from tests.support.eventually import eventually_async
from tests.support.grpc_calls import refused

pytestmark = pytest.mark.xdist_group("ingest")


@pytest.fixture
def tag() -> str:
    """Keeps the event ids of a test apart from those of others."""
    return uuid.uuid4().hex[:12]


async def test_an_acknowledged_event_is_in_the_stream(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    sent = event(tag, type="Page View", email="", lead_id="", external_id="crm 7", source="web")
    sent.properties.update({"page": "/pricing"})
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    receipt = await client.send(sent, ("x-request-id", f"req-{tag}"), ("traceparent", traceparent))
    assert (receipt.event_id, receipt.duplicate) == (tag, False)
    (message,) = await stored.messages([tag])
    found = accepted(message)
    assert message.subject.startswith(f"events.{found.project_id}.")
    assert found.subject == "external:crm 7"
    assert found.event.type == "page_view"
    assert found.event.properties == sent.properties
    assert found.event.occur_time == receipt.occur_time == found.accept_time
    assert (found.request_id, found.traceparent) == (f"req-{tag}", traceparent)


async def test_a_repetition_is_a_duplicate_and_is_stored_once(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    assert not (await client.send(event(tag))).duplicate
    # Without an occur_time, accepted at another time, spelled otherwise: still the same event.
    assert (await client.send(event(tag, type="PAGE_VIEW"))).duplicate
    assert await stored.count([tag]) == 1


async def test_of_a_conflict_both_reach_scoring(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    assert not (await client.send(event(tag))).duplicate
    assert not (await client.send(event(tag, type="signup"))).duplicate
    assert await stored.count([tag]) == 2


async def test_everything_wrong_with_an_event_is_said_at_once(client: Client) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        await client.send(event_pb2.Event(type="?", email="nobody", source="x" * 65))
    assert said[0].fields == ["event.event_id", "event.type", "event.email", "event.source"]


async def test_without_a_key_nothing_is_taken(
    ingest: Stack, stored: StoredEvents, tag: str
) -> None:
    async with grpc.aio.insecure_channel(ingest.service_target("ingest")) as channel:
        stranger = Client(channel, "sl_aaaaaaaa_" + "A" * 32)
        with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID"):
            await stranger.send(event(tag))
        stream = stranger.open_stream()
        with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID"):
            await stream.read()
    assert await stored.count([tag]) == 0


async def test_one_bad_event_never_fails_its_batch(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    events = [event(f"{tag}-{number}") for number in range(5)]
    events[3].type = ""
    answer = await client.send_batch(events)
    assert (answer.accepted_count, answer.rejected_count) == (4, 1)
    outcomes = [result.WhichOneof("outcome") for result in answer.results]
    assert outcomes == ["receipt"] * 3 + ["error", "receipt"]
    assert answer.results[3].error.code == code_pb2.INVALID_ARGUMENT
    assert "events[3].type" in answer.results[3].error.message
    assert await stored.count(one.event_id for one in events) == 4


async def test_a_batch_with_an_event_that_another_process_stored_is_stored_singly(
    ingest: Stack, client: Client, stored: StoredEvents, tag: str
) -> None:
    other = await asyncio.to_thread(ingest.add, "ingest")
    async with connected(ingest, other) as another:
        await another.send(event(f"{tag}-1"))
    ids = [f"{tag}-{number}" for number in range(FEW_MESSAGES_MAX + 1)]
    answer = await client.send_batch(map(event, ids))
    assert [one.receipt.duplicate for one in answer.results] == [id_ == ids[1] for id_ in ids]
    messages = await stored.messages(ids)
    assert len(messages) == len(ids)
    assert not any("Nats-Batch-Id" in (one.headers or {}) for one in messages)


async def test_a_duplicate_in_a_batch_is_told_and_stored_once(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    await client.send(event(f"{tag}-1"))
    answer = await client.send_batch(event(f"{tag}-{number}") for number in range(3))
    assert [one.receipt.duplicate for one in answer.results] == [False, True, False]
    assert answer.accepted_count == 3
    assert await stored.count(f"{tag}-{number}" for number in range(3)) == 3


async def test_the_same_event_twice_in_a_batch_counts_once(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    others = [event(f"{tag}-{number}") for number in range(FEW_MESSAGES_MAX)]
    answer = await client.send_batch([event(tag), *others, event(tag)])
    found = [one.receipt.duplicate for one in answer.results]
    assert found == [False] * (1 + FEW_MESSAGES_MAX) + [True]
    assert await stored.count([tag]) == 1
    (message, *_) = await stored.messages([tag])
    assert message.headers
    assert "Nats-Batch-Id" in message.headers, "the repetition made the broker refuse the batch"


async def test_conflicting_events_in_a_batch_both_reach_scoring(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    answer = await client.send_batch([event(tag), event(tag, type="signup")])
    assert [one.receipt.duplicate for one in answer.results] == [False, False]
    assert await stored.count([tag]) == 2


@pytest.mark.parametrize("count", [0, 1001])
async def test_batches_have_a_size(client: Client, tag: str, count: int) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        await client.send_batch(event(f"{tag}-{number}") for number in range(count))
    assert said[0].fields == ["events"]


async def test_a_thousand_events_in_one_call(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    ids = [f"{tag}-{number}" for number in range(1000)]
    answer = await client.send_batch(event(id_) for id_ in ids)
    assert [one.receipt.event_id for one in answer.results] == ids
    messages = await stored.messages(ids)
    assert [accepted(one).event.event_id for one in messages] == ids


async def test_concurrent_callers_share_fsyncs(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    callers = [
        [f"{tag}-{caller}-{number}" for number in range(FEW_MESSAGES_MAX + 1)]
        for caller in range(64)
    ]
    answers = await asyncio.gather(*(client.send_batch(map(event, ids)) for ids in callers))
    assert [[one.receipt.event_id for one in answer.results] for answer in answers] == callers
    ids = [id_ for own in callers for id_ in own]
    messages = await stored.messages(ids)
    assert len(messages) == len(ids)
    commits = {
        (one.headers or {}).get("Nats-Batch-Id") or accepted(one).event.event_id for one in messages
    }
    # On an idle machine about 5; one that is busy lets the callers in a few at a time.
    assert len(commits) <= 32


async def test_a_stream_is_answered_in_order_to_its_end(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    count, bad = 3_000, 1_234

    async def events() -> AsyncIterator[pb.StreamEventsRequest]:
        for number in range(count):
            sent = event(f"{tag}-{number}")
            if number == bad:
                sent.type = ""
            yield pb.StreamEventsRequest(event=sent)

    answers = [
        answer async for answer in client.stub.StreamEvents(events(), metadata=client.metadata)
    ]
    assert [one.sequence for one in answers] == list(range(1, count + 1))
    assert answers[bad].result.error.code == code_pb2.INVALID_ARGUMENT
    assert "event.type" in answers[bad].result.error.message
    ids = [f"{tag}-{number}" for number in range(count) if number != bad]
    receipts = [one.result.receipt for one in answers if one.result.HasField("receipt")]
    assert [one.event_id for one in receipts] == ids
    assert await stored.count(ids) == len(ids)


async def test_a_stream_answers_each_event_without_waiting_for_the_end(
    client: Client, tag: str
) -> None:
    stream = client.open_stream()
    for number in range(3):
        await stream.write(pb.StreamEventsRequest(event=event(f"{tag}-{number}")))
        answer = await stream.read()
        assert answer.result.receipt.event_id == f"{tag}-{number}"
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() == grpc.StatusCode.OK


async def test_a_cancelled_stream_harms_nobody(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    stream = client.open_stream()
    for number in range(50):
        await stream.write(pb.StreamEventsRequest(event=event(f"{tag}-gone-{number}")))
    await stream.read()
    stream.cancel()
    others = [client.send(event(f"{tag}-{number}")) for number in range(20)]
    assert all(not one.duplicate for one in await asyncio.gather(*others))

    async def first_is_stored() -> bool:
        return await stored.count([f"{tag}-gone-0"]) == 1

    await eventually_async(first_is_stored)


async def test_a_caller_whose_time_is_up_gets_no_acknowledgement(client: Client, tag: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.send(event(tag), timeout_s=0.000_1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await client.send(event(f"{tag}-next"))).event_id == f"{tag}-next"
