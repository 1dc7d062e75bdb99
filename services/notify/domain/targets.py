"""URLs of webhook endpoints, read strictly: what two readers could take for two hosts is none. Where the host is, and
whether that is allowed, is decided when something is sent (`endpoint_sender.py`)."""

import re
from dataclasses import dataclass

URL_CHARS_MAX = 2_048
HOST_CHARS_MAX = 253

PORTS = {"https": 443, "http": 80}

LOW_PORT_MAX = 1_023
"""Up to here only the two of HTTP: nothing else that listens there speaks it (mail, shells, databases of old)."""

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)|\[(?P<literal>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-\"$-\[\]-~]*|\?[!-\"$-\[\]-~]*)?",
)
"""RFC 3986 cut down: no user, no fragment, no backslash, no space, ASCII only (a name in other letters is written in
punycode)."""


class NotATarget(Exception):
    """Why a text can't be an endpoint's URL, for the caller."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send to."""

    scheme: str
    host: str
    """A name or an address, an IPv6 one without brackets."""
    port: int
    path: str
    """With the query; begins with a slash."""

    @property
    def authority(self) -> str:
        """The header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str, http_allowed: bool) -> Target:
    """The target of a URL. Raises NotATarget."""
    if len(url) > URL_CHARS_MAX:
        raise NotATarget(f"must be at most {URL_CHARS_MAX:,} characters")
    match = _URL.fullmatch(url)
    if match is None:
        raise NotATarget(
            "must be like https://host/path: ASCII, without user, fragment, spaces and backslashes"
        )
    scheme = match["scheme"]
    if scheme == "http" and not http_allowed:
        raise NotATarget("must begin with https://")
    host = (match["name"] or match["literal"]).lower()
    if len(host) > HOST_CHARS_MAX or ".." in host:
        raise NotATarget("has no valid host")
    port = int(match["port"] or PORTS[scheme])
    if not 1 <= port <= 65_535 or (port <= LOW_PORT_MAX and port not in PORTS.values()):
        raise NotATarget(f"must have port 80, 443, or one from {LOW_PORT_MAX + 1} to 65535")
    path = match["path"] or "/"
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}")
