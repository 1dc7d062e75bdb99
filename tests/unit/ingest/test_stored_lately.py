"""What ingest remembers of what it stored: as long as it says, and no more than it says."""

from __future__ import annotations

from services.ingest.stored_lately import StoredLately


def test_it_knows_what_it_was_told() -> None:
    lately = StoredLately(10, 60)
    lately.add("a", 1.0)

    assert lately.has("a", 1.0)
    assert not lately.has("b", 1.0)


def test_it_forgets_after_two_generations_at_most_and_not_before_one() -> None:
    lately = StoredLately(10, 60)
    lately.add("a", 1.0)

    assert lately.has("a", 60.5)
    assert not lately.has("a", 121.5)


def test_what_is_old_is_forgotten_where_nobody_asked_meanwhile() -> None:
    lately = StoredLately(10, 60)
    lately.add("a", 1.0)

    assert not lately.has("a", 200.0)


def test_it_keeps_at_least_one_full_generation_and_no_more_than_two() -> None:
    lately = StoredLately(3, 60)
    ids = [f"e{number}" for number in range(10)]
    for one in ids:
        lately.add(one, 1.0)

    kept = [one for one in ids if lately.has(one, 1.0)]
    assert kept == ids[-len(kept) :]
    assert 3 <= len(kept) <= 6
