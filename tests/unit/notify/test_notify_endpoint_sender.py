"""Where a delivery goes and where it never does: hostile URLs, names that change their address, answers without end."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from services.notify.endpoint_lookup import Lookup, NameServer, SystemLookup
from services.notify.endpoint_name_servers import NameServerLookup
from services.notify.endpoint_sender import ANSWER_BYTES_MAX, EXCERPT_CHARS_MAX, Sender
from services.shared.clock import SystemClock
from tests.support import certificates
from tests.support.endpoint_rig import ENDPOINT
from tests.support.hostile_name_server import HostileNameServer, Names, Question, Reply
from tests.support.hostile_receiver import Receiver

LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"),)
HERE = {"A": "127.0.0.1", "AAAA": "::1"}

Senders = Callable[..., Sender]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serve() as serving:
        yield serving


@pytest.fixture
async def sender() -> AsyncIterator[Senders]:
    made: list[Sender] = []

    def make(
        allowed: Sequence[ipaddress.IPv4Network] = (),
        lookup: Lookup | None = None,
        timeout_s: float = 5,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Sender:
        made.append(
            Sender(
                timeout_s,
                True,
                allowed,
                SystemClock(),
                lookup=lookup or SystemLookup(),
                ssl_context=ssl_context,
            )
        )
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def names_of_here() -> AsyncIterator[Lookup]:
    """A name server for which every name is this machine."""

    def here(question: Question) -> Reply:
        return Reply(((question.name, question.kind, HERE[question.kind]),))

    async with HostileNameServer(here).serve() as server:
        yield NameServerLookup([NameServer("127.0.0.1", server.port)], 5)


@pytest.mark.parametrize("by_name_server", [False, True], ids=["system", "name server"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::127.0.0.1]",
        "LOCALHOST",
    ],
)
async def test_no_spelling_of_this_machine_is_reached(
    receiver: Receiver, sender: Senders, names_of_here: Lookup, host: str, by_name_server: bool
) -> None:
    lookup = names_of_here if by_name_server else SystemLookup()
    attempt = await sender(lookup=lookup).send(
        replace(ENDPOINT, url=f"http://{host}:{receiver.port}/"), "msg_1", "{}"
    )
    assert not attempt.succeeded
    assert attempt.status == 0
    refusals = ("address refused", "url refused")
    # What the operating system makes of odd spellings differs; for the name server all are names.
    assert attempt.error.startswith(refusals if by_name_server else (*refusals, "host not found"))
    assert receiver.connections == 0


async def test_a_name_is_refused_when_one_of_its_addresses_is(
    receiver: Receiver, sender: Senders
) -> None:
    both = sender(lookup=Names(lambda host: ["93.184.216.34", "127.0.0.1"]))
    attempt = await both.send(replace(ENDPOINT, url=receiver.url("/", "two.test")), "msg_1", "{}")
    assert attempt.error == "address refused"
    none = sender(lookup=Names(lambda host: []))
    attempt = await none.send(replace(ENDPOINT, url=receiver.url("/", "no.test")), "msg_1", "{}")
    assert attempt.error == "address refused"
    assert receiver.connections == 0


async def test_a_name_that_changes_its_address_is_looked_up_once(
    receiver: Receiver, sender: Senders
) -> None:
    """What was checked is what is connected to. Here the checked address is allowed and answers, and the next lookup
    would give one that is not."""
    asked: list[str] = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) % 2 else ["10.0.0.1"]

    rebound = sender(LOOPBACK, Names(rebinding))
    url = receiver.url("/", "rebinding.test")
    first = await rebound.send(replace(ENDPOINT, url=url), "msg_1", "{}")
    assert (first.status, asked) == (204, ["rebinding.test"])
    assert receiver.receipts["/"][0].headers["host"] == f"rebinding.test:{receiver.port}"
    # Another connection, another lookup: this one is refused before anything is opened.
    receiver.behaviours["/"] = lambda _: "break off"
    await rebound.send(replace(ENDPOINT, url=url), "msg_2", "{}")
    attempt = await rebound.send(replace(ENDPOINT, url=url), "msg_3", "{}")
    assert attempt.error == "address refused"


async def test_the_environment_does_not_lead_astray(
    receiver: Receiver, sender: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, receiver.url(""))
    away = sender(lookup=Names(lambda host: ["127.0.0.1"]))
    attempt = await away.send(replace(ENDPOINT, url="http://example.test/"), "msg_1", "{}")
    assert attempt.error == "address refused"
    assert receiver.connections == 0


async def test_a_redirect_is_a_failure(receiver: Receiver, sender: Senders) -> None:
    receiver.behaviours["/"] = lambda _: "redirect"
    attempt = await sender(LOOPBACK).send(replace(ENDPOINT, url=receiver.url("/")), "msg_1", "{}")
    assert (attempt.status, attempt.succeeded) == (302, False)
    assert not receiver.receipts["/redirected"]


@pytest.mark.parametrize(
    ("how", "status", "error"),
    [
        ("stall", 0, "timeout"),
        ("cut", 0, "connection broke off"),
        ("break off", 200, "answer broke off"),
        ("500", 500, ""),
    ],
)
async def test_what_a_receiver_does_is_what_is_written_down(
    receiver: Receiver, sender: Senders, how: str, status: int, error: str
) -> None:
    receiver.behaviours["/"] = lambda _: how
    attempt = await sender(LOOPBACK, timeout_s=0.3).send(
        replace(ENDPOINT, url=receiver.url("/")), "msg_1", "{}"
    )
    assert (attempt.status, attempt.succeeded) == (status, False)
    assert attempt.error.startswith(error)


async def test_an_answer_without_end_is_not_read_to_its_end(sender: Senders) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x\x00" * 8_192)
                await writer.drain()
                sent += 16_384
        except ConnectionError:
            return

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        attempt = await sender(LOOPBACK).send(
            replace(ENDPOINT, url=f"http://127.0.0.1:{port}/"), "msg_1", "{}"
        )
    assert attempt.succeeded
    assert len(attempt.excerpt) == EXCERPT_CHARS_MAX
    assert "\x00" not in attempt.excerpt
    # Besides what was read there is what the sockets hold.
    assert sent < ANSWER_BYTES_MAX + 16 * 1024 * 1024


async def test_the_certificate_must_be_the_hosts(
    receiver: Receiver, sender: Senders, tmp_path: Path
) -> None:
    """Although the connection goes to an address, TLS is with the name."""
    certificate = certificates.certificate(tmp_path, "good.test")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))

    here = Names(lambda host: ["127.0.0.1"])
    async with Receiver().serve(serving) as secure:
        for host, context, status, error in (
            ("good.test", trusting, 204, ""),
            ("other.test", trusting, 0, "connection broke off: certificate not valid"),
            ("good.test", None, 0, "connection broke off: certificate not valid"),
        ):
            url = f"https://{host}:{secure.port}/"
            attempt = await sender(LOOPBACK, here, ssl_context=context).send(
                replace(ENDPOINT, url=url), "msg_1", "{}"
            )
            assert (attempt.status, attempt.error) == (status, error)
        assert len(secure.receipts["/"]) == 1
