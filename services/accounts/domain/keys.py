"""The written form of an API key: `sl_<id>_<secret>`. The prefix lets scanners of public code recognise a leaked key;
the id names it in lists and logs. Drawing the characters is not here."""

import re

ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 8

SECRET_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # noqa: S105 - an alphabet
SECRET_LENGTH = 32
"""32 of 62 characters: 190 bits. Nothing can search that, so a plain hash is enough to keep."""

SECRET_LENGTH_MAX = 128

KEY_FORMAT = f"`sl_`, {ID_LENGTH} characters of a-z and 2-7, `_`, and {SECRET_LENGTH} or more letters and digits"

_KEY = re.compile(
    rf"sl_([a-z2-7]{{{ID_LENGTH}}})_[A-Za-z0-9]{{{SECRET_LENGTH},{SECRET_LENGTH_MAX}}}"
)


def compose(id_characters: str, secret_characters: str) -> str:
    """The key made of these characters."""
    return f"sl_{id_characters}_{secret_characters}"


def key_id_of(key: str) -> str | None:
    """The public id of a key; None when it is not written as one."""
    match = _KEY.fullmatch(key)
    return f"key_{match[1]}" if match else None
