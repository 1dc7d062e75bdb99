"""How a client reaches the suite: address, credential, deadlines, retries, connection options, each with its reason."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final
from urllib.parse import urlsplit

TARGET_VARIABLE: Final = "SCORELINE_TARGET"
API_KEY_VARIABLE: Final = "SCORELINE_API_KEY"

DEFAULT_TARGET: Final = "localhost:8080"
"""Where `make up` answers."""

CALL_TIMEOUT_S: Final = 15.0
"""Deadline of one attempt of a unary call: above the broker's confirmation and a slow query."""

ANALYTICS_TIMEOUT_S: Final = 60.0
"""The same for a method that reads a whole project: the edge gives up then too."""

LEDGER_TIMEOUT_S: Final = 600.0
"""The same for a method that folds a whole ledger."""

RETRY_FOR_S: Final = 30.0
"""How long a call that may be repeated is repeated: a service restarts well within it."""

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 10.0
"""Waits between attempts double from the first to the greatest, each drawn at random below that (full jitter)."""

BATCH_EVENTS_MAX: Final = 1_000
"""The service takes no more in one call."""

BATCH_EVENTS: Final = 500
"""Events gathered into one call: past this the broker's atomic batches gain nothing."""

BATCH_BYTES_MAX: Final = 3_500_000
"""Encoded events in one call: below the 4 MB that gRPC servers take by default."""

MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest answer taken: a page of 1,000 timeline entries of 32 KB each fits."""

KEEPALIVE_TIME_S: Final = 30.0
"""A connection with calls on it is pinged when it has been silent for so long; a dead one is noticed..."""
KEEPALIVE_TIMEOUT_S: Final = 10.0
"""... so long after that."""

RECONNECT_BACKOFF_FIRST_S: Final = 0.2
RECONNECT_BACKOFF_MAX_S: Final = 5.0
"""How fast a channel connects anew: a restarted suite is found within seconds (gRPC's default is two minutes)."""


class InvalidSettings(ValueError):
    """The client can't be made from these settings."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When and for how long calls that may be repeated are repeated."""

    for_s: float = RETRY_FOR_S
    """Total, from the first attempt; 0: never repeat."""
    first_wait_s: float = BACKOFF_FIRST_S
    max_wait_s: float = BACKOFF_MAX_S

    def wait_s(self, failures: int, retry_after_s: float | None) -> float:
        """How long to wait after so many failures in a row (from 1); never less than the service asked for."""
        ceiling = min(self.max_wait_s, self.first_wait_s * 2.0 ** min(failures - 1, 32))
        jitter = random.uniform(0, ceiling)  # noqa: S311 - spreads callers, guards nothing
        return jitter if retry_after_s is None else retry_after_s + jitter


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a client is made from."""

    target: str
    """host:port."""
    api_key: str = field(repr=False)
    tls: bool = False
    timeout_s: float = CALL_TIMEOUT_S
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    @classmethod
    def resolve(
        cls,
        target: str | None,
        api_key: str | None,
        *,
        tls: bool | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
        retry: RetryPolicy | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Settings from arguments, else from SCORELINE_TARGET and SCORELINE_API_KEY.

        `target` is host:port or a URL; https:// means TLS. Raises InvalidSettings.
        """
        where = target or environment.get(TARGET_VARIABLE, "") or DEFAULT_TARGET
        key = api_key or environment.get(API_KEY_VARIABLE, "")
        if not key:
            raise InvalidSettings(f"no API key: pass api_key or set {API_KEY_VARIABLE}")
        if timeout_s <= 0:
            raise InvalidSettings("timeout_s must be above 0")
        address, secure = _address(where)
        return cls(
            target=address,
            api_key=key,
            tls=secure if tls is None else tls,
            timeout_s=timeout_s,
            retry=retry or RetryPolicy(),
        )

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return (("x-api-key", self.api_key),)


def channel_options() -> list[tuple[str, int | str]]:
    """Options of the one channel a client has."""
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.keepalive_time_ms", int(KEEPALIVE_TIME_S * 1000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_TIMEOUT_S * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", int(RECONNECT_BACKOFF_FIRST_S * 1000)),
        ("grpc.min_reconnect_backoff_ms", int(RECONNECT_BACKOFF_FIRST_S * 1000)),
        ("grpc.max_reconnect_backoff_ms", int(RECONNECT_BACKOFF_MAX_S * 1000)),
        # A connection of its own: one client's backoff or flow control is not another's.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.primary_user_agent", f"scoreline-python/{version()}"),
    ]


def version() -> str:
    """Version of the installed package."""
    try:
        return metadata.version("scoreline")
    except metadata.PackageNotFoundError:
        return "0"


def _address(where: str) -> tuple[str, bool]:
    """host:port and whether the connection is encrypted."""
    if "://" not in where:
        return where, False
    parts = urlsplit(where)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise InvalidSettings(f"target {where!r} is neither host:port nor http(s)://host[:port]")
    secure = parts.scheme == "https"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    try:
        port = parts.port or (443 if secure else 80)
    except ValueError as error:
        raise InvalidSettings(f"target {where!r}: {error}") from None
    return f"{host}:{port}", secure
