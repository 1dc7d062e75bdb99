"""Which pages may use an API key: the `Origin` header that browsers send (RFC 6454) against the origins of the key."""

import re
from collections.abc import Iterable

_WILDCARD = "://*."
_HOST_PART = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


def allows(allowed: Iterable[str], origin: str) -> bool:
    """Whether a page of `origin` may use a key of these origins, of which one with `*.` stands for every host below
    the one behind it, at any depth, and not for that one itself."""
    return any(origin == one or _is_below(one, origin) for one in allowed)


def _is_below(wildcard: str, origin: str) -> bool:
    scheme, found, parent = wildcard.partition(_WILDCARD)
    if not found:
        return False
    own_scheme, found, authority = origin.partition("://")
    host = authority.removesuffix(f".{parent}")
    below = found and own_scheme == scheme and host != authority
    return bool(below and _HOST_PART.fullmatch(host))
