"""HTTP to URLs that users give, and to services on the internet, for actions: a request, its answer, nothing else. As
for webhooks (`endpoint_sender.py`) the connection goes to an address that was checked; no redirects, no proxies, no
cookies, nothing from the environment, no more of an answer than a bound, and an end in time. What goes wrong is said
without the URL, which may be a secret."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from services.notify.domain import retries, targets
from services.notify.domain.actions import Outcome
from services.notify.domain.addresses import Network
from services.notify.domain.targets import NotATarget
from services.notify.endpoint_lookup import Lookup
from services.notify.endpoint_sender import KEEPALIVE_S, AddressRefused, CheckedBackend, named
from services.shared.clock import Clock

USER_AGENT = "Scoreline-Automations/1.0"

ANSWER_BYTES_MAX = 256 * 1024
"""Many times what the other side has to say of one record; of a longer answer only so much is read."""

CONNECTIONS_MAX = 256
KEEPALIVE_CONNECTIONS_MAX = 64

BUSY = (408, 425, 429)
"""Statuses below 500 that say: later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes
    """Its beginning, where it is long."""
    retry_after_s: float
    """How long it asked to be left alone."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """What the body says in JSON; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def failed(self, error: str) -> Outcome:
        """The outcome where this is no success: whoever is busy or broken is asked again."""
        busy = self.status >= 500 or self.status in BUSY
        return Outcome(error=error, permanent=not busy, retry_after_s=self.retry_after_s)


class NoAnswer(Exception):
    """There is no answer; the text says why, without addresses and paths."""

    def __init__(self, why: str, *, permanent: bool = False) -> None:
        super().__init__(why)
        self.outcome = Outcome(error=why, permanent=permanent)


class GuardedHttp:
    """Sends requests. `http_allowed`: also to `http://`; `allowed`: networks that may be reached although they are not
    public."""

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
        self._client = httpx.AsyncClient(
            transport=_CheckedTransport(allowed, lookup, ssl_context),
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
            # Projects share a host, e.g. HubSpot's: what it remembers of one is not for another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )

    def problem(self, url: str) -> str | None:
        """What is wrong with a URL that is to be kept, as a sentence; None when nothing is. Names are not looked up."""
        try:
            targets.parse(url, self._http_allowed)
            httpx.URL(url)
        except NotATarget as refusal:
            return str(refusal)
        except httpx.InvalidURL:
            return "has no valid host"
        return None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> Answer:
        """Ask once. `content`: `json=` or `data=` (a form), as httpx has them. Raises NoAnswer."""
        problem = self.problem(url)
        if problem is not None:
            raise NoAnswer(f"url refused: it {problem}", permanent=True)
        status = 0
        try:
            async with asyncio.timeout(self._timeout_s):
                sent = self._client.stream(method, url, headers=headers, **content)
                async with sent as response:
                    status = response.status_code
                    wait_s = retries.retry_after_s(
                        status, response.headers.get("retry-after", ""), self._clock.now()
                    )
                    return Answer(status, await _beginning(response), wait_s)
        except AddressRefused:
            # It may be another one the next time: somebody's DNS is being mended.
            raise NoAnswer("address refused") from None
        except (TimeoutError, httpcore.TimeoutException):
            raise NoAnswer("timeout") from None
        except socket.gaierror:
            raise NoAnswer("host not found") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as failure:
            broken = "answer" if status else "connection"
            raise NoAnswer(f"{broken} broke off: {named(failure)}") from None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class _CheckedTransport(httpx.AsyncBaseTransport):
    """Has httpx's requests sent by a pool of httpcore's that opens connections through a backend of ours. What goes
    wrong stays httpcore's."""

    def __init__(
        self, allowed: Sequence[Network], lookup: Lookup, ssl_context: ssl.SSLContext | None
    ) -> None:
        self._lookup = lookup
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=KEEPALIVE_CONNECTIONS_MAX,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=CheckedBackend(allowed, lookup),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()
        self._lookup.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()


async def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    # Raw: what is packed was not asked for, and could be unpacked without end.
    async for part in response.aiter_raw():
        body += part
        if len(body) >= ANSWER_BYTES_MAX:
            break
    return bytes(body[:ANSWER_BYTES_MAX])
