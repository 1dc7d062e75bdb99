"""What makes two things in quarantine the same one, and how much of a project is kept there."""

import hashlib

ITEM_ID_PREFIX = "qua_"
_ID_HEX_DIGITS = 32
"""128 bits: no two items of a project meet."""

ITEMS_MAX = 100_000
"""Items of a project. So many are no accident of single events: it takes somebody to mend the cause, not more room."""

BYTES_MAX = 1024**3
"""Payload of a project's items together, whatever their size."""


def item_id(reason: str, source_id: str, payload: bytes) -> str:
    """The id of what came: the same bytes for the same reason through the same source are the same item."""
    # Each part with its length: no two lists of parts look alike.
    parts = (reason.encode(), source_id.encode(), payload)
    digest = hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts))
    return ITEM_ID_PREFIX + digest.hexdigest()[:_ID_HEX_DIGITS]
