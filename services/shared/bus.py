"""The connection to NATS and the streams on it. Publishing is in `publishing.py`, reading in `consuming.py`."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from services.shared import logs
from services.shared.retrying import until_available

log = logs.get("bus")

CONNECT_TIMEOUT_S = 2
"""One attempt; a broker on the same network answers in milliseconds."""

RECONNECT_WAIT_S = 0.1
"""Pause between attempts after a lost connection."""

PING_INTERVAL_S = 10
"""A broker that answers no ping for two intervals counts as lost."""

API_TIMEOUT_S = 5.0
"""A JetStream API call (stream or consumer administration)."""

TOKEN_HEX_DIGITS = 32
"""128 bits of a SHA-256: no two references of a project meet."""


def subject_token(reference: str) -> str:
    """A reference as one token of a subject: a hash, so that subjects carry no personal data and no special sign."""
    return hashlib.sha256(reference.encode()).hexdigest()[:TOKEN_HEX_DIGITS]


class Bus:
    """A NATS connection that reconnects by itself for as long as the process lives."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=API_TIMEOUT_S)
        self._reconnected: list[Callable[[], None]] = []

    @classmethod
    async def connect(cls, url: str, name: str, timeout_s: float) -> "Bus":
        """Connect, waiting up to `timeout_s` seconds for the broker. Raises nats' last error after that."""
        client = Client()
        bus = cls(client)

        said: set[str] = set()

        async def on_disconnect() -> None:
            log.warning("broker connection lost")

        async def on_reconnect() -> None:
            log.info("broker connection restored")
            said.clear()
            for callback in list(bus._reconnected):
                callback()

        async def on_error(error: Exception) -> None:
            kind = type(error).__name__
            # While the broker is away every attempt to connect fails, ten times a second: once is enough to know.
            if client.is_connected or kind not in said:
                log.warning("broker connection error", error=kind)
                said.add(kind)

        async def attempt() -> None:
            await client.connect(
                url,
                name=name,
                connect_timeout=CONNECT_TIMEOUT_S,
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]
                ping_interval=PING_INTERVAL_S,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
                error_cb=on_error,
            )

        # nats-py retries the first connect by itself for ever when reconnects are unlimited: bound it here.
        async with asyncio.timeout(timeout_s):
            await until_available("broker", attempt, (OSError, nats.errors.Error), timeout_s)
        return bus

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached right now."""
        return self.client.is_connected

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever a lost connection is back."""
        self._reconnected.append(callback)

    def forget_reconnect(self, callback: Callable[[], None]) -> None:
        """Take back on_reconnect."""
        with suppress(ValueError):
            self._reconnected.remove(callback)

    async def ensure_stream(self, config: StreamConfig, timeout_s: float) -> None:
        """Make the stream, or give an existing one this configuration; waits for JetStream to be ready."""

        async def attempt() -> None:
            try:
                await self.jetstream.add_stream(config)
            except nats.js.errors.BadRequestError as error:
                if error.err_code != STREAM_NAME_IN_USE:
                    raise
                await self.jetstream.update_stream(config)

        await self._administer(f"stream {config.name}", attempt, timeout_s)

    async def wait_for_stream(self, name: str, timeout_s: float) -> None:
        """Wait until the service that owns the stream has made it."""

        async def attempt() -> None:
            await self.jetstream.stream_info(name)

        await self._administer(f"stream {name}", attempt, timeout_s)

    async def _administer(
        self, what: str, attempt: Callable[[], Awaitable[None]], timeout_s: float
    ) -> None:
        passing = (
            nats.errors.Error,
            nats.js.errors.NotFoundError,
            nats.js.errors.ServiceUnavailableError,
            nats.js.errors.NoStreamResponseError,
            TimeoutError,
        )
        await until_available(what, attempt, passing, timeout_s)

    async def close(self) -> None:
        """Flush what was published and leave. A broker that is gone does not hold the process up."""
        try:
            if self.client.is_connected:
                await self.client.flush(timeout=CONNECT_TIMEOUT_S)
        except (nats.errors.Error, TimeoutError) as error:
            log.warning("could not flush", error=type(error).__name__)
        await self.client.close()


STREAM_NAME_IN_USE = 10058
"""JetStream error: the stream exists with another configuration."""
