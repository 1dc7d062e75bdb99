"""The addresses of the hosts that deliveries go to: as the operating system resolves names, or as name servers of the
operator's choice answer. Whether an address may be sent to is decided by who asked (`endpoint_sender.py`)."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

THREADS_MAX = 64
"""Names looked up at once by the operating system. Threads of their own: names that never resolve must not hold up
anything else."""

QUERY_TIMEOUT_S = 2.0
"""A name server that has not answered within this is asked again, or the next one is."""

PORT = 53
PORT_MAX = 65_535

_WITH_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")


class Lookup(Protocol):
    """Finds addresses."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, for a connection to a port. Raises OSError, socket.gaierror where there is no such
        name."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class SystemLookup:
    """As the operating system resolves names, odd spellings of addresses included."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, "webhook-lookup")

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _system_addresses, host, port)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class NameServer:
    """Whom to ask."""

    address: str
    port: int = PORT


def name_server(text: str) -> NameServer:
    """An address, or one with a port: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`. Raises ValueError."""
    match = _WITH_PORT.fullmatch(text)
    if match is None:
        return NameServer(str(ipaddress.ip_address(text)))
    address = ipaddress.ip_address(match["v6"] or match["v4"])
    port = int(match["port"])
    if not 1 <= port <= PORT_MAX:
        raise ValueError(f"{text!r} has no valid port")
    return NameServer(str(address), port)


class NameServerLookup:
    """As these name servers answer. They must resolve names in full: aliases that lead elsewhere are not followed from
    here. The operating system is not asked, neither its resolver nor /etc/hosts, and nothing is kept for the next time.
    """

    def __init__(self, servers: Sequence[NameServer], timeout_s: float) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [
            dns.nameserver.Do53Nameserver(one.address, one.port) for one in servers
        ]
        self._resolver.timeout = QUERY_TIMEOUT_S
        self._resolver.lifetime = timeout_s

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, of both kinds. Where one kind can't be asked for there are none: what is not known
        can't be checked."""
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            # A name then.
            pass
        try:
            name = dns.name.from_text(host)
            found = await asyncio.gather(
                self._ask(name, dns.rdatatype.A), self._ask(name, dns.rdatatype.AAAA)
            )
        except dns.exception.Timeout as error:
            raise TimeoutError from error
        except dns.exception.DNSException as error:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server has an answer") from error
        addresses = [address for some in found for address in some]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return addresses

    def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> list[str]:
        try:
            answer = await self._resolver.resolve(
                name, kind, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            # Some servers say so of a name that has addresses of the other kind only (RFC 4074).
            return []
        return [record.address for record in answer]


def _system_addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
