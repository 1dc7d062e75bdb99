"""What the bench sends is what it says: the same each time, with its share of late events and of repetitions."""

from __future__ import annotations

from bench.generators import messages
from bench.workload import DUPLICATES, LATE, Happening, happenings, lead_id
from scoreline.ingest.v1.ingest_service_pb2 import BatchIngestEventsRequest, IngestEventRequest

EVENTS = 20_000


def made() -> list[Happening]:
    return list(happenings(EVENTS, 100, "run"))


def test_the_same_events_come_each_time() -> None:
    assert made() == made()


def test_about_so_many_events_are_sent_twice_and_the_rest_are_new() -> None:
    repeated = EVENTS - len({one.event_id for one in made()})

    assert abs(repeated / EVENTS - DUPLICATES) < 0.01


def test_about_so_many_events_happened_before_one_that_was_sent_earlier() -> None:
    seen: set[str] = set()
    newest, late, fresh = 0, 0, 0
    for one in made():
        if one.event_id in seen:
            continue
        seen.add(one.event_id)
        fresh += 1
        late += one.occur_ms < newest
        newest = max(newest, one.occur_ms)

    assert abs(late / fresh - LATE) < 0.01


def test_without_repetitions_every_event_is_new() -> None:
    found = [one.event_id for one in happenings(1_000, 10, "run", duplicates=0)]

    assert len(set(found)) == 1_000


def test_leads_are_those_that_were_asked_for() -> None:
    assert {one.lead_id for one in made()} == {lead_id(number) for number in range(100)}


def test_requests_that_were_put_together_can_be_read() -> None:
    template = messages.unary("r1")

    first, other = (IngestEventRequest.FromString(template.number(number)) for number in (0, 1_001))

    assert (first.event.event_id, first.event.lead_id) == (template.event_id(0), lead_id(0))
    assert (other.event.event_id, other.event.lead_id) == (template.event_id(1_001), lead_id(1))
    assert first.event.properties["page"] == "/pricing"


def test_json_requests_say_how_long_they_are() -> None:
    head, _, body = messages.http("r1", "edge:8080", "key").number(7).partition(b"\r\n\r\n")

    assert f"content-length: {len(body)}".encode() in head.split(b"\r\n")


def test_batches_hold_every_event_once_in_order() -> None:
    events = list(happenings(1_250, 10, "run"))

    batches = [
        BatchIngestEventsRequest.FromString(one).events for one in messages.batches(events, 500)
    ]

    assert [len(batch) for batch in batches] == [500, 500, 250]
    assert [one.event_id for batch in batches for one in batch] == [one.event_id for one in events]
