"""What other systems say of what went wrong, made fit to be kept and shown."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Databases and terminals stumble on them."""

_HALF = re.compile(r"[\ud800-\udfff]")
"""Of characters: bytes that are no text, as they come out of mail servers' replies, and what JSON may escape."""


def one_line(text: object) -> str:
    """It on one line, of characters that any encoding takes."""
    return " ".join(_CONTROL.sub(" ", _HALF.sub("\ufffd", str(text))).split())
