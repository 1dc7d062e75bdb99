"""Event types: what a sender may write, and the one spelling the suite knows it by. Rules and the ledger see only the
normal form."""

import re

TYPE_CHARS_MAX = 64

_ACCEPTED = re.compile(r"[A-Za-z][A-Za-z0-9 _.\-]*")
_SEPARATORS = re.compile(r"[ _.\-]+")
_NORMAL = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class InvalidName(ValueError):
    """Not an event type; the text says what one is."""


def event_type(name: str) -> str:
    """An event type in lower snake case.

    Runs of space, `_`, `-` and `.` become one `_`, those at the end go, and letters become lower case. Case marks no
    words: `PAGE_VIEW`, `Page View` and `page-view` are `page_view`, but `PageView` is `pageview`, because a rule that
    splits it would tear `EMail` and `iOS` apart. Raises InvalidName.
    """
    if len(name) <= TYPE_CHARS_MAX:
        if _NORMAL.fullmatch(name):
            return name
        if _ACCEPTED.fullmatch(name):
            return _SEPARATORS.sub("_", name).rstrip("_").lower()
    if not name:
        raise InvalidName("is required")
    raise InvalidName(
        f"must be 1 to {TYPE_CHARS_MAX} characters: a letter (a-z) first, then letters, digits, spaces, "
        "`_`, `-` and `.`"
    )
