"""What the browser SDK makes of what a visitor does, in a real browser: page views, clicks,
forms, and calls by the page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests.support.eventually import eventually
from tests.support.track_receiver import Receiver, Website
from tests.support.web_pages import KEY, Open, call, came, document

pytestmark = pytest.mark.xdist_group("web")


def properties(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["properties"] for event in events]


def test_a_load_is_a_page_view(receiver: Receiver, site: Website, open_page: Open) -> None:
    page = open_page('<a href="/pricing?utm_source=news&page=2#plans">Prices</a>', "/?q=secret")
    site.pages["/pricing"] = site.pages["/"]
    page.click("a")
    home, prices = came(receiver, 2)
    host = f"shop.localhost:{site.port}"
    assert (home["type"], home["source"]) == ("page_view", "web")
    assert home["properties"] == {"path": "/", "host": host}
    assert prices["properties"] == {
        "path": "/pricing",
        "host": host,
        "referrer": f"{host}/",
        "utm_source": "news",
    }
    assert home["anonymous_id"] == prices["anonymous_id"]
    assert home["event_id"] != prices["event_id"]
    assert home["occur_time"] < prices["occur_time"]


def test_requests_need_no_preflight(receiver: Receiver, site: Website, open_page: Open) -> None:
    open_page()
    came(receiver, 1)
    (request,) = receiver.requests
    assert (request.method, request.target) == ("POST", f"/v1/track?api_key={KEY}")
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["content-type"].startswith("text/plain")
    assert headers["origin"] == site.origin()
    assert "cookie" not in headers


def test_a_single_page_application_has_page_views(receiver: Receiver, open_page: Open) -> None:
    page = open_page()
    page.evaluate("history.pushState({}, '', '/pricing')")
    page.evaluate("history.replaceState({step: 1}, '', '/pricing?filter=team')")
    page.evaluate("history.pushState({}, '', '/pricing#plans')")
    page.evaluate("location.hash = '#/team'")
    page.evaluate("history.replaceState({}, '', '/done')")
    page.go_back()
    call(page, "track", "end")
    events = came(receiver, 6)
    paths = [view["path"] for view in properties(receiver.of_type("page_view"))]
    assert paths == ["/", "/pricing", "/pricing#/team", "/done", "/pricing"]
    referrers = [view.get("referrer", "") for view in properties(events[1:5])]
    assert [place.partition("/")[2] for place in referrers] == [
        "",
        "pricing",
        "pricing#/team",
        "done",
    ]


def test_a_page_that_comes_back_as_it_was_is_seen_again(
    receiver: Receiver, open_page: Open
) -> None:
    page = open_page()
    # As from a back-forward cache, which browsers that are driven by programs do without.
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: false}))")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    call(page, "track", "end")
    assert [event["type"] for event in came(receiver, 3)] == ["page_view", "page_view", "end"]


def test_a_page_that_is_loaded_in_advance_is_seen_when_it_is_shown(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    context.add_init_script("Object.defineProperty(document, 'prerendering', {value: true})")
    page = open_page()
    call(page, "track", "before")
    page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    assert [event["type"] for event in came(receiver, 2)] == ["before", "page_view"]


def test_without_an_endpoint_it_is_where_the_script_came_from(
    context: BrowserContext, site: Website
) -> None:
    site.policy = ""
    site.pages["/"] = document("", "")
    page = context.new_page()
    with page.expect_request("**/v1/track*") as request:
        page.goto(site.url())
    assert request.value.url == f"{site.origin()}/v1/track?api_key={KEY}"


def test_clicks_on_marked_elements(receiver: Receiver, open_page: Open) -> None:
    page = open_page(
        """<button id="marked" data-scoreline="Demo Request" data-scoreline-plan-name="team"><b>Ada's demo</b></button>
        <button id="plain">Nothing</button>
        <div data-scoreline-ignore><button id="ignored" data-scoreline="secret">No</button></div>
        <a id="bare" data-scoreline href="mailto:ada@example.com">Write</a>
        <div id="host"></div>""",
        page_views="false",
    )
    page.evaluate(
        """() => {
          const root = document.getElementById("host").attachShadow({mode: "open"});
          root.innerHTML = '<button data-scoreline="shadow_click">In the shadow</button>';
          document.querySelector("#bare").addEventListener("click", (event) => {
            event.preventDefault();
            event.stopImmediatePropagation();
          });
        }"""
    )
    for clicked in ("#plain", "#ignored", "#marked b", "#bare", "#host button"):
        page.click(clicked)
    events = came(receiver, 3)
    assert [event["type"] for event in events] == ["Demo Request", "click", "shadow_click"]
    assert properties(events) == [{"path": "/", "plan_name": "team"}, {"path": "/"}, {"path": "/"}]


def test_submitted_forms(receiver: Receiver, site: Website, open_page: Open) -> None:
    page = open_page(
        """<form id="contact" action="/send?to=ada" method="post">
          <input name="email"><input name="pw" type="password"><input name="token" type="hidden" value="t">
          <input name="topic" type="radio" value="a"><input name="topic" type="radio" value="b">
          <input name="health" data-scoreline-ignore><textarea name="message"></textarea>
          <select name="plan"><option>team</option></select><input><button name="go">Send</button>
        </form><input name="outside" form="contact">
        <form name="trial" data-scoreline="trial_request" data-scoreline-plan="pro">
          <input name="id"><input name="action"><input name="querySelectorAll"><button>Try</button></form>
        <form data-scoreline-ignore><button id="ignored">No</button></form>
        <form action="/subscribe"><input name="ada@example.com"><button id="last">Join</button></form>""",
        "/contact",
        page_views="false",
    )
    # As applications do that send forms by themselves.
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    page.click("#ignored")
    page.fill("[name=email]", "typed")
    page.click("[name=go]")
    page.click("[name=trial] button")
    page.click("#last")
    contact, trial, join = came(receiver, 3)
    host = f"shop.localhost:{site.port}"
    assert contact["type"] == "form_submit"
    assert contact["properties"] == {
        "path": "/contact",
        "form": "contact",
        "action": f"{host}/send",
        "fields": ["email", "topic", "message", "plan", "outside"],
    }
    assert (trial["type"], trial["properties"]["form"]) == ("trial_request", "trial")
    assert trial["properties"]["plan"] == "pro"
    assert trial["properties"]["fields"] == ["id", "action", "querySelectorAll"]
    assert join["properties"]["form"] == f"{host}/subscribe"
    assert join["properties"]["fields"] == []


def test_calls_before_the_script_is_there_are_made_up_for(
    context: BrowserContext, receiver: Receiver, site: Website
) -> None:
    site.pages["/early.js"] = """
      window.scoreline = window.scoreline || [];
      scoreline.push(["track", "early", {number: 1}]);
      scoreline.push(["nonsense"], null, "x", 7, ["identify", {email: "ada@example.com"}]);"""
    site.pages["/"] = '<script src="/early.js"></script>' + document(
        "", receiver.url, page_views="false"
    )
    page = context.new_page()
    page.goto(site.url())
    page.evaluate("scoreline.push(['track', 'late'], null, ['track', 'later'])")
    early, identified, *later = came(receiver, 4)
    assert (early["type"], early["properties"]) == ("early", {"number": 1})
    assert identified["email"] == "ada@example.com"
    assert [event["type"] for event in later] == ["late", "later"]


def test_a_page_may_begin_by_a_call(
    context: BrowserContext, receiver: Receiver, site: Website
) -> None:
    site.pages["/"] = '<script src="/scoreline.js"></script>'
    page = context.new_page()
    page.goto(site.url())
    call(page, "track", "before")
    call(page, "init", {"key": KEY, "endpoint": receiver.url + "/", "source": "shop"})
    events = came(receiver, 2)
    assert {(event["type"], event["source"]) for event in events} == {
        ("page_view", "shop"),
        ("before", "shop"),
    }


def test_identify_and_reset(receiver: Receiver, open_page: Open) -> None:
    page = open_page(page_views="false")
    call(page, "identify", {"email": "ada@example.com", "externalId": 42, "seniority": "VP"})
    call(page, "track", "as_ada")
    call(page, "reset")
    call(page, "track", "as_another")
    identified, as_ada, as_another = came(receiver, 3)
    assert identified["type"] == "identify"
    assert (identified["email"], identified["external_id"]) == ("ada@example.com", "42")
    assert identified["properties"] == {"seniority": "VP"}
    assert identified["anonymous_id"] == as_ada["anonymous_id"] != as_another["anonymous_id"]
    assert "email" not in as_ada


def test_a_page_view_by_hand(receiver: Receiver, open_page: Open) -> None:
    page = open_page(path="/app", page_views="false")
    page.evaluate("history.pushState({}, '', '/other')")
    call(page, "page", {"path": "/virtual", "section": "help"})
    (view,) = came(receiver, 1)
    assert view["properties"]["path"] == "/virtual"
    assert view["properties"]["section"] == "help"


def test_what_is_switched_off_is_not_sent(receiver: Receiver, open_page: Open) -> None:
    page = open_page(
        '<form><button data-scoreline="clicked">Go</button></form>',
        page_views="false",
        clicks="false",
        forms="false",
    )
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    page.click("button")
    call(page, "track", "end")
    assert [event["type"] for event in came(receiver, 1)] == ["end"]


def test_loaded_or_begun_twice_it_counts_once(
    context: BrowserContext, receiver: Receiver, site: Website
) -> None:
    script = document("", receiver.url).replace(" async", "")
    site.pages["/"] = script + script + '<button data-scoreline="clicked">Go</button>'
    page = context.new_page()
    page.goto(site.url())
    for _ in range(2):
        call(page, "init", {"key": KEY, "endpoint": receiver.url, "pageViews": False})
    page.click("button")
    call(page, "track", "end")
    assert [event["type"] for event in came(receiver, 3)] == ["page_view", "clicked", "end"]


def test_no_call_throws(receiver: Receiver, open_page: Open) -> None:
    page = open_page(page_views="false")
    page.evaluate(
        """() => {
          const round = {}; round.round = round;
          for (const wrong of [undefined, null, 7, "x", [], round, {n: 1n}]) {
            for (const method of ["track", "identify", "page", "init"]) window.scoreline[method](wrong, wrong);
          }
          scoreline.track("with_array", [1]);
          scoreline.track("round", round);
          scoreline.track("end", {text: "\\ud800"});
        }"""
    )
    call(page, "track", "end")
    eventually(lambda: receiver.of_type("end"))
    for request in receiver.requests:
        assert all(isinstance(event["properties"], dict) for event in request.events)
