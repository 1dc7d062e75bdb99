"""Which lead a reference stands for: the same one everywhere, for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.identity import (
    DERIVED_ID_PREFIX,
    SUBJECT_PREFIXES,
    email_of,
    lead_id_of,
    subject_of,
)


def test_a_lead_id_is_its_own_lead() -> None:
    assert lead_id_of("lead:ada") == "ada"
    assert lead_id_of("lead:lead:ada") == "lead:ada"


def test_derived_ids_never_change() -> None:
    # In ledgers already: another derivation would make every lead known by an address a new one.
    assert lead_id_of("email:ada@example.com") == "ld_tnrkhiv447egr4ynmdyiddue2i"
    assert lead_id_of("anonymous:v-17") == "ld_temgik5mv6kcwwnugju4rwp45l"


def test_kinds_of_references_do_not_mix() -> None:
    ids = {lead_id_of(prefix + "x") for prefix in SUBJECT_PREFIXES}
    assert len(ids) == 4


@given(st.sampled_from(SUBJECT_PREFIXES[1:]), st.text(min_size=1))
def test_a_derived_id_is_a_plain_word(prefix: str, value: str) -> None:
    derived = lead_id_of(prefix + value)
    assert derived.startswith(DERIVED_ID_PREFIX)
    assert len(derived) == 29
    assert derived.removeprefix(DERIVED_ID_PREFIX).isalnum()
    # It can be handed back as a lead id, and is that lead.
    assert lead_id_of(subject_of(derived)) == derived


@pytest.mark.parametrize(
    ("reference", "subject"),
    [
        ("ada", "lead:ada"),
        ("email: Ada@Example.COM ", "email:ada@example.com"),
        ("anonymous:V-17", "anonymous:V-17"),
        ("external:CRM 9", "external:CRM 9"),
        ("lead:ada", "lead:lead:ada"),
        ("Email:ada@example.com", "lead:Email:ada@example.com"),
        ("a:b", "lead:a:b"),
    ],
)
def test_references_as_callers_write_them(reference: str, subject: str) -> None:
    assert subject_of(reference) == subject


def test_only_an_address_is_an_address() -> None:
    assert email_of("email:ada@example.com") == "ada@example.com"
    assert email_of("lead:ada@example.com") is None
