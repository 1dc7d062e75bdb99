"""What a caller may write into a project or a key: each check answers with a sentence for the caller, or None."""

import re
import unicodedata
from collections.abc import Sequence, Sized

PROJECT_ID_MAX = 40
DISPLAY_NAME_MAX = 128
ORIGINS_MAX = 50
"""Every call with the key looks through them."""
ORIGIN_CHARS_MAX = 255
REQUESTS_PER_MINUTE_MAX = 1_000_000

_PROJECT_ID = re.compile(rf"[a-z][a-z0-9-]{{0,{PROJECT_ID_MAX - 1}}}")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(
    rf"(https?)://(?:(?:\*\.)?{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?"
)
_DEFAULT_PORTS = {("http", "80"), ("https", "443")}


def project_id_problem(project_id: str) -> str | None:
    """A project id is part of subjects and of URLs."""
    if _PROJECT_ID.fullmatch(project_id):
        return None
    return f"must be 1 to {PROJECT_ID_MAX} lower-case letters, digits or `-`, a letter first"


def display_name_problem(display_name: str) -> str | None:
    """A display name is for people: any script and sign, no control characters."""
    if len(display_name) > DISPLAY_NAME_MAX:
        return f"must be at most {DISPLAY_NAME_MAX} characters, has {len(display_name)}"
    if any(unicodedata.category(character) == "Cc" for character in display_name):
        return "must not contain control characters"
    return None


def scopes_problem(scopes: Sized) -> str | None:
    """A key that may do nothing is a mistake."""
    return None if len(scopes) else "must hold at least one scope"


def origins_problems(origins: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong with the origins of pages, each with its place behind the field's name; empty when nothing is.

    An origin is compared letter by letter with what browsers send, so only what they send is taken (RFC 6454).
    """
    if len(origins) > ORIGINS_MAX:
        return [("", f"must be at most {ORIGINS_MAX}, has {len(origins)}")]
    problems = []
    for index, origin in enumerate(origins):
        parts = _ORIGIN.fullmatch(origin) if len(origin) <= ORIGIN_CHARS_MAX else None
        if parts is None:
            found = "must be like https://www.example.com or https://*.example.com: scheme, host in lower case, no path"
            problems.append((f"[{index}]", found))
        elif parts.groups() in _DEFAULT_PORTS:
            problems.append((f"[{index}]", "must leave out its scheme's own port, as browsers do"))
    return problems


def requests_per_minute_problem(requests_per_minute: int | None) -> str | None:
    """None is the default."""
    if requests_per_minute is None or 1 <= requests_per_minute <= REQUESTS_PER_MINUTE_MAX:
        return None
    return f"must be 1 to {REQUESTS_PER_MINUTE_MAX}"
