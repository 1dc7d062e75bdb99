"""The events that everything is measured with: the suite and peers get the same, and the same seed gives the same
events. Types as a B2B site's visitors cause them; most happen just now, some late, and some are sent twice."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from scoreline.events.v1.event_pb2 import Event

TYPES = {
    "page_view": 50,
    "email_open": 20,
    "email_click": 10,
    "download": 8,
    "form_submit": 5,
    "webinar_attended": 3,
    "demo_request": 2,
    "unsubscribe": 2,
}
"""By weight."""

DUPLICATES = 0.10
LATE = 0.05
LATE_S_MAX = 3 * 86_400
"""So long before its turn a late event happened at most."""

BEGIN_S = 1_772_000_000
"""When the first of them happens: in the past, so that none is from the future."""
STEP_MS = 50
"""From one event to the next."""

SEED = 1

PAGES = ("/", "/pricing", "/docs", "/blog/lead-scoring", "/customers", "/security")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, as plain values."""

    event_id: str
    type: str
    lead_id: str
    occur_ms: int
    page: str


def lead_id(number: int) -> str:
    """The id of a lead, of the same length for all."""
    return f"lead-{number:07d}"


def happenings(
    events: int, leads: int, run: str, duplicates: float = DUPLICATES, before: int = 0
) -> Iterator[Happening]:
    """That many events over so many leads, those included that are sent a second time. `run` begins their ids. So many
    happened before them: else all events of leads that have some already would be late."""
    chance = random.Random(SEED)
    sent: list[Happening] = []
    kinds, weights = list(TYPES), list(TYPES.values())
    for number in range(events):
        if sent and chance.random() < duplicates:
            yield sent[int(chance.random() * len(sent))]
            continue
        at = BEGIN_S * 1000 + (before + number) * STEP_MS
        if chance.random() < LATE:
            at -= int(chance.random() * LATE_S_MAX * 1000)
        one = Happening(
            event_id=f"{run}-{number:08d}",
            type=chance.choices(kinds, weights)[0],
            lead_id=lead_id(int(chance.random() * leads)),
            occur_ms=at,
            page=chance.choice(PAGES),
        )
        sent.append(one)
        yield one


def to_event(one: Happening) -> Event:
    """As the suite takes it."""
    event = Event(event_id=one.event_id, type=one.type, lead_id=one.lead_id, source="website")
    event.occur_time.seconds, rest_ms = divmod(one.occur_ms, 1000)
    event.occur_time.nanos = rest_ms * 1_000_000
    event.properties["page"] = one.page
    event.properties["visit"] = 3
    return event
