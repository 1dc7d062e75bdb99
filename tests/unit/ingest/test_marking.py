"""What the properties of an event tell, and what the mark does to it: one property more, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA, is_crawler

from scoreline.events.v1 import event_pb2
from services.ingest import convert, crawlers
from services.ingest.domain.events import AcceptedEvent, Origin, accept
from services.ingest.marking import EventMarks
from services.shared import structs

ORIGIN = Origin("p1", "r1", "")
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NOW_US = 1_749_988_800_000_000


def event(type_: str = "page_view", occur_s: float = 0, **properties: Any) -> AcceptedEvent:
    sent = event_pb2.Event(event_id=f"e-{type_}-{occur_s}", type=type_, lead_id="L1")
    sent.occur_time.FromMicroseconds(round((1_749_000_000 + occur_s) * 1e6))
    if properties:
        sent.properties.update(properties)
    return accept(convert.incoming(sent), NOW_US)


def marks(*events: AcceptedEvent, origin: Origin = ORIGIN) -> list[bool]:
    judged = EventMarks()(origin, list(events))
    assert [replace(one, suspect=False) for one in judged] == list(events)
    return [one.suspect for one in judged]


@pytest.mark.parametrize("name", ["user_agent", "userAgent", "useragent"])
def test_a_crawler_in_the_properties_is_marked(name: str) -> None:
    assert marks(event(**{name: GOOGLEBOT}), event(**{name: FIREFOX}), event()) == [
        True,
        False,
        False,
    ]


def test_the_browser_of_the_request_speaks_for_events_that_name_none() -> None:
    crawler = replace(ORIGIN, user_agent=GOOGLEBOT)
    person = replace(ORIGIN, user_agent=FIREFOX)
    events = (event(), event(user_agent=FIREFOX), event(user_agent=GOOGLEBOT))
    assert marks(*events, origin=crawler) == [True, False, True]
    assert marks(*events, origin=person) == [False, False, True]


@pytest.mark.parametrize("said", [True, False, "maybe"])
def test_what_says_so_itself_is_left_alone(said: object) -> None:
    assert marks(event(user_agent=GOOGLEBOT, suspect=said)) == [False]
    burst = [event("click", 0.1 * number, url=str(number), suspect=said) for number in range(3)]
    assert marks(*burst) == [False] * 3


def test_scanners_are_marked() -> None:
    assert marks(*[event("click", 0.1 * number, url=str(number)) for number in range(3)]) == [
        True,
        True,
        True,
    ]
    assert marks(
        event("email_delivered", 0, message_id="m"),
        event("email_click", 0.5, message_id="m"),
        event("page_view", 0.5, message_id="m"),
        event("email_click", 60, message_id="m"),
    ) == [False, True, False, False]


@pytest.mark.parametrize(
    ("delivered", "suspect"),
    [
        ("2025-06-04T01:20:00Z", True),
        ("2025-06-04T03:20:00.5+02:00", True),
        (1_749_000_000, True),
        (1_749_000_000.25, True),
        ("2025-06-04T01:19:00Z", False),
        ("2025-06-04T01:20:00", False),
        ("yesterday", False),
        ("", False),
        (1e300, False),
        (1e308, False),
        (True, False),
        (None, False),
        ([1], False),
    ],
)
def test_a_click_that_says_when_its_mail_was_delivered(delivered: object, suspect: bool) -> None:
    assert marks(event("click", 0, delivered_time=delivered)) == [suspect]


@pytest.mark.parametrize("odd", [1, True, None, [1], {"a": 1}])
def test_odd_properties_are_no_sign(odd: object) -> None:
    assert marks(event("click", 0, user_agent=odd, url=odd, message_id=odd)) == [False]


def test_the_mark_is_a_property_more_and_takes_no_part_in_telling_duplicates() -> None:
    plain = event(user_agent=GOOGLEBOT, n=1)
    (judged,) = EventMarks()(ORIGIN, [plain])
    sent, marked = (
        event_pb2.AcceptedEvent.FromString(convert.message(ORIGIN, one, NOW_US).payload)
        for one in (plain, judged)
    )
    assert structs.to_dict(marked.event.properties) == {
        "user_agent": GOOGLEBOT,
        "n": 1,
        "suspect": True,
    }
    assert marked.payload_hash == sent.payload_hash
    ids = {convert.message(ORIGIN, one, NOW_US).message_id for one in (plain, judged)}
    assert len(ids) == 1


def test_ordinary_events_are_handed_through_untouched() -> None:
    events = [event(), event("email_open", n=1)]
    assert EventMarks()(ORIGIN, events) is events


def test_the_index_of_crawlers_finds_what_the_list_does() -> None:
    agents = [agent for entry in CRAWLER_USER_AGENTS_DATA for agent in entry["instances"]]
    assert len(agents) > 1_000
    different = {
        agent
        for agent in agents
        if crawlers.is_crawler(agent) != is_crawler(agent[: crawlers.USER_AGENT_CHARS_MAX])
    }
    # What fetches a mail's pictures for the one who opens it.
    assert all(any(name in agent for name in crawlers.ON_BEHALF) for agent in different)
    for agent in (FIREFOX, "", "x" * 100_000, "\x00é🚀"):
        assert not crawlers.is_crawler(agent)
