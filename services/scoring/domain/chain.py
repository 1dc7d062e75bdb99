"""The hash chain that makes the ledger tamper-evident.

A project's ledger grows in blocks, one for each transaction that appends. A block's hash covers the block before it
and the hash of every entry in it, so nothing can be changed, removed, inserted or reordered without breaking every
later block. Entries are chained by their hash alone: an entry can be erased, its hash kept, and the chain still
verifies.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

GENESIS = bytes(32)
"""What stands before the first block."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Record time of a project in which nothing was recorded yet."""


def next_record_time(now: datetime, last: datetime) -> datetime:
    """The record time of what is recorded next in a project. It always moves on, whatever the clocks of its writers
    say: so a record time names one state of the project's knowledge, exactly and for ever."""
    return max(now, last + timedelta(microseconds=1))


def entry_hash(
    project_id: str,
    position: int,
    event_id: str,
    subject: str,
    event_type: str,
    occurred_at: datetime,
    recorded_at: datetime,
    source: str,
    properties: str,
    payload_hash: bytes,
) -> bytes:
    """SHA-256 over every column of a ledger entry; each part is preceded by its length, so that no two entries give
    the same bytes. `properties` is the JSON text as stored."""
    parts = (
        project_id,
        str(position),
        event_id,
        subject,
        event_type,
        occurred_at.astimezone(UTC).isoformat(),
        recorded_at.astimezone(UTC).isoformat(),
        source,
        properties,
    )
    encoded = [part.encode() for part in parts]
    whole = b"".join(len(raw).to_bytes(4, "big") + raw for raw in encoded)
    return hashlib.sha256(whole + payload_hash).digest()


def block_hash(previous: bytes, entry_hashes: Iterable[bytes]) -> bytes:
    """SHA-256 over the previous block's hash and the entries' hashes in order of position."""
    return hashlib.sha256(previous + b"".join(entry_hashes)).digest()
