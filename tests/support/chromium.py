"""A real browser: headless Chromium, the machine's own (`make browser` installs Debian's), driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")

PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
"""What a browser with a person before it calls itself."""

PROGRAM = PERSON.replace("Chrome/", "HeadlessChrome/")
"""A headless one says that it is, and is taken for a crawler."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, until the end of the context. Playwright keeps an event loop running meanwhile, so async tests must
    not come in between: use it in fixtures of a module that has none."""
    named = os.environ.get("SCORELINE_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, NAMES)), None)
    assert path, "No Chromium here: run `make browser`, or name yours in SCORELINE_CHROMIUM."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-proxy-server",
                # Not a context's own: what outlives its page would not have it.
                f"--user-agent={PERSON}",
                # A host that browsers do not trust by its name, unlike those below `localhost`.
                "--host-resolver-rules=MAP *.example.com 127.0.0.1",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()
