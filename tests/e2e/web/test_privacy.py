"""What does not leave a visitor's browser: what was typed, what an address holds, and anything without consent."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.eventually import eventually
from tests.support.track_receiver import Receiver, Website
from tests.support.web_pages import Open, ask, call, came, kept

pytestmark = pytest.mark.xdist_group("web")

DO_NOT_TRACK = "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})"
GLOBAL_PRIVACY_CONTROL = (
    "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
)

FORM = """<form id="{id}" {to}>
  <input name="email" type="email"><input name="name"><input name="card" type="password">
  <input name="age" type="number"><input name="day" type="date"><textarea name="message"></textarea>
  <input name="state" type="hidden">  <select name="salary"><option>low</option><option>canary-option</option></select>
  <input name="agree" type="checkbox" value="canary-checkbox"><input type="file" name="cv">
  <button name="canary-button" value="canary-button-value" data-scoreline="send_clicked">canary-text</button></form>
  <p contenteditable>here</p>"""

TYPED = {
    "email": "canary-mail@example.com",
    "name": "canary-name",
    "card": "canary-password",
    "age": "987654321",
    "day": "1815-12-10",
    "message": "canary-message",
}

UNTOUCHED = "['pushState', 'replaceState'].every((name) => /native code/.test(history[name]))"
"""The page's history is the browser's own: nobody follows it."""

NEVER = ("canary", "987654321", "1815-12-10")


def fill(page: Page) -> None:
    """Type into everything that there is, and look at it as a visitor does."""
    for name, value in TYPED.items():
        page.type(f"[name={name}]", value)
    page.select_option("[name=salary]", "canary-option")
    page.check("[name=agree]")
    page.click("[contenteditable]")
    page.keyboard.type("canary-editable")
    page.evaluate("document.querySelector('[name=state]').value = 'canary-hidden'")
    page.set_input_files(
        "[name=cv]", {"name": "canary-file.txt", "mimeType": "text/plain", "buffer": b"canary"}
    )


def nothing_came(page: Page, receiver: Receiver) -> None:
    """Let an hour pass on the page (whose clock is a test's) and ask the receiver: it got the question only."""
    page.clock.fast_forward("01:00:00")
    ask(page, receiver)
    assert [event["type"] for event in receiver.events] == ["question"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_typed_is_not_sent(
    receiver: Receiver, site: Website, open_page: Open, method: str
) -> None:
    page = open_page(FORM.format(id="contact", to=f'action="/thanks" method="{method}"'))
    site.pages["/thanks"] = site.pages["/"]
    fill(page)
    page.click("button")
    page.wait_for_url("**/thanks*")
    call(page, "track", "end")
    events = eventually(lambda: receiver.of_type("end") and receiver.events)
    types = [event["type"] for event in events]
    assert types == ["page_view", "send_clicked", "form_submit", "page_view", "end"]
    fields = {*TYPED, "salary", "agree", "cv"} - {"card"}
    assert set(events[2]["properties"]["fields"]) == fields
    for request in receiver.requests:
        assert not [word for word in NEVER if word in request.raw]
    assert not [word for word in NEVER if word in str(kept(page))]


def test_what_an_address_holds_is_not_sent(
    receiver: Receiver, site: Website, open_page: Open
) -> None:
    before = (
        '<a href="/u/canary@example.com/?id=canary&utm_source=news&utm_content=canary@x#canary">'
    )
    page = open_page(before + "Me</a>", "/?reset=canary#access_token=canary")
    site.pages["/u/canary@example.com/"] = site.pages["/"]
    page.click("a")
    page.wait_for_load_state()
    page.evaluate("history.pushState({}, '', '/search?q=canary#/list?q=canary')")
    call(page, "track", "end")
    came(receiver, 4)
    paths = [view["properties"]["path"] for view in receiver.of_type("page_view")]
    assert paths == ["/", "/u/*/", "/search#/list"]
    for request in receiver.requests:
        assert "canary" not in request.raw


def test_without_consent_nothing_is_kept_or_sent(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    context.clock.install()
    page = open_page('<button data-scoreline="clicked">Go</button>', consent="required")
    page.click("button")
    page.evaluate("history.pushState({}, '', '/other')")
    call(page, "track", "tracked")
    call(page, "identify", {"email": "ada@example.com"})
    assert kept(page) == {}
    assert context.cookies() == []
    nothing_came(page, receiver)
    call(page, "consent", False)
    assert kept(page) == {}


def test_with_consent_it_begins_and_remembers(receiver: Receiver, open_page: Open) -> None:
    page = open_page(consent="required")
    call(page, "track", "before")
    call(page, "consent", True)
    call(page, "track", "after")
    assert [event["type"] for event in came(receiver, 2)] == ["page_view", "after"]
    eventually(lambda: sorted(kept(page)) == ["consent", "visitor"])
    page.reload()
    came(receiver, 3)


@pytest.mark.parametrize("consent", ["required", ""])
def test_who_withdraws_leaves_nothing_behind(
    context: BrowserContext, receiver: Receiver, open_page: Open, consent: str
) -> None:
    context.clock.install()
    page = open_page('<button data-scoreline="clicked">Go</button>', consent=consent)
    call(page, "consent", True)
    call(page, "track", "not_yet_sent")
    assert len(kept(page)) > 2
    call(page, "consent", False)
    left = {} if consent else {"consent": "no"}
    assert kept(page) == left
    page.click("button")
    call(page, "track", "later")
    assert page.evaluate(UNTOUCHED)
    page.reload()
    page.click("button")
    call(page, "track", "another_page")
    nothing_came(page, receiver)
    assert kept(page) == left


def test_withdrawal_counts_in_other_tabs(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    context.clock.install()
    pages = [open_page() for _ in range(2)]
    call(pages[0], "consent", False)
    call(pages[1], "track", "from_the_other")
    eventually(lambda: pages[1].evaluate(UNTOUCHED))
    eventually(lambda: kept(pages[1]) == {"consent": "no"})
    call(pages[1], "track", "later")
    pages[1].evaluate("history.pushState({}, '', '/other')")
    nothing_came(pages[1], receiver)
    assert kept(pages[1]) == {"consent": "no"}


@pytest.mark.parametrize("wish", [DO_NOT_TRACK, GLOBAL_PRIVACY_CONTROL])
def test_visitors_who_do_not_want_it_are_not_tracked(
    context: BrowserContext, receiver: Receiver, open_page: Open, wish: str
) -> None:
    context.add_init_script(wish)
    context.clock.install()
    page = open_page('<button data-scoreline="clicked">Go</button>')
    page.click("button")
    call(page, "consent", True)
    call(page, "track", "tracked")
    page.reload()
    assert kept(page) == {}
    nothing_came(page, receiver)


def test_who_does_not_want_it_any_more_is_forgotten(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    page = open_page()
    came(receiver, 1)
    context.add_init_script(GLOBAL_PRIVACY_CONTROL)
    page.reload()
    eventually(lambda: kept(page) == {})


def test_a_site_may_take_that_on_itself(
    context: BrowserContext, receiver: Receiver, open_page: Open
) -> None:
    context.add_init_script(DO_NOT_TRACK)
    open_page(respect_do_not_track="false")
    view: dict[str, Any] = came(receiver, 1)[0]
    assert view["type"] == "page_view"
