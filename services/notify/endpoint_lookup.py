"""The addresses of the hosts that deliveries go to, as the operating system resolves names; as name servers of the
operator's choice answer is in `endpoint_name_servers.py`. Whether an address may be sent to is decided by who asked
(`endpoint_sender.py`)."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

THREADS_MAX = 64
"""Names looked up at once by the operating system. Threads of their own: names that never resolve must not hold up
anything else."""

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


def _system_addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
