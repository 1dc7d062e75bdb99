"""Resume tokens: a position in the SCORES stream that only this suite can have written. Whether the position can still
be resumed from is decided by `handlers.py`."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

FORMAT = 1
"""First byte of every token. Another layout gets another number, so old tokens are refused rather than misread."""

SIGNATURE_BYTES = 16
"""128 bits of HMAC-SHA256: beyond guessing, and the token goes out with every message."""

_BODY = struct.Struct(">BQQ")
_CONTEXT = b"scoreline.notify.resume-token\x00"
"""Keeps signatures of other things, made with the same key by mistake, from being taken for a token's."""


class TokenInvalid(Exception):
    """Malformed, forged, cut, signed with an unknown key, or of another project."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a stream: everything up to `sequence` has been seen."""

    stream_id: int
    """Tells streams of the same name apart: when the stream was made, in microseconds since 1970."""
    sequence: int


class TokenSigner:
    """Writes and reads the tokens of every project.

    The project is not in the token but in what is signed, so a token of another project is as good as a forged one.
    `previous_key` is only read with: it lets tokens outlive a change of the key.
    """

    def __init__(self, key: bytes, previous_key: bytes | None = None) -> None:
        self._key = key
        self._accepted = (key,) if previous_key is None else (key, previous_key)

    def issue(self, project_id: str, position: Position) -> str:
        """The token for the project's watchers at this position; URL-safe, 44 characters."""
        body = _BODY.pack(FORMAT, position.stream_id, position.sequence)
        return _encoded(body + _signature(self._key, project_id, body))

    def read(self, project_id: str, token: str) -> Position:
        """The position in a token of this project. Raises TokenInvalid."""
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise TokenInvalid from error
        # The decoder lets some other spellings of the same bytes pass; only what `issue` writes is a token.
        if len(raw) != _BODY.size + SIGNATURE_BYTES or _encoded(raw) != token:
            raise TokenInvalid
        body, signature = raw[: _BODY.size], raw[_BODY.size :]
        # Every key is tried, whatever the outcome of the first: the time taken tells nothing.
        known = [
            hmac.compare_digest(_signature(key, project_id, body), signature)
            for key in self._accepted
        ]
        if not any(known):
            raise TokenInvalid
        version, stream_id, sequence = _BODY.unpack(body)
        if version != FORMAT:
            raise TokenInvalid
        return Position(stream_id, sequence)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _signature(key: bytes, project_id: str, body: bytes) -> bytes:
    message = b"".join((_CONTEXT, body, project_id.encode()))
    return hmac.digest(key, message, hashlib.sha256)[:SIGNATURE_BYTES]
