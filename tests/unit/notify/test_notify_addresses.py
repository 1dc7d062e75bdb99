"""Which addresses webhooks are never sent to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.addresses import refused


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "",
        "no address",
        "0x7f.1",
        "2130706433",
    ],
)
def test_what_is_not_a_public_host_is_refused(address: str) -> None:
    assert refused(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"]
)
def test_public_hosts_are_not(address: str) -> None:
    assert not refused(address)


def test_the_operator_takes_networks_out() -> None:
    allowed = (ipaddress.IPv4Network("10.1.0.0/16"), ipaddress.IPv6Network("fd00:1::/32"))
    assert not refused("10.1.2.3", allowed)
    assert not refused("::ffff:10.1.2.3", allowed)
    assert not refused("fd00:1::5", allowed)
    assert refused("10.2.0.1", allowed)
    assert refused("127.0.0.1", allowed)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_makes_no_difference_for_the_better(
    address: ipaddress.IPv4Address,
) -> None:
    if refused(str(address)):
        value = int(address)
        for wrapped in (
            ipaddress.IPv6Address(value),
            ipaddress.IPv6Address((0xFFFF << 32) | value),
            ipaddress.IPv6Address((0x0064_FF9B << 96) | value),
            ipaddress.IPv6Address((0x2002 << 112) | (value << 80)),
        ):
            assert refused(str(wrapped)), wrapped
