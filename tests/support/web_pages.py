"""Pages with the browser SDK on them: how they are written, how their scripts call it, and what of it has arrived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.support.eventually import eventually
from tests.support.track_receiver import Receiver

KEY = "sl_key_web"

Open = Callable[..., Page]
"""Opens a page: its body, path and host, and attributes of the SDK's script element."""

_CALL = "([method, ...values]) => window.scoreline[method](...values)"


def document(body: str, endpoint: str, key: str = KEY, **attributes: str) -> str:
    """A page with the SDK. `page_views="false"` is the attribute `data-page-views`."""
    given = {"key": key, "endpoint": endpoint, **attributes}
    data = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in given.items())
    return f'<!doctype html><script src="/scoreline.js" {data} async></script>{body}'


def call(page: Page, method: str, *values: Any) -> None:
    """Call the SDK as the page's own script would."""
    page.evaluate(_CALL, [method, *values])


def came(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """So many events, as soon as they are there; no more of them."""
    events = eventually(lambda: len(receiver.events) >= count and receiver.events)
    assert len(events) == count, events
    return events


def kept(page: Page) -> dict[str, str]:
    """What the page's origin has in local storage, by its name without the SDK's prefix."""
    stored: dict[str, str] = page.evaluate("({...localStorage})")
    return {name.removeprefix(f"scoreline.{KEY}."): text for name, text in stored.items()}


def ask(page: Page, receiver: Receiver) -> None:
    """A request of the page itself, an event of type `question`: what the SDK had sent before is there when it is."""
    body = '{"events": [{"event_id": "question", "type": "question"}]}'
    page.evaluate(
        "([url, body]) => fetch(url + '/v1/track?api_key=q', {method: 'POST', body})",
        [receiver.url, body],
    )
    eventually(lambda: receiver.of_type("question"))
