"""Requests of actions: where they never go, what they don't carry, and what is said when there is no answer."""

from __future__ import annotations

import gzip
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from services.notify.endpoint_lookup import SystemLookup
from services.notify.endpoint_sender import AddressRefused, CheckedBackend
from services.notify.guarded_http import ANSWER_BYTES_MAX, GuardedHttp, NoAnswer
from services.shared.clock import SystemClock
from tests.support.hostile_name_server import Names
from tests.support.http_party import Asked, Party, Reply

LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"),)

Https = Callable[..., GuardedHttp]


def fine(asked: Asked) -> Reply:
    return Reply(200, {"path": asked.path})


@pytest.fixture
async def party() -> AsyncIterator[Party]:
    async with Party(fine).serve() as serving:
        yield serving


@pytest.fixture
async def http() -> AsyncIterator[Https]:
    async with AsyncExitStack() as stack:

        def make(
            allowed: Any = LOOPBACK, *, timeout_s: float = 20, http: bool = True, **more: Any
        ) -> GuardedHttp:
            found = more.pop("lookup", None) or SystemLookup()
            made = GuardedHttp(timeout_s, http, allowed, SystemClock(), lookup=found, **more)
            stack.push_async_callback(made.close)
            return made

        yield make


async def test_an_answer_is_what_the_other_side_said(party: Party, http: Https) -> None:
    answer = await http().send("POST", party.url("/a%2Fb?c=%20d"), {"X-A": "b"}, json={"x": "é"})
    assert (answer.status, answer.json()) == (200, {"path": "/a%2Fb?c=%20d"})
    asked = party.asked[0]
    assert (asked.method, asked.json, asked.headers["x-a"]) == ("POST", {"x": "é"}, "b")
    assert asked.headers["host"] == f"127.0.0.1:{party.port}"
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_this_machine_is_not_reached(party: Party, http: Https, host: str) -> None:
    with pytest.raises(NoAnswer, match=r"refused|not found") as refused:
        await http(()).send("POST", party.url("/secret", host), json={})
    assert party.connections == 0
    assert "secret" not in str(refused.value)


async def test_a_name_that_changes_its_address_does_not_help(party: Party, http: Https) -> None:
    found = iter([["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], []])
    one = http(lookup=Names(lambda host: next(found)))
    party.replies = lambda asked: Reply(200, "x", how="break off")
    with pytest.raises(NoAnswer, match="answer broke off"):
        await one.send("GET", party.url("/", "rebinding.test"))
    for _ in range(2):
        with pytest.raises(NoAnswer, match="address refused"):
            await one.send("GET", party.url("/", "rebinding.test"))
    assert party.connections == 1


async def test_the_environment_does_not_lead_astray(
    party: Party, http: Https, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, party.url())
    with pytest.raises(NoAnswer, match="address refused"):
        await http((), lookup=Names(lambda host: ["127.0.0.1"])).send("GET", "http://example.test/")
    assert party.connections == 0


async def test_no_redirect_is_followed_and_no_cookie_kept(party: Party, http: Https) -> None:
    one = http()
    party.replies = lambda asked: Reply(
        302, "", {"Location": "/other", "Set-Cookie": "session=of-another-project; Path=/"}
    )
    for _ in range(2):
        answer = await one.send("GET", party.url("/"))
        assert answer.status == 302
    assert [asked.path for asked in party.asked] == ["/", "/"]
    assert not any("cookie" in asked.headers for asked in party.asked)


@pytest.mark.parametrize(
    "url",
    [
        "https://user@host.test/",
        "https://host.test:25/",
        "ftp://host.test/",
        "https://999.1.1.1/",
        "https://host.test/\r\nX-A: b",
        "https://a..b/",
        "https:///x",
        "",
    ],
)
async def test_what_is_no_plain_url_is_refused_for_good(http: Https, url: str) -> None:
    assert http().problem(url)
    with pytest.raises(NoAnswer, match=r"^url refused: it ") as refused:
        await http().send("GET", url)
    assert refused.value.outcome.permanent


async def test_http_is_for_operators_to_allow(party: Party, http: Https) -> None:
    assert http(http=False).problem("http://host.test/") == "must begin with https://"
    with pytest.raises(NoAnswer, match="must begin with https"):
        await http(http=False).send("GET", party.url("/"))
    assert party.connections == 0


@pytest.mark.parametrize(
    ("how", "error"),
    [("stall", "timeout"), ("cut", "connection broke off"), ("break off", "answer broke off")],
)
async def test_what_goes_wrong_may_go_right_later(
    party: Party, http: Https, how: str, error: str
) -> None:
    party.replies = lambda asked: Reply(200, "x", how=how)
    with pytest.raises(NoAnswer, match=rf"^{error}") as failed:
        await http(timeout_s=0.3 if how == "stall" else 20).send("GET", party.url("/"))
    outcome = failed.value.outcome
    assert (outcome.succeeded, outcome.permanent) == (False, False)


async def test_nobody_listens(http: Https) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NoAnswer, match=r"^connection broke off: ConnectError"):
            await http().send("GET", url)


async def test_of_a_long_answer_only_the_beginning_is_read(party: Party, http: Https) -> None:
    party.replies = lambda asked: Reply(200, b"x" * (8 * 1024 * 1024))
    answer = await http().send("GET", party.url("/"))
    assert answer.body == b"x" * ANSWER_BYTES_MAX
    assert answer.json() is None


async def test_what_is_packed_is_not_unpacked(party: Party, http: Https) -> None:
    packed = gzip.compress(b"x" * 100_000_000)
    party.replies = lambda asked: Reply(200, packed, {"Content-Encoding": "gzip"})
    answer = await http().send("GET", party.url("/"))
    assert answer.body == packed[:ANSWER_BYTES_MAX]
    assert party.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "header", "permanent", "wait_s"),
    [
        (400, "7", True, 0),
        (404, "", True, 0),
        (429, "7", False, 7),
        (429, "soon", False, 0),
        (408, "", False, 0),
        (500, "7", False, 0),
        (503, "7", False, 7),
        (302, "", True, 0),
    ],
)
async def test_who_is_busy_is_asked_again(
    party: Party, http: Https, status: int, header: str, permanent: bool, wait_s: float
) -> None:
    party.replies = lambda asked: Reply(status, "no", {"Retry-After": header})
    outcome = (await http().send("GET", party.url("/"))).failed("no")
    assert (outcome.permanent, outcome.retry_after_s) == (permanent, wait_s)


async def test_a_date_until_when_to_wait(party: Party, http: Https) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    party.replies = lambda asked: Reply(503, "no", {"Retry-After": until})
    answer = await http().send("GET", party.url("/"))
    assert 90 < answer.retry_after_s <= 100


async def test_sockets_of_the_machine_are_never_reached() -> None:
    backend = CheckedBackend(LOOPBACK, SystemLookup())
    with pytest.raises(AddressRefused):
        await backend.connect_unix_socket("/run/any.sock")
