"""The addresses of hosts as name servers of the operator's choice answer. Loaded where there are such."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from services.notify.endpoint_lookup import NameServer

QUERY_TIMEOUT_S = 2.0
"""A name server that has not answered within this is asked again, or the next one is."""


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
