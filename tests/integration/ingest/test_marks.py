"""Suspect events in the stream: marked, kept, and the same events when they are judged otherwise a second time."""

from __future__ import annotations

import uuid

import pytest

from scoreline.events.v1 import event_pb2
from services.shared import structs
from tests.integration.ingest.support import Client, StoredEvents, accepted, event

pytestmark = pytest.mark.xdist_group("ingest")

OCCURRED_S = 1_780_000_000


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex[:12]


def click(tag: str, number: int, after_ms: int) -> event_pb2.Event:
    made = event(f"{tag}-{number}", type="email_click", lead_id=tag)
    made.occur_time.FromMilliseconds(OCCURRED_S * 1000 + after_ms)
    made.properties.update({"url": f"https://example.com/{number}"})
    return made


async def marked(stored: StoredEvents, tag: str, count: int) -> list[bool]:
    """Which of the events have the mark, in their order; each is there once."""
    messages = [accepted(one) for one in await stored.messages(f"{tag}-{n}" for n in range(count))]
    assert sorted(one.event.event_id for one in messages) == [f"{tag}-{n}" for n in range(count)]
    properties = {one.event.event_id: structs.to_dict(one.event.properties) for one in messages}
    return [properties[f"{tag}-{n}"].get("suspect", False) for n in range(count)]


async def test_a_scanners_clicks_that_come_together_are_all_marked(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    answer = await client.send_batch(
        [click(tag, n, 100 * n) for n in range(3)] + [click(tag, 3, 9000)]
    )
    assert answer.accepted_count == 4
    assert await marked(stored, tag, 4) == [True, True, True, False]


async def test_one_by_one_the_third_is_marked_and_repetitions_are_duplicates(
    client: Client, stored: StoredEvents, tag: str
) -> None:
    clicks = [click(tag, n, 100 * n) for n in range(3)]
    for one in clicks:
        assert not (await client.send(one)).duplicate
    # The first two would now be judged as the third was.
    for one in clicks:
        assert (await client.send(one)).duplicate
    assert await marked(stored, tag, 3) == [False, False, True]
