"""API keys: how one is read from a call, and whose it is. Accounts puts each valid key's hash into the KV bucket
`credentials`; every service follows the bucket and answers from memory, so a revocation reaches all of them at once.
Credentials of services are in no bucket: service_keys.py checks them."""

import asyncio
import hashlib
from collections.abc import Iterable

from scoreline.accounts.v1 import account_pb2
from services.shared.bus import Bus
from services.shared.consuming import StreamReader
from services.shared.context import Caller
from services.shared.retrying import until_available
from services.shared.service_keys import PREFIX, ServiceKeys

BUCKET = "credentials"
"""Name of the KV bucket."""

STREAM = f"KV_{BUCKET}"
"""The stream behind the bucket."""

KEY_SUBJECT = f"$KV.{BUCKET}.key."
"""Subject prefix of the entries: the SHA-256 of the API key follows, in hex."""

PROJECT_SUBJECT = f"$KV.{BUCKET}.project."
"""Subject prefix of the projects: the project id follows."""

READ_BATCH = 500


def digest(api_key: str) -> str:
    """What is stored of a key. A key has 160 random bits and more, so a plain hash can't be searched through."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def api_key_of(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The key in `x-api-key` or `authorization: Bearer`; empty when there is none."""
    bearer = ""
    for name, value in metadata:
        if name == "x-api-key" and isinstance(value, str):
            return value
        if name == "authorization" and isinstance(value, str) and value[:7].lower() == "bearer ":
            bearer = value[7:].strip()
    return bearer


def caller_of(credential: account_pb2.Credential) -> Caller:
    """Who calls with a key, as the bucket has it."""
    return Caller(
        credential.project_id,
        credential.key_id,
        frozenset(credential.scopes),
        tuple(credential.allowed_origins),
        credential.requests_per_minute,
    )


class Credentials:
    """The valid keys, by hash, kept up to date from the bucket."""

    def __init__(self, bus: Bus, service_keys: ServiceKeys | None = None) -> None:
        self._callers: dict[str, Caller] = {}
        self._reader = StreamReader(bus, STREAM, KEY_SUBJECT + ">", 0, last_per_subject=True)
        self._bus = bus
        self._service_keys = service_keys
        self._changed = asyncio.Condition()

    async def load(self, timeout_s: float) -> None:
        """Read the bucket as it is now, waiting for accounts to have made it."""
        await self._bus.wait_for_stream(STREAM, timeout_s)
        waiting = await until_available("credentials", self._reader.start, Exception, timeout_s)
        while waiting > 0:
            waiting -= await self._take()

    async def follow(self) -> None:
        """Apply changes as they come, for ever."""
        while True:
            await self._take()

    def find(self, api_key: str) -> Caller | None:
        """Who holds the key; None when it is unknown, revoked or, as those of services are soon, expired."""
        if self._service_keys is not None and api_key.startswith(PREFIX):
            return self._service_keys.find(api_key)
        return self._callers.get(digest(api_key))

    async def reflects(self, key_hash: str, expected: Caller | None, timeout_s: float) -> bool:
        """Whether the key of that hash is known here as `expected` (None: as none); waits up to `timeout_s` seconds for
        the news."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._callers.get(key_hash) == expected)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop following."""
        await self._reader.close()

    async def _take(self) -> int:
        entries = await self._reader.take(READ_BATCH)
        for message, _ in entries:
            key_hash = message.subject.removeprefix(KEY_SUBJECT)
            if not message.data:  # a KV delete
                self._callers.pop(key_hash, None)
                continue
            credential = account_pb2.Credential.FromString(message.data)
            self._callers[key_hash] = caller_of(credential)
        async with self._changed:
            self._changed.notify_all()
        return len(entries)
