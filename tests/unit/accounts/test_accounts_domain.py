"""The written form of keys, and what may be in a project."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.domain import checks, keys
from services.accounts.worker import SystemMint


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sl_abcdefgh",
        "sl_abcdefgh_" + "x" * 31,
        "sl_abcdefgh_" + "x" * 129,
        "sl_abcdefg1_" + "x" * 32,
        "sl_ABCDEFGH_" + "x" * 32,
        "sl_abcdefgh_" + "x" * 31 + "_",
        "xx_abcdefgh_" + "x" * 32,
        "sl_abcdefgh_" + "x" * 32 + "\n",
        " sl_abcdefgh_" + "x" * 32,
    ],
)
def test_what_is_not_written_as_a_key_has_no_id(key: str) -> None:
    assert keys.key_id_of(key) is None


def test_a_key_names_itself_by_its_middle() -> None:
    assert keys.key_id_of("sl_abc234yz_" + "0aZ" * 11) == "key_abc234yz"


def test_drawn_keys_are_well_formed_and_differ() -> None:
    drawn = [SystemMint().draw() for _ in range(100)]
    assert len({keys.key_id_of(key) for key in drawn} - {None}) == 100
    assert len({key.rpartition("_")[2] for key in drawn}) == 100


def test_a_key_has_160_random_bits_and_more() -> None:
    assert len(keys.SECRET_ALPHABET) == len(set(keys.SECRET_ALPHABET)) == 62
    assert 62**keys.SECRET_LENGTH > 2**160


@pytest.mark.parametrize("project_id", ["a", "acme", "a-1", "a" * 40])
def test_project_ids(project_id: str) -> None:
    assert checks.project_id_problem(project_id) is None


@pytest.mark.parametrize(
    "project_id", ["", "A", "1a", "-a", "a" * 41, "a.b", "a_b", "a b", "ä", "a\n"]
)
def test_what_is_no_project_id(project_id: str) -> None:
    assert checks.project_id_problem(project_id)


@given(st.text(max_size=60))
def test_a_project_id_is_always_one_token_of_a_subject(project_id: str) -> None:
    if checks.project_id_problem(project_id) is None:
        assert not set(project_id) & set(".*> \t\r\n")


def test_display_names() -> None:
    assert checks.display_name_problem("") is None
    assert checks.display_name_problem("Größe 👩‍💻 مرحبا") is None
    assert checks.display_name_problem("x" * 128) is None
    assert checks.display_name_problem("x" * 129)
    assert checks.display_name_problem("a\x00b")
    assert checks.display_name_problem("a\nb")
