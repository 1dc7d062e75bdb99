"""Which lead a reference stands for: the same one everywhere, for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.identity import (
    DERIVED_ID_PREFIX,
    SUBJECT_PREFIXES,
    Linking,
    are_different,
    are_strangers,
    email_of,
    lead_id_of,
    linking,
    merged_leads,
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
        ("email:Rene\u0301@example.com", "email:ren\u00e9@example.com"),
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


def test_the_lead_of_the_strongest_reference_stays() -> None:
    everyone = ("anonymous:v", "email:a@b.c", "external:9", "lead:ada")
    leads = dict(zip(everyone, ("l-v", "l-e", "l-x", "ada"), strict=True))
    assert linking(everyone, leads) == Linking("ada", ("l-e", "l-v", "l-x"))
    assert linking(everyone[:3], leads) == Linking("l-x", ("l-e", "l-v"))
    assert linking(everyone[:2], leads) == Linking("l-e", ("l-v",))
    # References of one lead need no link.
    assert linking(everyone[:2], dict.fromkeys(everyone, "l-e")) == Linking("l-e")
    assert linking(everyone[:2], dict.fromkeys(everyone, "l-e")).nothing


def test_references_nobody_knows_come_to_the_lead_that_stays() -> None:
    refs = ("anonymous:v", "email:a@b.c", "external:9")
    assert linking(refs, {"anonymous:v": "l-v"}) == Linking(
        "l-v", (), ("external:9", "email:a@b.c")
    )
    made = linking(refs, {})
    assert made == Linking(
        lead_id_of("external:9"), (), ("external:9", "email:a@b.c", "anonymous:v")
    )
    assert not made.nothing
    # A lead id is the lead to be made.
    assert linking(("lead:ada", "email:a@b.c"), {"email:a@b.c": "l-e"}) == Linking(
        "ada", ("l-e",), ("lead:ada",)
    )


@pytest.mark.parametrize(
    ("parts", "different"),
    [
        ([], False),
        ([["lead:ada", "email:a@b.c"], ["anonymous:v"]], False),
        ([["lead:ada"], ["email:a@b.c", "lead:bob"]], True),
        ([["lead:ada", "lead:bob"], ["anonymous:v"]], False),
        ([["lead:ada"], ["lead:" + lead_id_of("anonymous:v")]], False),
        ([["lead:ada"], ["lead:ld_tooshort"]], True),
        ([["external:1"], ["external:2", "anonymous:v"]], True),
        ([["external:1", "external:2"], ["anonymous:v"]], False),
        ([["external:1"], ["lead:ada"]], False),
        ([["email:a@b.c"], ["email:b@b.c"]], False),
    ],
)
def test_references_may_say_that_people_are_different(
    parts: list[list[str]], different: bool
) -> None:
    assert are_different(parts) is different


@pytest.mark.parametrize(
    ("leads", "added", "strangers"),
    [
        ([["email:a@b.c"], ["anonymous:v"]], [], False),
        ([["email:a@b.c"], ["anonymous:v", "email:b@b.c"]], [], True),
        ([["email:a@b.c", "email:b@b.c"], ["anonymous:v"]], [], False),
        ([["anonymous:v", "email:a@b.c"]], ["email:b@b.c"], True),
        ([["email:a@b.c"]], ["external:1"], False),
        ([["email:a@b.c"], ["external:1"]], [], True),
        ([["external:1"]], ["external:2"], True),
        ([[]], ["lead:ada", "email:a@b.c"], False),
        ([[], ["email:a@b.c"]], ["lead:ada"], True),
        ([["lead:ada"]], ["email:a@b.c"], False),
        ([["lead:" + lead_id_of("anonymous:v"), "anonymous:v"], ["email:a@b.c"]], [], False),
    ],
)
def test_what_somebody_who_may_be_anybody_is_not_believed(
    leads: list[list[str]], added: list[str], strangers: bool
) -> None:
    assert are_strangers(leads, added) is strangers


def test_merged_leads_are_those_whose_own_references_came() -> None:
    subjects = ["anonymous:v", "lead:ada", "lead:bob", "lead:eve"]
    assert merged_leads("ada", subjects) == ["bob", "eve"]
    assert merged_leads("ada", ["lead:ada"]) == []
