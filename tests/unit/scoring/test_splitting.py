"""Samples and variants: the same each time, in proportion, and told by nothing but the id."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.splitting import PLACES, is_sampled, place, variant_of

IDS = [f"lead-{n}" for n in range(4_000)]


def test_a_place_is_what_the_document_says() -> None:
    expected = int.from_bytes(sha256(b"autumn\nlead-42").digest()[:8], "big")
    assert place("autumn", "lead-42") == expected
    assert 0 <= expected < PLACES


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_holds_every_smaller_one(lead_id: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert is_sampled(lead_id, large) or not is_sampled(lead_id, small)
    assert is_sampled(lead_id, 1.0)
    assert not is_sampled(lead_id, 0.0)


def test_a_sample_has_about_its_share() -> None:
    found = sum(is_sampled(lead_id, 0.25) for lead_id in IDS)
    assert 900 < found < 1_100


def test_variants_get_leads_in_proportion_to_their_weights() -> None:
    counts = Counter(variant_of("", lead_id, [3, 1]) for lead_id in IDS)
    assert counts.keys() == {0, 1}
    assert 2_900 < counts[0] < 3_100


def test_another_seed_splits_another_way_and_the_same_one_the_same() -> None:
    splits = [[variant_of(seed, one, [1, 1]) for one in IDS] for seed in ("a", "a", "b")]
    assert splits[0] == splits[1] != splits[2]


@given(st.text(), st.text(), st.lists(st.integers(1, 1_000), min_size=2, max_size=8))
def test_every_lead_has_a_variant(seed: str, lead_id: str, weights: list[int]) -> None:
    assert 0 <= variant_of(seed, lead_id, weights) < len(weights)
