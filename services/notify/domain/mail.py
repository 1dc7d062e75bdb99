"""The mail server as the operator writes it in one URL, and addresses of e-mail."""

import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urlsplit

ADDRESS_CHARS_MAX = 254
"""As RFC 5321 has it, without the brackets."""

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?=[^@]{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
"""RFC 5321 without what nobody has: quoted names, addresses for hosts, comments. ASCII: domains in other letters are
written in punycode."""


_SENDER = re.compile(
    r'"?(?P<name>[^"<>\x00-\x1f\x7f]*)"? ?<(?P<named>[^<>]+)>|(?P<address>[^<>]+)',
)


class Tls(Enum):
    """When the connection is encrypted."""

    OFFERED = "where the server offers STARTTLS"
    REQUIRED = "by STARTTLS, or nothing is sent"
    WHOLE = "from the beginning"


_SCHEMES = {
    "smtp": (Tls.OFFERED, 25),
    "smtp+starttls": (Tls.REQUIRED, 587),
    "smtps": (Tls.WHOLE, 465),
}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail is handed in."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server(url: str) -> MailServer:
    """The server of a URL: `smtp://`, `smtp+starttls://` or `smtps://`, then `user:password@host:port` (all but the
    host may be missing, `%40` is an @). A login is never sent in the clear. Raises ValueError, without the URL."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        raise ValueError("must be like smtp+starttls://user:password@host:587") from None
    if split.scheme not in _SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(f'{one}://' for one in _SCHEMES)}")
    if not split.hostname or split.path.strip("/") or split.query or split.fragment:
        raise ValueError("must be like smtp+starttls://user:password@host:587")
    tls, usual = _SCHEMES[split.scheme]
    user, password = unquote(split.username or ""), unquote(split.password or "")
    if bool(user) != bool(password):
        raise ValueError("must have a user and a password, or neither")
    if user and tls is Tls.OFFERED:
        tls = Tls.REQUIRED
    return MailServer(split.hostname, port or usual, tls, user, password)


def sender(text: str) -> tuple[str, str]:
    """Name, which may be empty, and address of `Name <address>` or of an address. Raises ValueError."""
    match = _SENDER.fullmatch(text)
    address = "" if match is None else match["named"] or match["address"]
    if match is None or not is_address(address):
        raise ValueError("must be an address, or like: Scoreline <alerts@example.com>")
    return (match["name"] or "").strip(), address


def is_address(text: str) -> bool:
    """Whether e-mail can be sent to it."""
    return len(text) <= ADDRESS_CHARS_MAX and _ADDRESS.fullmatch(text) is not None
