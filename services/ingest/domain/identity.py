"""What makes two sent events the same one: a hash over their content, and the id under which the broker drops copies.

Both are for ever: the ledger keeps the hash, and a hash that came out differently for the same content would turn every
repeated event into a conflict. `tests/unit/ingest/test_identity.py` pins them.
"""

import hashlib
from collections.abc import Sequence

_VERSION = b"scoreline.event.1"
_ABSENT = b"-"
MESSAGE_ID_HEX_DIGITS = 32
"""128 bits: no two events of a stream meet."""


def payload_hash(
    type_: str,
    subject: str,
    occur_us: int | None,
    source: str,
    properties: bytes,
    linked: Sequence[str] = (),
) -> bytes:
    """SHA-256 over what the sender said. `occur_us` is None when the sender gave no time: then a repetition, accepted
    later, is still the same event. `linked` are further references, which few events have."""
    return _digest(
        _VERSION,
        type_.encode(),
        subject.encode(),
        _ABSENT if occur_us is None else str(occur_us).encode(),
        source.encode(),
        properties,
        *(one.encode() for one in linked),
    ).digest()


def message_id(project_id: str, event_id: str, hash_: bytes) -> str:
    """The broker's id of an event. It has the content in it, so that the broker drops repetitions only: of two events
    with one id and different content both reach scoring, which reports the conflict."""
    return _digest(project_id.encode(), event_id.encode(), hash_).hexdigest()[
        :MESSAGE_ID_HEX_DIGITS
    ]


def _digest(*parts: bytes) -> "hashlib._Hash":
    # Each part with its length: no two lists of parts look alike.
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts))
