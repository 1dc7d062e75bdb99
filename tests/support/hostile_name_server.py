"""A name server that says what a test wants: over UDP and TCP, with a TTL of 0, on 127.0.0.1. And `Names`, a lookup
that needs none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL_S = 0


@dataclass(frozen=True)
class Question:
    """What was asked."""

    name: str
    """Without the dot at its end."""
    kind: str
    """A or AAAA."""
    over_tcp: bool


@dataclass(frozen=True)
class Reply:
    """What to say."""

    records: tuple[tuple[str, str, str], ...] = ()
    """Owner, type and value of each."""
    rcode: str = "NOERROR"
    truncated: bool = False


Behaviour = Callable[[Question], Reply | None]
"""None: no answer, ever."""


class HostileNameServer:
    """Answers as `behaviour` says."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Question] = []
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[HostileNameServer]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
        )
        try:
            yield self
        finally:
            transport.close()
            server.close()
            await server.wait_closed()

    def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        (asked,) = query.question
        name = asked.name.to_text(omit_final_dot=True)
        question = Question(name, dns.rdatatype.to_text(asked.rdtype), over_tcp)
        self.asked.append(question)
        reply = self.behaviour(question)
        if reply is None:
            return None
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.from_text(reply.rcode))
        if reply.truncated:
            response.flags |= dns.flags.TC
        for owner, kind, value in reply.records:
            found = dns.rrset.from_text(f"{owner}.", TTL_S, "IN", kind, value)
            response.answer.append(found)
        return response.to_wire()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        answer = self.answer(await reader.readexactly(size), over_tcp=True)
        if answer is not None:
            writer.write(len(answer).to_bytes(2) + answer)
            await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: HostileNameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        answer = self._server.answer(data, over_tcp=False)
        if answer is not None:
            self._transport.sendto(answer, addr)


class Names:
    """A Lookup that says what it is told to."""

    def __init__(self, answer: Callable[[str], Sequence[str]]) -> None:
        self._answer = answer

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        return self._answer(host)

    def close(self) -> None:
        pass
