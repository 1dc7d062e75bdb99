"""Names that lie: a name server that rebinds, answers with several addresses, leads elsewhere or says nothing. What may
be sent to is 127.0.0.2; 127.0.0.3 and ::1 listen on the same port and never see a connection."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from services.notify import endpoint_name_servers
from services.notify.domain.endpoints import Attempt
from services.notify.endpoint_lookup import NameServer, name_server
from services.notify.endpoint_name_servers import NameServerLookup
from services.notify.endpoint_sender import Sender
from services.shared.clock import SystemClock
from tests.support.endpoint_rig import ENDPOINT
from tests.support.hostile_name_server import Behaviour, HostileNameServer, Question, Reply
from tests.support.hostile_receiver import Receiver

ALLOWED = (ipaddress.IPv4Network("127.0.0.2/32"),)
NAME = "hooks.test"
INTERNAL = "database.internal"
TIMEOUT_S = 0.5


@dataclass
class Trap:
    """Whom a delivery may and may not reach, and the name server that decides."""

    allowed: Receiver
    forbidden: list[Receiver]
    names: HostileNameServer
    sender: Sender

    async def send(self, host: str = NAME) -> Attempt:
        return await self.sender.send(
            replace(ENDPOINT, url=self.allowed.url("/", host)), "msg_1", "{}"
        )

    def reached(self) -> tuple[int, list[int]]:
        """Connections to where deliveries may go, and elsewhere."""
        return self.allowed.connections, [one.connections for one in self.forbidden]


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    async with AsyncExitStack() as life:
        allowed = await life.enter_async_context(Receiver().serve(host="127.0.0.2"))
        forbidden = [
            await life.enter_async_context(Receiver().serve(host=host, port=allowed.port))
            for host in ("127.0.0.3", "::1")
        ]
        names = await life.enter_async_context(HostileNameServer(lambda _: None).serve())
        lookup = NameServerLookup([NameServer("127.0.0.1", names.port)], TIMEOUT_S)
        sender = Sender(TIMEOUT_S, True, ALLOWED, SystemClock(), lookup=lookup)
        life.push_async_callback(sender.close)
        yield Trap(allowed, forbidden, names, sender)


def addresses(a: tuple[str, ...] = (), aaaa: tuple[str, ...] = ()) -> Behaviour:
    """A name with these addresses."""

    def behave(question: Question) -> Reply:
        found = a if question.kind == "A" else aaaa
        return Reply(tuple((question.name, question.kind, address) for address in found))

    return behave


def alias(question: Question) -> Reply:
    """Another name's address, as servers say it that resolve in full."""
    records: tuple[tuple[str, str, str], ...] = (
        (question.name, "CNAME", "alias.test."),
        ("alias.test", "CNAME", f"{INTERNAL}."),
    )
    if question.kind == "A":
        records += ((INTERNAL, "A", "127.0.0.3"),)
    return Reply(records)


def truncated(complete: tuple[str, ...]) -> Behaviour:
    """Too much for UDP, where only a part is said; all of it over TCP."""

    def behave(question: Question) -> Reply:
        if not question.over_tcp:
            return replace(addresses(("127.0.0.2",))(question), truncated=True)
        return addresses(complete)(question)

    return behave


def half_silent(question: Question) -> Reply | None:
    return addresses(("127.0.0.2",))(question) if question.kind == "A" else None


async def test_a_name_that_rebinds_is_not_followed(trap: Trap) -> None:
    answers = iter(["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"])

    def rebind(question: Question) -> Reply:
        return addresses((next(answers),))(question) if question.kind == "A" else Reply()

    trap.names.behaviour = rebind
    # So that each delivery needs a connection of its own.
    trap.allowed.behaviours["/"] = lambda _: "break off"
    found = [await trap.send() for _ in range(4)]
    assert [one.status for one in found] == [200, 0, 200, 0]
    assert [one.error for one in found[1::2]] == ["address refused"] * 2
    # Asked once for each: there is no second answer that could be another one.
    assert [one.kind for one in trap.names.asked].count("A") == 4
    assert trap.reached() == (2, [0, 0])


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(addresses(("127.0.0.2", "127.0.0.3")), "address refused", id="both"),
        pytest.param(addresses(("127.0.0.3", "127.0.0.2")), "address refused", id="both, reversed"),
        pytest.param(addresses(("127.0.0.2",), ("::1",)), "address refused", id="v6 beside it"),
        pytest.param(addresses((), ("::1",)), "address refused", id="v6 alone"),
        pytest.param(addresses((), ("::ffff:127.0.0.3",)), "address refused", id="mapped"),
        pytest.param(
            addresses(("127.0.0.2",), ("::ffff:127.0.0.3",)), "address refused", id="mapped beside"
        ),
        pytest.param(addresses((), ("64:ff9b::7f00:3",)), "address refused", id="NAT64"),
        pytest.param(alias, "address refused", id="alias"),
        pytest.param(
            lambda question: Reply(((question.name, "CNAME", f"{INTERNAL}."),)),
            "host not found",
            id="alias without address",
        ),
        pytest.param(
            lambda question: Reply(((question.name, "CNAME", f"{question.name}."),)),
            "host not found",
            id="alias of itself",
        ),
        pytest.param(
            lambda _: Reply(((INTERNAL, "A", "127.0.0.3"),)), "host not found", id="another name"
        ),
        pytest.param(lambda _: Reply(), "host not found", id="no address"),
        pytest.param(lambda _: Reply(rcode="NXDOMAIN"), "host not found", id="no name"),
        pytest.param(lambda _: Reply(rcode="SERVFAIL"), "host not found", id="server fails"),
        pytest.param(lambda _: Reply(rcode="REFUSED"), "host not found", id="server refuses"),
        pytest.param(truncated(("127.0.0.2", "127.0.0.3")), "address refused", id="truncated"),
        pytest.param(lambda _: None, "timeout", id="silence"),
        pytest.param(half_silent, "timeout", id="silence about v6"),
    ],
)
async def test_nobody_is_reached(trap: Trap, behaviour: Behaviour, error: str) -> None:
    trap.names.behaviour = behaviour
    attempt = await trap.send()
    assert (attempt.status, attempt.error) == (0, error)
    assert attempt.latency_ms < 5 * TIMEOUT_S * 1_000
    assert trap.names.asked
    assert INTERNAL not in [question.name for question in trap.names.asked]
    assert trap.reached() == (0, [0, 0])


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(addresses(("127.0.0.2",)), id="v4"),
        pytest.param(addresses((), ("::ffff:127.0.0.2",)), id="mapped"),
        pytest.param(truncated(("127.0.0.2",)), id="truncated"),
        pytest.param(
            lambda question: (
                addresses(("127.0.0.2",))(question)
                if question.kind == "A"
                else Reply(rcode="NXDOMAIN")
            ),
            id="no v6",
        ),
    ],
)
async def test_who_may_be_reached_is(trap: Trap, behaviour: Behaviour) -> None:
    trap.names.behaviour = behaviour
    attempt = await trap.send()
    assert (attempt.status, attempt.error) == (204, "")
    assert trap.allowed.receipts["/"][0].headers["host"] == f"{NAME}:{trap.allowed.port}"
    assert trap.reached() == (1, [0, 0])


@pytest.mark.parametrize(("host", "status"), [("127.0.0.2", 204), ("127.0.0.3", 0), ("[::1]", 0)])
async def test_nobody_is_asked_for_an_address(trap: Trap, host: str, status: int) -> None:
    assert (await trap.send(host)).status == status
    assert trap.names.asked == []
    assert trap.reached() == (1 if status else 0, [0, 0])


async def test_a_host_that_is_no_name_is_not_found(trap: Trap) -> None:
    assert (await trap.send("a" * 64 + ".test")).error == "host not found"


@pytest.mark.parametrize("reply", [None, Reply(rcode="SERVFAIL")], ids=["silent", "broken"])
async def test_after_a_server_of_no_use_the_next_is_asked(
    trap: Trap, monkeypatch: pytest.MonkeyPatch, reply: Reply | None
) -> None:
    monkeypatch.setattr(endpoint_name_servers, "QUERY_TIMEOUT_S", 0.05)
    trap.names.behaviour = addresses(("127.0.0.2",))
    async with HostileNameServer(lambda _: reply).serve() as useless:
        servers = [NameServer("127.0.0.1", useless.port), NameServer("127.0.0.1", trap.names.port)]
        lookup = NameServerLookup(servers, timeout_s=5)
        assert await lookup.addresses(NAME, 443) == ["127.0.0.2"]
        assert useless.asked


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", NameServer("192.0.2.1", 53)),
        ("192.0.2.1:5353", NameServer("192.0.2.1", 5353)),
        ("2001:db8::1", NameServer("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", NameServer("2001:db8::1", 5353)),
    ],
)
def test_a_name_server_is_an_address(text: str, server: NameServer) -> None:
    assert name_server(text) == server


@pytest.mark.parametrize("text", ["", "dns.example", "192.0.2.1:0", "192.0.2.1:65536", "1.2.3:53"])
def test_what_is_no_name_server(text: str) -> None:
    with pytest.raises(ValueError):
        name_server(text)
