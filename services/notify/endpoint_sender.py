"""Sending one delivery over HTTP. The host is looked up here, every address it has is checked, and the connection goes
to the address that was checked: a name that resolves to another one a moment later changes nothing. No redirects, no
proxies, no more than a beginning of the answer is read."""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore

from services.notify import endpoint_signing
from services.notify.domain import addresses, retries, targets
from services.notify.domain.addresses import Network
from services.notify.domain.endpoints import Attempt, Endpoint
from services.notify.domain.targets import NotATarget
from services.notify.endpoint_lookup import Lookup
from services.shared.clock import Clock

USER_AGENT = "Scoreline-Webhooks/1.0"

ANSWER_BYTES_MAX = 64 * 1024
"""Of a longer answer only so much is read; the connection is closed then."""

EXCERPT_CHARS_MAX = 1_024

CONNECTIONS_MAX = 1_024
KEEPALIVE_CONNECTIONS_MAX = 256
KEEPALIVE_S = 5.0
"""Within the next delivery of a burst; a receiver's own limit is rarely shorter."""


class AddressRefused(Exception):
    """The host has an address that nothing may be sent to."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to hosts all of whose addresses are allowed."""

    def __init__(self, allowed: Sequence[Network], lookup: Lookup) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises AddressRefused, OSError and what httpcore raises."""
        found = await self._lookup.addresses(host, port)
        # One refused address is enough: whoever has a name point to both wants the other one reached.
        if not found or any(addresses.refused(address, self._allowed) for address in found):
            raise AddressRefused
        for address in found[:-1]:
            try:
                return await self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._connect(found[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _connect(
        self, address: str, port: int, timeout_s: float | None, local: str | None, options: Any
    ) -> httpcore.AsyncNetworkStream:
        return await self._backend.connect_tcp(address, port, timeout_s, local, options)


class Sender:
    """Sends deliveries. `http_allowed`: also to `http://`."""

    def __init__(
        self,
        timeout_s: float,
        http_allowed: bool,
        allowed: Sequence[Network],
        clock: Clock,
        *,
        lookup: Lookup,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._http_allowed = http_allowed
        self._clock = clock
        self._lookup = lookup
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=KEEPALIVE_CONNECTIONS_MAX,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=CheckedBackend(allowed, lookup),
        )

    async def send(self, endpoint: Endpoint, delivery_id: str, body: str) -> Attempt:
        """Try once; whatever goes wrong is part of the result."""
        began = self._clock.now()
        loop = asyncio.get_running_loop()
        started = loop.time()
        status, excerpt, wait_s, error = 0, "", 0.0, ""
        try:
            target = targets.parse(endpoint.url, self._http_allowed)
            signatures = endpoint_signing.headers(
                delivery_id, body, [one.text for one in endpoint.secrets], began
            )
            async with asyncio.timeout(self._timeout_s):
                request = self._pool.stream(
                    "POST",
                    httpcore.URL(
                        scheme=target.scheme, host=target.host, port=target.port, target=target.path
                    ),
                    headers=[
                        ("Host", target.authority),
                        ("User-Agent", USER_AGENT),
                        ("Content-Type", "application/json"),
                        *endpoint.headers.items(),
                        *signatures,
                    ],
                    content=body.encode(),
                )
                async with request as answer:
                    status = answer.status
                    wait_s = retries.retry_after_s(status, _header(answer, b"retry-after"), began)
                    excerpt = await _beginning(answer)
        except NotATarget as refusal:
            error = f"url refused: it {refusal}"
        except AddressRefused:
            error = "address refused"
        except (TimeoutError, httpcore.TimeoutException):
            error = "timeout"
        except socket.gaierror:
            error = "host not found"
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as failure:
            error = f"{'answer' if status else 'connection'} broke off: {named(failure)}"
        latency_ms = round((loop.time() - started) * 1000)
        return Attempt(began, status, latency_ms, excerpt, error, wait_s)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
        self._lookup.close()


def _header(answer: httpcore.Response, name: bytes) -> str:
    found = (value for key, value in answer.headers if key.lower() == name)
    return next(found, b"").decode("latin-1")


async def _beginning(answer: httpcore.Response) -> str:
    body = bytearray()
    async for part in answer.aiter_stream():
        body += part
        if len(body) >= ANSWER_BYTES_MAX:
            break
    text = bytes(body[: EXCERPT_CHARS_MAX * 4]).decode("utf-8", "replace")
    # Postgres takes no NUL in a text.
    return text[:EXCERPT_CHARS_MAX].replace("\x00", "\ufffd")


def named(failure: BaseException) -> str:
    """A word or two: texts of network errors may hold addresses of the operator's network."""
    cause = failure.__cause__ or failure.__context__ or failure
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "certificate not valid"
    return type(failure).__name__
