"""What the browser SDK sends arrives, once, whatever happens to the network, the server and the page."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.track_receiver import Answer, Receiver, Website, accepted
from tests.support.web_pages import Open, ask, call, came, document, kept

pytestmark = pytest.mark.xdist_group("web")

BLOCK_STORAGE = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("denied", "SecurityError"); },
});"""

HIDDEN = """
  Object.defineProperty(document, "hidden", {get: () => window.isHidden, configurable: true});
  window.isHidden"""
CHANGED = "document.dispatchEvent(new Event('visibilitychange'))"


def refusing(status: int, **headers: str) -> Any:
    """Answers of a server that has no time."""

    def answer(events: list[dict[str, Any]]) -> Answer:
        return status, {name.replace("_", "-"): value for name, value in headers.items()}, {}

    return answer


def sendings(receiver: Receiver) -> Counter[str]:
    """How often each event came, by its type."""
    return Counter(event["type"] for request in receiver.requests for event in request.events)


def test_what_happens_offline_arrives_once_when_the_network_is_back(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    page = open_page()
    came(receiver, 1)
    context.set_offline(True)
    types = [f"offline_{number}" for number in range(60)]
    with page.expect_event("requestfailed"):
        for event_type in types:
            call(page, "track", event_type)
    assert len(receiver.requests) == 1
    context.set_offline(False)
    assert [event["type"] for event in came(receiver, 61)][1:] == types
    assert set(sendings(receiver).values()) == {1}
    eventually(lambda: list(kept(page)) == ["visitor"])


def test_what_is_left_goes_with_the_next_page(receiver: Receiver, open_page: Open) -> None:
    receiver.answer = refusing(503)
    page = open_page()
    call(page, "track", "kept")
    eventually(lambda: receiver.of_type("kept"))
    before = {event["event_id"]: event for event in receiver.events}
    receiver.answer = accepted
    page.reload()
    eventually(lambda: list(kept(page)) == ["visitor"])
    sent = [event for event in receiver.requests[-1].events if event["event_id"] in before]
    assert {event["event_id"]: event for event in sent} == before


def test_the_server_is_left_alone_as_long_as_it_asks(receiver: Receiver, open_page: Open) -> None:
    receiver.answer = refusing(429, retry_after="3000")
    page = open_page()
    came(receiver, 1)
    eventually(lambda: "quiet" in kept(page))
    page.clock.install()
    receiver.answer = accepted
    page.reload()
    call(page, "track", "second")
    page.clock.fast_forward("49:00")
    assert len(receiver.requests) == 1
    page.clock.fast_forward("02:00")
    assert [event["type"] for event in came(receiver, 3)] == ["page_view", "page_view", "second"]


def test_a_page_that_is_left_hands_over_what_it_has(
    receiver: Receiver, site: Website, open_page: Open
) -> None:
    page = open_page(page_views="false")
    call(page, "track", "at_the_last_moment")
    page.goto("about:blank")
    (event,) = came(receiver, 1)
    (request,) = receiver.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["content-type"].startswith("text/plain")
    assert headers["origin"] == site.origin()
    # No one tells a page whether that arrived: the next one sends it again, under the same id.
    page.goto(site.url())
    eventually(lambda: len(receiver.requests) == 2)
    assert receiver.requests[1].events == [event]
    eventually(lambda: list(kept(page)) == ["visitor"])


def test_a_page_that_goes_out_of_sight_hands_over_too(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    # On phones that is often the last that a page hears. The clock stands still: nothing is sent but by this.
    context.clock.install()
    page = open_page(page_views="false")
    context.clock.pause_at("2100-01-01")
    call(page, "track", "last")
    page.evaluate(f"{HIDDEN} = true; {CHANGED}")
    page.evaluate(CHANGED)
    (last,) = came(receiver, 1)
    assert last["type"] == "last"
    assert sendings(receiver) == {"last": 1}
    # Back in sight, it is sent again for the answer.
    page.evaluate(f"{HIDDEN} = false; {CHANGED}")
    context.clock.run_for(5_000)
    eventually(lambda: list(kept(page)) == ["visitor"])
    assert sendings(receiver) == {"last": 2}


def test_tabs_neither_lose_nor_repeat(receiver: Receiver, open_page: Open) -> None:
    pages = [open_page(page_views="false") for _ in range(3)]
    expected = []
    for number in range(30):
        for tab, page in enumerate(pages):
            call(page, "track", f"tab_{tab}_{number}")
            expected.append(f"tab_{tab}_{number}")
    assert {event["type"] for event in came(receiver, 90)} == set(expected)
    assert set(sendings(receiver).values()) == {1}
    assert len({event["anonymous_id"] for event in receiver.events}) == 1


def test_one_tab_sends_at_a_time(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    context.clock.install()
    first, second = (open_page(page_views="false") for _ in range(2))
    released = threading.Event()

    def slow(events: list[dict[str, Any]]) -> Answer:
        assert events[0]["type"] == "question" or released.wait(TIMEOUT_S)
        return accepted(events)

    receiver.answer = slow
    call(first, "track", "first")
    first.clock.fast_forward("00:05")
    eventually(lambda: receiver.of_type("first"))
    call(second, "track", "second")
    second.clock.fast_forward("00:05")
    ask(second, receiver)
    assert sendings(receiver) == {"first": 1, "question": 1}
    released.set()
    eventually(lambda: receiver.of_type("second"))
    assert sendings(receiver) == {"first": 1, "question": 1, "second": 1}


def test_a_tab_that_is_closed_leaves_its_events_to_the_others(
    receiver: Receiver, open_page: Open
) -> None:
    receiver.answer = refusing(500)
    closed = open_page(page_views="false")
    call(closed, "track", "from_the_closed")
    eventually(lambda: receiver.of_type("from_the_closed"))
    closed.close()
    receiver.answer = accepted
    other = open_page(page_views="false")
    eventually(lambda: list(kept(other)) == ["visitor"])
    assert receiver.requests[-1].events[0]["type"] == "from_the_closed"


def test_without_storage_it_works_as_long_as_the_page(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    context.add_init_script(BLOCK_STORAGE)
    page = open_page()
    call(page, "track", "in_memory")
    view, event = came(receiver, 2)
    assert view["anonymous_id"] == event["anonymous_id"]


def test_without_tls_it_works_too(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    page = open_page(host="shop.example.com")
    assert page.evaluate("isSecureContext") is False
    (view,) = came(receiver, 1)
    assert view["properties"]["host"].startswith("shop.example.com")


def test_a_refused_key_is_said_on_the_console_once(
    context: BrowserContext, receiver: Receiver, site: Website
) -> None:
    receiver.answer = refusing(403)
    site.pages["/"] = document("", receiver.url, debug="")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(site.url())
    for number in range(2):
        call(page, "track", f"event_{number}")
        eventually(lambda number=number: receiver.of_type(f"event_{number}"))  # type: ignore[misc]
        eventually(lambda: list(kept(page)) == ["visitor"])
    assert [text for text in said if text.startswith("scoreline")] == [
        "scoreline: the server refuses events with status 403"
    ]
