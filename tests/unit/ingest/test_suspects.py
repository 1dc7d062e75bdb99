"""Which clicks are a link scanner's, by the times of the events alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.suspects import (
    CLICKS_MAX,
    DELIVERIES_MAX,
    LEADS_MAX,
    LINKS_MIN,
    NEARBY_US,
    ClickWatch,
    Sighting,
)

SECOND = 1_000_000


def click(occur_us: int, link: str = "", message: str = "", lead: object = "a") -> Sighting:
    return Sighting(("p", lead), True, occur_us, link, message, None)


def delivery(occur_us: int, message: str = "m", lead: object = "a") -> Sighting:
    return Sighting(("p", lead), False, occur_us, "", message, None)


def test_a_click_within_a_second_of_its_delivery_is_no_persons() -> None:
    watch = ClickWatch()
    assert watch.judge([delivery(10 * SECOND)]) == [False]
    for occur_us, suspect in (
        (9 * SECOND - 1, False),
        (9 * SECOND, True),
        (10 * SECOND, True),
        (11 * SECOND, True),
        (11 * SECOND + 1, False),
    ):
        assert watch.judge([click(occur_us, "x", "m")]) == [suspect], occur_us
    assert watch.judge([click(10 * SECOND, "x", "other")]) == [False]
    assert watch.judge([click(10 * SECOND, "x", "m", "b")]) == [False]
    assert watch.judge([click(10 * SECOND, "x")]) == [False]


def test_a_click_may_say_itself_when_its_mail_was_delivered() -> None:
    at = Sighting(("p", "a"), True, 5 * SECOND, "", "", 5 * SECOND - 300_000)
    long_before = Sighting(("p", "a"), True, 5 * SECOND, "", "", 2 * SECOND)
    assert ClickWatch().judge([at, long_before]) == [True, False]


def test_the_delivery_may_come_behind_the_click_in_one_batch() -> None:
    assert ClickWatch().judge([click(SECOND, "x", "m"), delivery(SECOND)]) == [True, False]


def test_three_links_within_a_second_are_all_a_scanners_when_they_come_together() -> None:
    clicks = [click(0, "x"), click(400_000, "y"), click(SECOND, "z"), click(5 * SECOND, "w")]
    assert ClickWatch().judge(clicks) == [True, True, True, False]


def test_one_by_one_the_third_is_a_scanners_and_what_follows_at_once() -> None:
    watch = ClickWatch()
    said = [watch.judge([click(at, link)])[0] for at, link in ((0, "x"), (1, "y"), (2, "z"))]
    assert said == [False, False, True]
    assert watch.judge([click(3, "x")]) == [True]
    assert watch.judge([click(SECOND + 3, "x")]) == [False]


def test_no_burst_without_different_links_of_one_lead() -> None:
    watch = ClickWatch()
    assert watch.judge([click(at, "x") for at in range(20)]) == [False] * 20
    assert watch.judge([click(at) for at in range(20)]) == [False] * 20
    assert watch.judge([click(30, str(lead), lead=lead) for lead in range(20)]) == [False] * 20


def test_links_of_a_slow_reader_do_not_add_up() -> None:
    assert not any(
        ClickWatch().judge([click(at * (NEARBY_US // 2 + 1), str(at)) for at in range(100)])
    )


def test_memory_is_bounded() -> None:
    watch = ClickWatch()
    for number in range(LEADS_MAX + 10):
        watch.judge([click(number, "x", lead=number)])
    for number in range(DELIVERIES_MAX + 10):
        watch.judge([delivery(number, str(number))])
    for number in range(CLICKS_MAX * 3):
        watch.judge([click(number * 10 * SECOND, "x", lead="often")])
    assert len(watch._clicks) == LEADS_MAX
    assert len(watch._deliveries) == DELIVERIES_MAX
    assert max(map(len, watch._clicks.values())) == CLICKS_MAX
    # The oldest are what is forgotten.
    assert watch.judge([click(0, "x", "0")]) == [False]
    last = DELIVERIES_MAX + 9
    assert watch.judge([click(last, "x", str(last))]) == [True]


TIMES = st.integers(0, 4 * SECOND)


@given(st.lists(st.tuples(TIMES, st.sampled_from("uvwxyz"), st.sampled_from("ab")), max_size=25))
def test_a_batch_is_judged_as_the_definition_says(clicks: list[tuple[int, str, str]]) -> None:
    def suspect(at: int, lead: str) -> bool:
        mine = [(when, link) for when, link, who in clicks if who == lead]
        return any(
            len({link for when, link in mine if start <= when <= start + NEARBY_US}) >= LINKS_MIN
            for start, _ in mine
            if start <= at <= start + NEARBY_US
        )

    verdicts = ClickWatch().judge([click(at, link, lead=lead) for at, link, lead in clicks])
    assert verdicts == [suspect(at, lead) for at, _, lead in clicks]
