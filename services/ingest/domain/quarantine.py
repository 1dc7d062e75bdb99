"""What makes two things in quarantine the same one, and how much of a project is kept there."""

import hashlib

ITEM_ID_PREFIX = "qua_"
_ID_HEX_DIGITS = 32
"""128 bits: no two items of a project meet."""

ITEMS_MAX = 20_000
"""Items of a share of a project. So many are no accident of single events: it takes somebody to mend the cause, not
more room."""

BYTES_MAX = 200 * 1024**2
"""Payload of a share's items together, whatever their size."""

PUBLIC = "public"
"""The share of events that came with keys that everyone can read: strangers fill only this one. Any other share is a
reason's."""


def share_of(reason: str, public: bool) -> str:
    """Whose room an item takes: what is too much of one kind leaves that of the others alone."""
    return PUBLIC if public else reason


def item_id(reason: str, source_id: str, payload: bytes) -> str:
    """The id of what came: the same bytes for the same reason through the same source are the same item."""
    return _id(reason.encode(), source_id.encode(), payload)


def event_item_id(reason: str, public: bool, event_id: str, payload_hash: bytes) -> str:
    """The id of an accepted event: its bytes differ each time it is sent. No item is of two shares."""
    share = share_of(reason, public)
    return _id(share.encode(), reason.encode(), event_id.encode(errors="replace"), payload_hash)


def _id(*parts: bytes) -> str:
    # Each part with its length: no two lists of parts look alike.
    digest = hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts))
    return ITEM_ID_PREFIX + digest.hexdigest()[:_ID_HEX_DIGITS]
