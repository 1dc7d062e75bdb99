"""A browser, a website with the SDK on it, and something that takes its events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.chromium import chromium
from tests.support.track_receiver import Receiver, Website, receiving, website
from tests.support.web_pages import Open, document


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor's browser: storage of its own, and no page may have met an error."""
    faults: list[str] = []
    with browser.new_context() as opened:
        opened.on("weberror", lambda error: faults.append(str(error.error)))
        opened.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security" in said.text else None,
        )
        yield opened
    assert faults == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def site(receiver: Receiver) -> Iterator[Website]:
    """A website that allows little, as it should."""
    with website() as started:
        started.policy = (
            "default-src 'none'; script-src 'self'; form-action 'self'; img-src 'self'; "
            f"connect-src {receiver.url}"
        )
        yield started


@pytest.fixture
def open_page(context: BrowserContext, receiver: Receiver, site: Website) -> Open:
    """Opens a page of the website, with this body and the SDK with these attributes; its first script is loaded."""

    def opened(
        body: str = "", path: str = "/", host: str = "shop.localhost", **attributes: str
    ) -> Page:
        site.pages[path.partition("?")[0].partition("#")[0]] = document(
            body, receiver.url, **attributes
        )
        page = context.new_page()
        page.goto(site.url(path, host))
        return page

    return opened
