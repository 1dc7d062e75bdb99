"""Which addresses webhooks must not be sent to: whatever is not plainly a public host of somebody else's. An endpoint's
URL is a stranger's word; without this it could reach the operator's own network (server-side request forgery)."""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)
_COMPATIBLE = ipaddress.IPv6Network("::/96")
"""IPv4-compatible addresses, out of use, which some systems still route."""

_REFUSED: tuple[Network, ...] = (
    ipaddress.IPv4Network("0.0.0.0/8"),
    ipaddress.IPv4Network("100.64.0.0/10"),
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("198.18.0.0/15"),
    ipaddress.IPv4Network("240.0.0.0/4"),
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("100::/64"),
    # Metadata services of clouds that are on addresses which look public, or are easily forgotten.
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv6Network("fd00:ec2::254/128"),
)
"""Besides those that `ipaddress` knows: this network, CGNAT, protocol assignments, benchmarks, reserved, discard."""


def refused(text: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether nothing may be sent to an address, as a resolver wrote it; `allowed` are networks that the operator takes
    out. An address that can't be read is refused."""
    try:
        # A zone (fe80::1%eth0) says which of this machine's own links: never somebody else's host.
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    faces = (address, *_within(address))
    if any(face in network for face in faces for network in allowed):
        return False
    return any(_is_refused(face) for face in faces)


def _is_refused(address: Address) -> bool:
    return (
        not address.is_global
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address in network for network in _REFUSED)
    )


def _within(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one stands for: packets to it may end up there."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = []
    if address.ipv4_mapped is not None:
        found.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    if any(address in network for network in (*_NAT64, _COMPATIBLE)):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return found
