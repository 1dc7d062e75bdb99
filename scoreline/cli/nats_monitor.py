"""What NATS's monitoring endpoint tells of streams, consumers and durability. Needs no credential; only a suite on this
machine says where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx

TIMEOUT_S: Final = 5.0
"""It answers from memory; a server that takes longer is not well."""


class MonitorUnavailable(Exception):
    """The endpoint does not answer, or not as expected."""


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """How far a consumer is."""

    name: str
    durable: bool
    """Whether it outlives its reader; others come and go with a process."""
    pending: int
    """Messages it has not been given yet."""
    unacknowledged: int
    """Messages it was given and has not acknowledged yet."""

    @property
    def lag(self) -> int:
        """Messages not done with."""
        return self.pending + self.unacknowledged


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds and who reads it."""

    name: str
    messages: int
    size_bytes: int
    consumers: tuple[ConsumerState, ...]


@dataclass(frozen=True, slots=True)
class Broker:
    """A NATS server."""

    version: str
    fsync: str
    """When it writes to disk: `always`, or the interval."""
    streams: tuple[StreamState, ...]
    """By name."""

    def lag(self, stream: str) -> int:
        """Messages of a stream that some consumer is not done with."""
        return sum(
            consumer.lag for one in self.streams if one.name == stream for consumer in one.consumers
        )


def read_broker(url: str) -> Broker:
    """The server's state now. Raises MonitorUnavailable."""
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as http:
            server = http.get("/varz").raise_for_status().json()
            jetstream = (
                http.get("/jsz", params={"streams": "1", "consumers": "1", "config": "1"})
                .raise_for_status()
                .json()
            )
        config = server.get("jetstream", {}).get("config", {})
        streams = [
            _stream(stream)
            for account in jetstream.get("account_details") or ()
            for stream in account.get("stream_detail") or ()
        ]
        by_name = tuple(sorted(streams, key=lambda one: one.name))
        return Broker(str(server["version"]), _fsync(config), by_name)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise MonitorUnavailable(f"{url}: {error}") from error


def _stream(detail: dict[str, Any]) -> StreamState:
    consumers = tuple(
        ConsumerState(
            one["name"],
            bool(one.get("config", {}).get("durable_name")),
            one["num_pending"],
            one["num_ack_pending"],
        )
        for one in detail.get("consumer_detail") or ()
    )
    return StreamState(
        detail["name"], detail["state"]["messages"], detail["state"]["bytes"], consumers
    )


def _fsync(config: dict[str, Any]) -> str:
    if config.get("sync_always"):
        return "always"
    nanoseconds = config.get("sync_interval")
    return f"every {nanoseconds / 1e9:g} s" if nanoseconds else "unknown"
