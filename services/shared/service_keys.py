"""Credentials of services: a service may call another one in a project's name, to read, while no caller is there whose
API key it could hand on. They are made and checked under a secret that all services share, and last some minutes."""

import hashlib
import hmac
import re
from datetime import datetime

from scoreline.common.v1 import scope_pb2
from services.shared.clock import Clock
from services.shared.config import ServiceConfig
from services.shared.context import Caller

PREFIX = "sls_"
"""What credentials of services begin with; API keys begin with `sl_`."""

KEY_ID = "service"
"""Stands for the key where a caller's is named: no API key has this id."""

LIFETIME_S = 300
"""Long enough for a call and its retries; short enough that one found somewhere is worthless soon."""

CLOCK_SKEW_S = 30
"""How far the clocks of two machines may be apart."""

_FORM = re.compile(r"(sls_([a-z][a-z0-9-]*)_([0-9]{1,12}))_([0-9a-f]{64})")
_CONTEXT = b"scoreline.service-credential.1\x00"
"""The version, in what is signed; keeps signatures of other things, made with the same key by mistake, from being taken
for a credential's."""

_SCOPES = frozenset({scope_pb2.SCOPE_READ})


class ServiceKeys:
    """Makes credentials of the form `sls_<project id>_<expiry, Unix seconds>_<HMAC-SHA256 of both, hex>`, and says who
    calls with one.

    `previous_key` is only checked with: it lets services that have the new key and such that have not call each other.
    """

    def __init__(self, clock: Clock, key: bytes, previous_key: bytes | None = None) -> None:
        self._clock = clock
        self._key = key
        self._accepted = (key,) if previous_key is None else (key, previous_key)

    def make(self, project_id: str) -> str:
        """A fresh credential, to be sent as an API key is, once or a few times; never to be logged."""
        expiry = int(self._clock.now().timestamp()) + LIFETIME_S
        signed = f"{PREFIX}{project_id}_{expiry}"
        return f"{signed}_{_signature(self._key, signed)}"

    def find(self, credential: str) -> Caller | None:
        """Who calls with it: the project, by the scope `read`. None when it is malformed, forged or expired."""
        form = _FORM.fullmatch(credential)
        if form is None:
            return None
        signed, project_id, expiry, signature = form.groups()
        # Every key is tried, whatever the outcome of the first: the time taken tells nothing.
        known = [hmac.compare_digest(_signature(key, signed), signature) for key in self._accepted]
        if not any(known) or not _valid(int(expiry), self._clock.now()):
            return None
        return Caller(project_id, KEY_ID, _SCOPES)


def service_keys(config: ServiceConfig, clock: Clock) -> ServiceKeys | None:
    """As the settings have it; None without a key: then the service neither takes such credentials nor makes any."""
    key, previous = config.service_key, config.previous_service_key
    if key is None:
        return None
    return ServiceKeys(
        clock,
        key.get_secret_value().encode(),
        previous.get_secret_value().encode() if previous is not None else None,
    )


def _valid(expiry: int, now: datetime) -> bool:
    # One that would last longer than any that is made comes from a clock that is far wrong.
    left_s = expiry - now.timestamp()
    return -CLOCK_SKEW_S < left_s <= LIFETIME_S + CLOCK_SKEW_S


def _signature(key: bytes, signed: str) -> str:
    return hmac.digest(key, _CONTEXT + signed.encode(), hashlib.sha256).hex()
