"""Secrets that must be had again in the clear (those that sign webhooks), encrypted while they are in a database."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_CHARS_MIN = 32


class SealBroken(Exception):
    """What is to be opened was not sealed under any of the keys."""


class Seal:
    """Encrypts under the first of its keys, decrypts under each (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, keys: str) -> None:
        """`keys`: one or more, separated by commas, the newest first. Raises ValueError for one that is too short."""
        texts = [key.strip() for key in keys.split(",")]
        if any(len(text) < KEY_CHARS_MIN for text in texts):
            raise ValueError(f"each key must have at least {KEY_CHARS_MIN} characters")
        self._fernet = MultiFernet([Fernet(_fernet_key(text)) for text in texts])

    def close(self, secret: str) -> bytes:
        """The secret, encrypted."""
        return self._fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret. Raises SealBroken."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise SealBroken from error


def _fernet_key(text: str) -> bytes:
    # A key is random enough by itself; the hash only gives it Fernet's length.
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
