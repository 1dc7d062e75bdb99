"""Requests as bytes: serialised once, an event id of fixed length put in for each."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bench.workload import Happening, lead_id, to_event
from scoreline.ingest.v1.ingest_service_pb2 import BatchIngestEventsRequest, IngestEventRequest

PLACE = "unary-########-########"
"""Stands for an event id, which has as many characters."""

LEADS = 1_000
"""Leads that take turns."""

OCCUR_MS = 1_772_000_000_000


class Template:
    """Requests that differ in lead and event id only. `make` gives the whole one of a lead."""

    def __init__(self, make: Callable[[str], bytes], run: str) -> None:
        self._parts = [make(lead_id(number)).split(PLACE.encode()) for number in range(LEADS)]
        self._run = run[:8].rjust(8, "0")

    def number(self, number: int) -> bytes:
        """The request with the id of that number."""
        before, after = self._parts[number % LEADS]
        return before + self.event_id(number).encode() + after

    def event_id(self, number: int) -> str:
        """The id of that number."""
        return f"unary-{self._run}-{number:08d}"


def unary(run: str) -> Template:
    """IngestEventRequests."""

    def make(lead: str) -> bytes:
        event = to_event(Happening(PLACE, "page_view", lead, OCCUR_MS, "/pricing"))
        return IngestEventRequest(event=event).SerializeToString()

    return Template(make, run)


def http(run: str, host: str, api_key: str) -> Template:
    """Whole HTTP/1.1 requests with an event as JSON."""

    def make(lead: str) -> bytes:
        event = {
            "event_id": PLACE,
            "type": "page_view",
            "lead_id": lead,
            "occur_time": datetime.fromtimestamp(OCCUR_MS / 1000, UTC).isoformat(),
            "source": "website",
            "properties": {"page": "/pricing", "visit": 3},
        }
        body = json.dumps(event).encode()
        head = (
            f"POST /v1/events HTTP/1.1\r\nhost: {host}\r\nx-api-key: {api_key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    return Template(make, run)


def batches(events: Iterable[Happening], size: int) -> list[bytes]:
    """BatchIngestEventsRequests."""
    made: list[bytes] = []
    request = BatchIngestEventsRequest()
    for one in events:
        request.events.append(to_event(one))
        if len(request.events) == size:
            made.append(request.SerializeToString())
            request = BatchIngestEventsRequest()
    if request.events:
        made.append(request.SerializeToString())
    return made
