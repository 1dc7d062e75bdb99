"""Page sizes and page tokens (AIP-158). A token is a position in an order plus a fingerprint of the request it belongs
to; it grants nothing, since the project comes from the credential."""

import base64
import binascii
import hashlib
import json
from typing import Any

from google.protobuf.message import Message

from services.shared.errors import InvalidFields, Violation

_FINGERPRINT_BYTES = 6
_NUMBER_LIMIT = 2**63


def page_size(requested: int, default: int, maximum: int) -> int:
    """The size to use: the default for 0, at most `maximum`. Raises InvalidFields for a negative one."""
    if requested < 0:
        raise InvalidFields([Violation("page_size", f"must be 0 (for {default}) to {maximum}")])
    return min(requested or default, maximum)


def encode(position: list[Any], request: Message, field: str = "page_token") -> str:
    """A token for the page after `position`, a list of JSON values; `field` is where the request takes it."""
    body = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_fingerprint(request, field) + body).decode().rstrip("=")


def decode(
    token: str, request: Message, length: int, field: str = "page_token"
) -> list[Any] | None:
    """The position in a token that the request has in `field`, or None for the first page.

    Raises InvalidFields when the token is malformed, has not `length` parts or belongs to another request.
    """
    if not token:
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        position = json.loads(raw[_FINGERPRINT_BYTES:])
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if not isinstance(position, list) or len(position) != length or not all(map(_plain, position)):
        raise InvalidFields([Violation(field, "is not a token this method has given out")])
    if raw[:_FINGERPRINT_BYTES] != _fingerprint(request, field):
        raise InvalidFields(
            [Violation(field, "belongs to a request with other filters: start at the first page")]
        )
    return position


def _plain(part: object) -> bool:
    """Whether the database can take a part: a text has no NUL and no half of a character, a whole number 64 bits."""
    if isinstance(part, str):
        return "\0" not in part and not any("\ud800" <= character <= "\udfff" for character in part)
    return not isinstance(part, int) or abs(part) < _NUMBER_LIMIT


def _fingerprint(request: Message, token_field: str) -> bytes:
    same = type(request)()
    same.CopyFrom(request)
    for field in (token_field, "page_size"):
        if field in same.DESCRIPTOR.fields_by_name:
            same.ClearField(field)
    return hashlib.sha256(same.SerializeToString(deterministic=True)).digest()[:_FINGERPRINT_BYTES]
