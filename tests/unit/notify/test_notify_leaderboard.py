"""Boards: what differs between two, applied as a client does, gives the second; no change that may show is missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.filtering import Change
from services.notify.domain.leaderboard import Board, Kind, Place, Which, difference
from tests.support.notify_fakes import board_of

WHICH = Which(3, frozenset())


def applied(board: Board, after: Board) -> list[Place]:
    """The board after its difference is applied, as the contract says."""
    places = {place.lead_id: place for place in board.places}
    for change in difference(board, after).changes:
        if change.kind is Kind.LEFT:
            del places[change.place.lead_id]
        else:
            assert (change.kind is Kind.ENTERED) == (change.place.lead_id not in places)
            places[change.place.lead_id] = change.place
    return sorted(places.values(), key=lambda place: place.position)


scores = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 5).map(float))


@given(scores, scores)
def test_a_difference_applied_gives_the_other_board(
    before: dict[str, float], after: dict[str, float]
) -> None:
    one, other = board_of(before), board_of(after)
    assert applied(one, other) == list(other.places)
    assert not difference(one, one).changes


def test_each_kind_of_change() -> None:
    before = board_of({"a": 30, "b": 20, "c": 10})
    after = board_of({"a": 35, "d": 32, "c": 10})
    found = difference(before, after).changes
    assert [(one.kind, one.place.lead_id) for one in found] == [
        (Kind.LEFT, "b"),
        (Kind.UPDATED, "a"),
        (Kind.ENTERED, "d"),
    ]
    assert found[1].previous is not None
    assert (found[1].previous.score, found[1].place.score) == (30, 35)
    found = difference(after, board_of({"a": 5, "d": 32, "c": 10})).changes
    assert [(one.kind, one.place.lead_id, one.place.rank) for one in found] == [
        (Kind.MOVED, "d", 1),
        (Kind.MOVED, "c", 2),
        (Kind.MOVED, "a", 3),
    ]
    renamed = difference(after, board_of({"a": 35, "d": 32, "c": 10}, name="Ada")).changes
    assert {one.kind for one in renamed} == {Kind.UPDATED}


@given(scores, st.sampled_from("abcdefgh"), st.integers(0, 5), st.integers(1, 5))
def test_no_change_that_shows_is_missed(
    before: dict[str, float], lead_id: str, score: int, limit: int
) -> None:
    which = Which(limit, frozenset())
    board = board_of(before, which)
    after = board_of({**before, lead_id: float(score)}, which)
    if after.places != board.places:
        assert board.may_differ_after(Change(lead_id, 1, score=score))


def test_changes_below_the_last_place_or_of_other_stages_do_not_matter() -> None:
    board = board_of({"a": 30, "b": 20, "c": 10})
    assert not board.may_differ_after(Change("x", 1, score=9.999))
    assert board.may_differ_after(Change("x", 1, score=10))
    assert board.may_differ_after(Change("a", 1, score=0))
    assert board.may_differ_after(Change("x", 1, score=0, merged_into="a"))
    hot = board_of({"a": 30, "b": 20, "c": 10}, Which(3, frozenset({"hot"})))
    assert not hot.may_differ_after(Change("x", 1, score=99, stage="cold"))
    assert hot.may_differ_after(Change("x", 1, score=99, stage="hot"))
    assert hot.may_differ_after(Change("a", 1, score=99, stage="cold"))
