"""Who did it: the four ways to refer to a lead, their limits and normal forms."""

import re
import unicodedata

KINDS = ("lead", "email", "anonymous", "external")
"""What a subject begins with, before the colon."""

ID_CHARS_MAX = 128
EMAIL_CHARS_MAX = 254
"""RFC 5321: 256 octets of a path, without its angle brackets."""

LEAD_ID_FORBIDDEN = ("email:", "anonymous:", "external:")
"""Ids of leads that the suite makes for other references begin so."""

# Plausible, not RFC 5322: something without spaces, quotes or brackets, an @, and a name with a dot in it. Letters of
# any script may be in both parts. Whether a mailbox exists is nobody's business here.
_EMAIL = re.compile(
    r"""[^\s@<>()\[\]\\,;:"]{1,64}@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.)+[^\W\d_][\w\-]{0,62}"""
)


class InvalidReference(ValueError):
    """Not a reference of its kind; the text says what one is."""


def normalise(kind: str, value: str) -> str:
    """The normal form of a reference: e-mail addresses without surrounding space, in lower case and with composed
    letters (NFC), ids as they are. A domain is not put into its ASCII form.

    Raises InvalidReference.
    """
    if kind == "email":
        return _email(value)
    problem = text_problem(value, ID_CHARS_MAX)
    if problem is None and kind == "lead" and value.startswith(LEAD_ID_FORBIDDEN):
        problem = f"must not begin with {', '.join(LEAD_ID_FORBIDDEN)}"
    if problem:
        raise InvalidReference(problem)
    return value


def text_problem(value: str, chars_max: int) -> str | None:
    """What is wrong with an id, as a sentence for the sender; None when nothing is.

    Ids are compared as they are, so one that differs only by a space at its end is refused rather than taken for
    another.
    """
    if not value:
        return "is required"
    if len(value) > chars_max or not value.isprintable():
        return f"must be 1 to {chars_max} printable characters"
    if value[0] == " " or value[-1] == " ":
        return "must not begin or end with a space"
    return None


def _email(value: str) -> str:
    # The same letter can be one character or two; lower case may take composed ones apart.
    address = unicodedata.normalize("NFC", value.strip().lower())
    if len(address) > EMAIL_CHARS_MAX:
        raise InvalidReference(f"must be at most {EMAIL_CHARS_MAX} characters")
    if not address.isprintable() or not _EMAIL.fullmatch(address):
        raise InvalidReference("must be an e-mail address such as ada@example.com")
    return address
