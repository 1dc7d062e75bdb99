"""Two small web servers for tests of the browser SDK: one with the pages of somebody's website, and one that stands in
for the suite's `POST /v1/track` and keeps every request as it came, so that a test can look for what should not be in
it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SDK = Path(__file__).parents[2] / "web" / "dist" / "scoreline.js"

Answer = tuple[int, dict[str, str], Any]
"""Status, headers and JSON body of an answer."""


def accepted(events: list[dict[str, Any]]) -> Answer:
    """What the suite answers to events that are all well."""
    results = [{"receipt": {"event_id": event["event_id"]}} for event in events]
    return 200, {}, {"results": results, "accepted_count": len(results)}


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in it."""
        events: list[dict[str, Any]] = json.loads(self.body)["events"]
        return events

    @property
    def raw(self) -> str:
        """Everything of it that left the browser."""
        return "\n".join([self.target, *(f"{k}: {v}" for k, v in self.headers.items()), self.body])


@dataclass
class Receiver:
    """The stand-in for the suite; `answer` decides what it says."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[list[dict[str, Any]]], Answer] = accepted

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that came, each once, in the order of their first coming."""
        found = {event["event_id"]: event for request in self.requests for event in request.events}
        return list(found.values())

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == event_type]


@dataclass
class Website:
    """Somebody's website, at any host below `localhost` (which browsers take for a secure one)."""

    port: int = 0
    pages: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """Its content security policy."""

    def url(self, path: str = "/", host: str = "shop.localhost") -> str:
        """The address of a page."""
        return f"http://{host}:{self.port}{path}"

    def origin(self, host: str = "shop.localhost") -> str:
        """What a browser says in `Origin`."""
        return f"http://{host}:{self.port}"


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, until the end of the context."""
    receiver = Receiver()

    class Handler(_Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            request = Request("POST", self.path, dict(self.headers.items()), body)
            receiver.requests.append(request)
            assert urlsplit(self.path).path == "/v1/track"
            assert parse_qs(urlsplit(self.path).query)["api_key"]
            status, headers, answer = receiver.answer(request.events)
            self.reply(status, "application/json", json.dumps(answer), headers)

        def do_OPTIONS(self) -> None:
            # No request of the SDK needs a preflight one: a test that meets it here fails.
            receiver.requests.append(Request("OPTIONS", self.path, dict(self.headers.items()), ""))
            self.reply(405, "text/plain", "")

    with _serving(Handler) as port:
        receiver.url = f"http://127.0.0.1:{port}"
        yield receiver


@contextmanager
def website() -> Iterator[Website]:
    """A website with the SDK at `/scoreline.js`, until the end of the context."""
    site = Website()

    class Handler(_Handler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/scoreline.js":
                self.reply(200, "text/javascript", SDK.read_text(encoding="utf-8"))
            elif path == "/favicon.ico":
                self.reply(200, "image/x-icon", "")
            elif path in site.pages:
                kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
                policy = {"content-security-policy": site.policy} if site.policy else {}
                self.reply(200, kind, site.pages[path], policy)
            else:
                self.reply(404, "text/plain", "no such page")

        do_POST = do_GET

    with _serving(Handler) as site.port:
        yield site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(
        self, status: int, kind: str, body: str, headers: dict[str, str] | None = None
    ) -> None:
        """Send an answer that pages of any origin may read."""
        content = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-expose-headers", "retry-after")
        self.send_header("cache-control", "no-store")
        self.send_header("connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """The test says what is wrong."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle is no error."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
