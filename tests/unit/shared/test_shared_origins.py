"""Which pages may use a key."""

from __future__ import annotations

import pytest

from services.shared.origins import allows

ALLOWED = ("https://www.example.com", "http://localhost:5173", "https://*.shop.example:8443")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://www.example.com", True),
        ("http://localhost:5173", True),
        ("https://eu.shop.example:8443", True),
        ("https://a.b.shop.example:8443", True),
        ("", False),
        ("null", False),
        ("http://www.example.com", False),
        ("https://www.example.com:8443", False),
        ("https://www.example.com.evil.example", False),
        ("https://evil-www.example.com", False),
        ("http://localhost:5174", False),
        ("https://shop.example:8443", False),
        ("https://evilshop.example:8443", False),
        ("https://.shop.example:8443", False),
        ("https://eu.shop.example", False),
        ("http://eu.shop.example:8443", False),
        ("https://evil.example/.shop.example:8443", False),
        ("https://evil.example@x.shop.example:8443", False),
        ("https://*.shop.example:8443", True),
    ],
)
def test_origins(origin: str, allowed: bool) -> None:
    # The last one is no origin that a browser sends; that it equals what the key has does no harm.
    assert allows(ALLOWED, origin) is allowed


def test_without_origins_nothing_is_allowed_here() -> None:
    assert not allows((), "https://www.example.com")
