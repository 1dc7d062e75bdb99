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

STANDARD_KEY_BYTES = 32
"""Standard Webhooks recommends 24 to 64."""

DRAWN_CHARS = 40
"""238 bits."""

HINT_CHARS = 4
HINTED_CHARS_MIN = 16
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
        if not key:
            return f"must be base64, {STANDARD_PREFIX} before it or not"
    if kind is Kind.SENDGRID:
        try:
            read_public_key(text)
        except InvalidPublicKey:
            return "must be SendGrid's public key: base64"
    return None


def hint(text: str) -> str:
    """What tells a secret from others without telling it."""
    bare = text.removeprefix(STANDARD_PREFIX)
    return bare[:HINT_CHARS] if len(bare) >= HINTED_CHARS_MIN else ""


def _drawn(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
