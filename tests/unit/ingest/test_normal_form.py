"""Normal forms of types and references: what is accepted, what it becomes, and that it never changes again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.names import InvalidName, event_type
from services.ingest.domain.references import KINDS, InvalidReference, normalise


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("page_view", "page_view"),
        ("PAGE_VIEW", "page_view"),
        ("Page View", "page_view"),
        ("page-view", "page_view"),
        ("page.view", "page_view"),
        ("page - view", "page_view"),
        ("page__view", "page_view"),
        ("page_view_", "page_view"),
        ("PageView", "pageview"),
        ("v2 Signup", "v2_signup"),
        ("a", "a"),
        ("a" * 64, "a" * 64),
    ],
)
def test_event_types_have_one_spelling(sent: str, stored: str) -> None:
    assert event_type(sent) == stored


@pytest.mark.parametrize(
    "sent", ["", " ", "_page", "2nd_visit", "page/view", "page\n", "bésuch", "a" * 65, "page\tview"]
)
def test_what_is_no_event_type_is_refused(sent: str) -> None:
    with pytest.raises(InvalidName):
        event_type(sent)


@given(st.text(max_size=70) | st.from_regex(r"[A-Za-z][A-Za-z0-9 _.\-]{0,63}", fullmatch=True))
def test_normal_types_are_their_own_normal_form(sent: str) -> None:
    try:
        stored = event_type(sent)
    except InvalidName:
        return
    assert event_type(stored) == stored
    assert stored == stored.lower()
    assert not set(stored) & set(" .-")
    assert "__" not in stored
    assert not stored.endswith("_")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM\n", "ada@example.com"),
        ("ada+crm.x@mail.example.co.uk", "ada+crm.x@mail.example.co.uk"),
        ("jürgen@müller.example", "jürgen@müller.example"),
        ("a@xn--mller-kva.example", "a@xn--mller-kva.example"),
        # One letter, written as two characters.
        ("Rene\u0301@example.com", "ren\u00e9@example.com"),
        ("REN\u00c9@Mu\u0308ller.example", "ren\u00e9@m\u00fcller.example"),
    ],
)
def test_email_addresses_are_compared_without_case_and_space(sent: str, stored: str) -> None:
    assert normalise("email", sent) == stored


@pytest.mark.parametrize(
    "sent",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@@example.com",
        "ada lovelace@example.com",
        "<ada@example.com>",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com, bob@example.com",
        "ada\x00@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "x" * 60 + ("." + "x" * 60) * 4,
    ],
)
def test_what_is_no_email_address_is_refused(sent: str) -> None:
    with pytest.raises(InvalidReference):
        normalise("email", sent)


def test_ids_are_kept_as_they_are() -> None:
    for kind in ("lead", "anonymous", "external"):
        assert normalise(kind, "Acme/ID 7:ß") == "Acme/ID 7:ß"
        assert normalise(kind, "x" * 128) == "x" * 128


@pytest.mark.parametrize("sent", ["", "x" * 129, "a\nb", "a\x00", "\x7f", " a", "a ", "a\u2028b"])
def test_what_is_no_id_is_refused(sent: str) -> None:
    for kind in ("lead", "anonymous", "external"):
        with pytest.raises(InvalidReference):
            normalise(kind, sent)


@pytest.mark.parametrize("prefix", ["email:", "anonymous:", "external:"])
def test_a_lead_id_can_not_pass_for_another_kind(prefix: str) -> None:
    with pytest.raises(InvalidReference, match="must not begin"):
        normalise("lead", f"{prefix}x")
    assert normalise("external", f"{prefix}x") == f"{prefix}x"


plausible_addresses = st.builds(
    "{}@{}.{}".format,
    st.text(min_size=1, max_size=10),
    st.text(min_size=1, max_size=10),
    st.text(min_size=1, max_size=5),
)


@given(st.sampled_from(KINDS), st.text(max_size=140) | st.emails() | plausible_addresses)
def test_normal_references_are_their_own_normal_form(kind: str, sent: str) -> None:
    try:
        stored = normalise(kind, sent)
    except InvalidReference:
        return
    assert normalise(kind, stored) == stored
    assert stored.isprintable()
    assert 1 <= len(stored) <= 254


@given(st.emails(domains=st.from_regex(r"[a-z0-9]{1,20}\.(com|io|example)", fullmatch=True)))
def test_common_addresses_are_accepted(address: str) -> None:
    assert normalise("email", address) == address.lower()
