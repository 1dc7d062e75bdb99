"""Secrets as they lie in a database."""

from __future__ import annotations

import pytest

from services.shared.sealing import Seal, SealBroken

OLD, NEW = "o" * 32, "n" * 40


def test_what_was_sealed_is_had_again() -> None:
    sealed = Seal(NEW).close("whsec_abc")
    assert b"whsec" not in sealed
    assert Seal(NEW).open(sealed) == "whsec_abc"


def test_an_old_key_opens_and_the_new_one_seals() -> None:
    both = Seal(f"{NEW}, {OLD}")
    assert both.open(Seal(OLD).close("a")) == "a"
    assert Seal(NEW).open(both.close("b")) == "b"


def test_without_the_key_nothing_opens() -> None:
    with pytest.raises(SealBroken):
        Seal(NEW).open(Seal(OLD).close("a"))
    with pytest.raises(SealBroken):
        Seal(NEW).open(Seal(NEW).close("a")[:-1])


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Seal(f"{NEW},short")
