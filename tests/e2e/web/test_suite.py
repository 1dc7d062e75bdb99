"""The browser SDK and the whole suite: what visitors do becomes leads and scores, once, and nothing that they typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from scoreline.common.v1 import scope_pb2
from stack import Stack
from tests.support.chromium import PROGRAM
from tests.support.eventually import eventually
from tests.support.projects import TestProject, new_key
from tests.support.track_receiver import Website, website
from tests.support.web_pages import call, document

pytestmark = pytest.mark.xdist_group("web")

FORM = """<form id="contact"><input name="email"><input name="phone"><input name="secret" type="password">
  <textarea name="message"></textarea><button>Send</button></form>
  <button id="demo" data-scoreline="demo_request" data-scoreline-plan="team">Book a demo</button>"""

TYPED = {
    "email": "canary@example.org",
    "phone": "canary-phone",
    "secret": "canary-secret",
    "message": "canary-message",
}


@pytest.fixture
def site(suite: Stack) -> Iterator[Website]:
    """A website that may send to the suite."""
    with website() as started:
        started.policy = (
            "default-src 'none'; script-src 'self'; form-action 'self'; img-src 'self'; "
            f"connect-src {suite.http_url}"
        )
        yield started


@pytest.fixture
def key(suite: Stack, project: TestProject, site: Website) -> str:
    """What stands in the pages of the website: it can only track, and only from there."""
    return new_key(suite, project, [scope_pb2.SCOPE_TRACK], allowed_origins=[site.origin()]).api_key


class Visits:
    """Pages of the website, and what the suite makes of them."""

    def __init__(self, suite: Stack, site: Website, key: str, http: httpx.Client) -> None:
        self._suite = suite
        self._http = http
        self.site = site
        self.key = key

    def open(
        self,
        context: BrowserContext,
        path: str = "/",
        host: str = "shop.localhost",
        **attributes: str,
    ) -> Page:
        """A page in a new tab."""
        endpoint = self._suite.http_url
        self.site.pages[path] = document(FORM, endpoint, self.key, **attributes)
        page = context.new_page()
        page.goto(self.site.url(path, host))
        return page

    def timeline(self, reference: str) -> list[dict[str, Any]]:
        """The entries of a lead, oldest first; empty while nobody knows it."""
        answer = self._http.get(f"/v1/leads/{reference}/timeline", params={"page_size": 500})
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        entries: list[dict[str, Any]] = answer.json().get("entries", [])
        return sorted(entries, key=lambda entry: str(entry["occur_time"]))

    def recorded(self, reference: str, count: int) -> list[dict[str, Any]]:
        """So many events of a lead, as soon as the ledger has them, and no more."""
        entries = eventually(lambda: len(found := self.timeline(reference)) >= count and found)
        assert len(entries) == count
        return entries

    def lead(self, reference: str) -> dict[str, Any]:
        """A lead as it is now."""
        answer = self._http.get(f"/v1/leads/{reference}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["lead"]
        return found


@pytest.fixture
def visits(suite: Stack, site: Website, key: str, http: httpx.Client) -> Visits:
    return Visits(suite, site, key, http)


def visitor_of(page: Page, key: str) -> str:
    """The reference of the page's visitor."""
    visitor = page.evaluate("(name) => localStorage[name]", f"scoreline.{key}.visitor")
    return f"anonymous:{visitor}"


def test_a_visitor_becomes_a_lead_with_a_name(context: BrowserContext, visits: Visits) -> None:
    page = visits.open(context)
    visits.site.pages["/thanks"] = visits.site.pages["/"]
    page.evaluate("history.pushState({}, '', '/pricing?utm_source=news&email=canary')")
    page.click("#demo")
    for name, text in TYPED.items():
        page.fill(f"[name={name}]", text)
    page.evaluate("document.querySelector('form').action = '/thanks'")
    page.click("form button")
    page.wait_for_url("**/thanks?*")
    page.wait_for_load_state()
    anonymous = visitor_of(page, visits.key)
    events = visits.recorded(anonymous, 5)
    assert [event["type"] for event in events] == [
        "page_view",
        "page_view",
        "demo_request",
        "form_submit",
        "page_view",
    ]
    assert [event["properties"].get("path") for event in events] == [
        "/",
        *["/pricing"] * 3,
        "/thanks",
    ]
    assert events[1]["properties"]["utm_source"] == "news"
    assert events[2]["properties"]["plan"] == "team"
    assert events[3]["properties"]["fields"] == ["email", "phone", "message"]
    # Three page views, a form and a demo, by the rules that a project begins with.
    assert visits.lead(anonymous)["score"] == 3 + 20 + 50

    call(page, "identify", {"email": "Ada@Example.com", "externalId": "u-1", "seniority": "VP"})
    assert len(visits.recorded("email:ada@example.com", 6)) == 6
    ids = {
        visits.lead(one)["lead_id"] for one in (anonymous, "email:ada@example.com", "external:u-1")
    }
    assert len(ids) == 1
    assert "canary" not in json.dumps(visits.timeline(anonymous))


def test_the_history_of_a_visitor_joins_the_lead_that_there_was(
    context: BrowserContext, visits: Visits, http: httpx.Client
) -> None:
    known = {"event_id": "mail-1", "type": "email_click", "email": "grace@example.com"}
    http.post("/v1/events", json=known).raise_for_status()
    visits.recorded("email:grace@example.com", 1)
    page = visits.open(context)
    before = visits.recorded(visitor_of(page, visits.key), 1)
    call(page, "identify", {"email": "grace@example.com"})
    events = visits.recorded("email:grace@example.com", 3)
    assert before[0]["event_id"] in [event["event_id"] for event in events]


def test_what_happened_offline_is_recorded_once(context: BrowserContext, visits: Visits) -> None:
    page = visits.open(context)
    anonymous = visitor_of(page, visits.key)
    visits.recorded(anonymous, 1)
    context.set_offline(True)
    with page.expect_event("requestfailed"):
        for number in range(60):
            call(page, "track", f"offline_{number}")
    context.set_offline(False)
    events = visits.recorded(anonymous, 61)
    assert [event["type"] for event in events[1:]] == [f"offline_{number}" for number in range(60)]


def test_a_page_that_is_left_is_recorded_once(context: BrowserContext, visits: Visits) -> None:
    page = visits.open(context, page_views="false")
    call(page, "track", "at_the_last_moment")
    anonymous = visitor_of(page, visits.key)
    page.goto("about:blank")
    (event,) = visits.recorded(anonymous, 1)
    # The next page sends it again, since no one told it that it had arrived.
    with page.expect_response("**/v1/track*") as response:
        page.goto(visits.site.url())
    assert event["event_id"] in str(response.value.request.post_data)
    (receipt,) = response.value.json()["results"]
    assert receipt["receipt"]["event_id"] == event["event_id"]
    call(page, "track", "later")
    assert [event["type"] for event in visits.recorded(anonymous, 2)] == [
        "at_the_last_moment",
        "later",
    ]


def test_other_websites_cannot_use_the_key(context: BrowserContext, visits: Visits) -> None:
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    page = visits.open(context, host="thief.localhost", debug="")
    anonymous = visitor_of(page, visits.key)
    eventually(lambda: page.evaluate("1") and [text for text in said if "status 403" in text])
    assert visits.timeline(anonymous) == []
    own = visits.open(context, debug="")
    visits.recorded(visitor_of(own, visits.key), 1)
    assert visits.timeline(anonymous) == []


def test_a_key_that_is_used_too_much_is_left_alone(
    suite: Stack, context: BrowserContext, visits: Visits, project: TestProject
) -> None:
    visits.key = new_key(
        suite,
        project,
        [scope_pb2.SCOPE_TRACK],
        allowed_origins=[visits.site.origin()],
        requests_per_minute=1,
    ).api_key
    page = visits.open(context)

    def refused() -> bool:
        with page.expect_response("**/v1/track*") as response:
            call(page, "track", "more")
        return response.value.status == 429

    # A minute of the clock may end in between.
    eventually(refused)
    until = eventually(
        lambda: page.evaluate(f"Number(localStorage['scoreline.{visits.key}.quiet'])")
    )
    # What the answer asked for could be read: at most a minute, and a few seconds so as not to come all at once.
    assert 0 < until - datetime.now(UTC).timestamp() * 1_000 <= 66_000
    waiting = "Object.keys(localStorage).filter((name) => name.includes('.q:')).length"
    assert page.evaluate(waiting) >= 1


def test_programs_do_not_score(browser: Browser, visits: Visits) -> None:
    with browser.new_context(user_agent=PROGRAM) as context:
        page = visits.open(context)
        page.click("#demo")
        anonymous = visitor_of(page, visits.key)
        events = visits.recorded(anonymous, 2)
    assert [event["properties"]["suspect"] for event in events] == [True, True]
    assert visits.lead(anonymous).get("score", 0) == 0


def test_a_clock_that_is_wrong_is_put_right(context: BrowserContext, visits: Visits) -> None:
    now = datetime.now(UTC)
    context.clock.install(time=now + timedelta(days=3))
    page = visits.open(context)
    (event,) = visits.recorded(visitor_of(page, visits.key), 1)
    occurred = datetime.fromisoformat(event["occur_time"])
    assert abs(occurred - now) < timedelta(minutes=2)
