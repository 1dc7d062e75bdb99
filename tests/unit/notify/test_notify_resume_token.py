"""Resume tokens come back as they were issued, and nothing else is taken for one."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.resume_token import Position, TokenInvalid, TokenSigner

KEY = b"k" * 32
OTHER_KEY = b"o" * 32
SIGNER = TokenSigner(KEY)

u64 = st.integers(min_value=0, max_value=2**64 - 1)
positions = st.builds(Position, u64, u64)
projects = st.text(alphabet=string.ascii_lowercase + string.digits + "-", min_size=1, max_size=40)
URL_SAFE = string.ascii_letters + string.digits + "-_"


@given(projects, positions)
def test_round_trip(project: str, position: Position) -> None:
    token = SIGNER.issue(project, position)
    assert set(token) <= set(URL_SAFE)
    assert len(token) == 44
    assert SIGNER.read(project, token) == position


@given(projects, positions, st.data())
def test_no_changed_character_is_accepted(
    project: str, position: Position, data: st.DataObject
) -> None:
    token = SIGNER.issue(project, position)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c != token[place]))
    with pytest.raises(TokenInvalid):
        SIGNER.read(project, token[:place] + other + token[place + 1 :])


@given(positions, st.data())
def test_no_changed_bit_is_accepted(position: Position, data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(SIGNER.issue("p", position)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TokenInvalid):
        SIGNER.read("p", base64.urlsafe_b64encode(raw).decode())


@given(positions, st.data())
def test_no_cut_or_longer_token_is_accepted(position: Position, data: st.DataObject) -> None:
    token = SIGNER.issue("p", position)
    cut = token[: data.draw(st.integers(0, len(token) - 1))]
    longer = token + data.draw(st.text(min_size=1, max_size=8))
    for changed in (cut, longer, data.draw(st.text(max_size=3)) + cut):
        with pytest.raises(TokenInvalid):
            SIGNER.read("p", changed)


@given(st.text(max_size=100))
def test_no_other_text_is_accepted(text: str) -> None:
    with pytest.raises(TokenInvalid):
        SIGNER.read("p", text)


def test_every_other_spelling_of_the_same_bytes_is_refused() -> None:
    # Python's decoder takes the standard alphabet's signs where the URL-safe ones are asked for.
    seen = 0
    for sequence in range(200):
        token = SIGNER.issue("p", Position(1, sequence))
        for sign, standard in (("-", "+"), ("_", "/")):
            if sign in token:
                seen += 1
                with pytest.raises(TokenInvalid):
                    SIGNER.read("p", token.replace(sign, standard))
    assert seen


@given(projects, projects, positions)
def test_a_token_belongs_to_its_project(one: str, other: str, position: Position) -> None:
    token = SIGNER.issue(one, position)
    if one != other:
        with pytest.raises(TokenInvalid):
            SIGNER.read(other, token)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(TokenInvalid):
        SIGNER.read("p", TokenSigner(OTHER_KEY).issue("p", Position(1, 2)))


def test_the_previous_key_is_read_but_not_written() -> None:
    rotated = TokenSigner(OTHER_KEY, KEY)
    assert rotated.read("p", SIGNER.issue("p", Position(1, 2))) == Position(1, 2)
    assert TokenSigner(OTHER_KEY).read("p", rotated.issue("p", Position(3, 4))) == Position(3, 4)
