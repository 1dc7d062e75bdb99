"""Secrets of webhook sources: drawn where the sender does not make them, checked where it does."""

import base64
import binascii
import re
import secrets
import string

from services.ingest.domain.webhooks.model import SENDERS_SECRET, Kind
from services.ingest.domain.webhooks.signatures import STANDARD_PREFIX, standard_key
from services.ingest.webhook_ecdsa import InvalidPublicKey, read_public_key

SECRET_CHARS_MAX = 512
"""As the contract says."""

SECRET_CHARS_MIN = 16
"""Shorter ones are found by trying: who has seen one delivery can try at home."""

STANDARD_KEY_BYTES = 32
STANDARD_KEY_BYTES_MIN = 24
STANDARD_KEY_BYTES_MAX = 64
"""As Standard Webhooks says."""

DRAWN_CHARS = 40
"""238 bits."""

HINT_CHARS = 4
HINTED_CHARS_MIN = 24
"""Of a shorter secret 4 characters would be too much to show."""

SOURCE_ID_PREFIX = "whs_"
SOURCE_ID_CHARS = 24

_SOURCE_ID = re.compile(f"{SOURCE_ID_PREFIX}[A-Za-z0-9]{{{SOURCE_ID_CHARS}}}")
_ALPHABET = string.ascii_letters + string.digits


def draw_source_id() -> str:
    """`whs_` and letters and digits."""
    return SOURCE_ID_PREFIX + _drawn(SOURCE_ID_CHARS)


def is_source_id(text: str) -> bool:
    """Whether a text is written as the id of a source is."""
    return _SOURCE_ID.fullmatch(text) is not None


def draw(kind: Kind) -> str:
    """A secret for a source of this kind."""
    if kind is Kind.STANDARD_WEBHOOKS:
        key = secrets.token_bytes(STANDARD_KEY_BYTES)
        return STANDARD_PREFIX + base64.b64encode(key).decode()
    return _drawn(DRAWN_CHARS)


def problem(kind: Kind, text: str) -> str | None:
    """What is wrong with a secret that a caller gave, empty for none, as a sentence for the caller; None when
    nothing is."""
    if kind is Kind.NONE:
        return "must be empty: nothing is checked" if text else None
    if not text:
        return "is required: the sender makes it" if kind in SENDERS_SECRET else None
    if len(text) > SECRET_CHARS_MAX or not text.isprintable() or text != text.strip():
        return f"must be at most {SECRET_CHARS_MAX} printable characters, no space at either end"
    if kind is Kind.STANDARD_WEBHOOKS:
        try:
            key = standard_key(text)
        except (binascii.Error, ValueError):
            key = b""
        if not STANDARD_KEY_BYTES_MIN <= len(key) <= STANDARD_KEY_BYTES_MAX:
            return (
                f"must be base64 of {STANDARD_KEY_BYTES_MIN} to {STANDARD_KEY_BYTES_MAX} bytes, "
                f"{STANDARD_PREFIX} before it or not"
            )
    if kind is Kind.SENDGRID:
        return None if _is_public_key(text) else "must be SendGrid's public key: base64"
    if len(text) < SECRET_CHARS_MIN:
        return f"must be at least {SECRET_CHARS_MIN} characters"
    # Whoever has it could sign: it was shown to others when the source was SendGrid's.
    return "must not be a public key" if _is_public_key(text) else None


def _is_public_key(text: str) -> bool:
    try:
        read_public_key(text)
    except InvalidPublicKey:
        return False
    return True


def hint(text: str) -> str:
    """What tells a secret from others without telling it."""
    bare = text.removeprefix(STANDARD_PREFIX)
    return bare[:HINT_CHARS] if len(bare) >= HINTED_CHARS_MIN else ""


def _drawn(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
