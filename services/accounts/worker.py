"""Drawing keys, and seeing announcements through: the outbox relay publishes, this process's own copy of the bucket
shows that it arrived. The bucket itself is defined here, as a NATS key-value bucket (NATS ADR-8)."""

import secrets

from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from services.accounts.convert import credential
from services.accounts.domain import keys
from services.accounts.domain.model import ApiKey
from services.shared.credentials import BUCKET, STREAM, Credentials, caller_of
from services.shared.outbox import OutboxRelay

ANNOUNCEMENT_WAIT_S = 1.0
"""What is announced shows within milliseconds; after a second the caller is told that it could not be confirmed."""

DUPLICATE_WINDOW_S = 120.0

BUCKET_STREAM = StreamConfig(
    name=STREAM,
    description="Projects and valid API keys, by hash",
    subjects=[f"$KV.{BUCKET}.>"],
    storage=StorageType.FILE,
    max_msgs_per_subject=1,
    discard=DiscardPolicy.NEW,
    duplicate_window=DUPLICATE_WINDOW_S,
    allow_rollup_hdrs=True,
    deny_delete=True,
    allow_direct=True,
)


class SystemMint:
    """A ports.KeyMint on the operating system's random source."""

    def draw(self) -> str:
        return keys.compose(
            "".join(secrets.choice(keys.ID_ALPHABET) for _ in range(keys.ID_LENGTH)),
            "".join(secrets.choice(keys.SECRET_ALPHABET) for _ in range(keys.SECRET_LENGTH)),
        )


class BucketAnnouncer:
    """A ports.Announcer."""

    def __init__(self, relay: OutboxRelay, credentials: Credentials) -> None:
        self._relay = relay
        self._credentials = credentials

    async def announce(self, key: ApiKey) -> bool:
        self._relay.nudge()
        expected = None if key.revoke_time else caller_of(credential(key))
        return await self._credentials.reflects(key.key_hash, expected, ANNOUNCEMENT_WAIT_S)
