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

FORMAT_WITH_SUMS = 2
"""Of a token whose sums are elsewhere than the rest: three more sequences."""

SIGNATURE_BYTES = 16
"""128 bits of HMAC-SHA256: beyond guessing, and the token goes out with every message."""

_BODY = struct.Struct(">BQQ")
_BODY_WITH_SUMS = struct.Struct(">BQQQQQ")
_BODIES = {FORMAT: _BODY, FORMAT_WITH_SUMS: _BODY_WITH_SUMS}
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
    summed: tuple[int, ...] = ()
    """Where changes of some causes are sent as sums: up to where those of each of waiting.BULK_CAUSES are in sums that
    were sent. Empty: as far as all others."""


class TokenSigner:
    """Writes and reads the tokens of every project.

    The project is not in the token but in what is signed, so a token of another project is as good as a forged one.
    `previous_key` is only read with: it lets tokens outlive a change of the key.
    """

    def __init__(self, key: bytes, previous_key: bytes | None = None) -> None:
        self._key = key
        self._accepted = (key,) if previous_key is None else (key, previous_key)

    def issue(self, project_id: str, position: Position) -> str:
        """The token for the project's watchers at this position; URL-safe, 44 characters, with sums 76."""
        if position.summed:
            body = _BODY_WITH_SUMS.pack(
                FORMAT_WITH_SUMS, position.stream_id, position.sequence, *position.summed
            )
        else:
            body = _BODY.pack(FORMAT, position.stream_id, position.sequence)
        return _encoded(body + _signature(self._key, project_id, body))

    def read(self, project_id: str, token: str) -> Position:
        """The position in a token of this project. Raises TokenInvalid."""
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise TokenInvalid from error
        # The decoder lets some other spellings of the same bytes pass; only what `issue` writes is a token.
        layout = _BODIES.get(raw[0]) if raw else None
        if layout is None or len(raw) != layout.size + SIGNATURE_BYTES or _encoded(raw) != token:
            raise TokenInvalid
        body, signature = raw[: layout.size], raw[layout.size :]
        # Every key is tried, whatever the outcome of the first: the time taken tells nothing.
        known = [
            hmac.compare_digest(_signature(key, project_id, body), signature)
            for key in self._accepted
        ]
        if not any(known):
            raise TokenInvalid
        _, stream_id, sequence, *summed = layout.unpack(body)
        return Position(stream_id, sequence, tuple(summed))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _signature(key: bytes, project_id: str, body: bytes) -> bytes:
    message = b"".join((_CONTEXT, body, project_id.encode()))
    return hmac.digest(key, message, hashlib.sha256)[:SIGNATURE_BYTES]
