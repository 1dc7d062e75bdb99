"""One record of a file, the limit on its length, and the end of all reading."""

from dataclasses import dataclass
from typing import Any

RECORD_CHARS_MAX = 256 * 1024
"""A longer record is no event (its properties have 32 KB at most) and is never held as a whole."""

TOO_LONG = f"is longer than {RECORD_CHARS_MAX:,} characters"


class UnreadableFile(Exception):
    """The file can't be read, or not further; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is in the file."""

    line: int
    """The line it begins on, from 1; of a JSON array, the element, from 1."""
    value: Any = None
    """The cells of a CSV record, the value of a JSON one; None when there is a problem."""
    problem: str = ""
    """Why it can't be read; empty when it can."""
