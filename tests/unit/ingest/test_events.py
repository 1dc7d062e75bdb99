"""The rules of an event: each limit on both sides, everything wrong said at once, and no input that crashes them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.events import (
    AcceptedEvent,
    IncomingEvent,
    InvalidEvent,
    Problem,
    accept,
)

NOW_US = 1_750_000_000_123_456
DAY_S = 86_400

VALID = IncomingEvent(
    event_id="e-1",
    type="Page View",
    lead_id="",
    email="Ada@Example.com",
    anonymous_id="",
    external_id="",
    occur_time=None,
    source="web",
    properties=b"",
    properties_problem=None,
)


def fields_at_fault(**changes: Any) -> list[str]:
    with pytest.raises(InvalidEvent) as caught:
        accept(replace(VALID, **changes), NOW_US)
    return [problem.field for problem in caught.value.problems]


def test_a_valid_event_is_normalised_and_complete() -> None:
    accepted = accept(VALID, NOW_US)
    assert (accepted.type, accepted.subject) == ("page_view", "email:ada@example.com")
    assert accepted.occur_us == NOW_US
    assert accepted.source == "web"
    assert len(accepted.payload_hash) == 32


@pytest.mark.parametrize(
    ("field", "kind"),
    [("lead_id", "lead"), ("anonymous_id", "anonymous"), ("external_id", "external")],
)
def test_the_subject_says_which_reference_it_is(field: str, kind: str) -> None:
    event = replace(VALID, email="", **{field: "X 1"})  # type: ignore[arg-type]
    assert accept(event, NOW_US).subject == f"{kind}:X 1"


def test_everything_wrong_is_said_at_once() -> None:
    found = fields_at_fault(
        event_id="",
        type="?",
        email="nobody",
        occur_time=(-1, 0),
        source="x" * 65,
        properties_problem="must be smaller",
    )
    assert found == ["event_id", "type", "email", "occur_time", "source", "properties"]


def test_one_reference_exactly() -> None:
    assert fields_at_fault(email="") == [""]
    assert fields_at_fault(lead_id="x") == [""]
    with pytest.raises(InvalidEvent, match="it has lead_id, email"):
        accept(replace(VALID, lead_id="x"), NOW_US)


def test_an_identify_event_may_have_several_references() -> None:
    event = replace(VALID, type="Identify", anonymous_id="v-1", lead_id="ada", external_id="9")
    accepted = accept(event, NOW_US)
    # The strongest is the event's own.
    assert accepted.subject == "lead:ada"
    assert accepted.linked_subjects == ["external:9", "email:ada@example.com", "anonymous:v-1"]
    assert accept(replace(VALID, type="identify"), NOW_US).linked == ()
    # Another set of references is another event.
    other = accept(replace(event, anonymous_id=""), NOW_US)
    assert other.payload_hash != accepted.payload_hash


def test_each_of_several_references_is_checked() -> None:
    assert fields_at_fault(type="identify", email="nobody", lead_id="email:x", external_id=" ") == [
        "lead_id",
        "external_id",
        "email",
    ]
    assert fields_at_fault(type="identified", lead_id="x") == [""]


@pytest.mark.parametrize("event_id", ["scoreline:", "scoreline:link:e1"])
def test_ids_of_the_suites_own_entries_are_refused(event_id: str) -> None:
    assert fields_at_fault(event_id=event_id) == ["event_id"]
    assert accept(replace(VALID, event_id="x" + event_id), NOW_US)


@pytest.mark.parametrize("event_id", ["", "x" * 129, "a\nb", "a\x00b", " a", "a "])
def test_event_ids_have_limits(event_id: str) -> None:
    assert fields_at_fault(event_id=event_id) == ["event_id"]


def test_limits_are_inclusive() -> None:
    accept(replace(VALID, event_id="x" * 128, source="y" * 64, type="z" * 64), NOW_US)


@pytest.mark.parametrize("source", ["x" * 65, "a\nb"])
def test_sources_have_limits(source: str) -> None:
    assert fields_at_fault(source=source) == ["source"]


def test_the_time_is_cut_to_microseconds() -> None:
    assert accept(replace(VALID, occur_time=(5, 1_999)), NOW_US).occur_us == 5_000_001


def test_times_from_1970_to_a_day_ahead_are_accepted() -> None:
    ahead = (NOW_US // 1_000_000 + DAY_S, NOW_US % 1_000_000 * 1000)
    assert accept(replace(VALID, occur_time=ahead), NOW_US).occur_us == NOW_US + DAY_S * 10**6
    assert accept(replace(VALID, occur_time=(0, 0)), NOW_US).occur_us == 0


@pytest.mark.parametrize(
    "occur_time",
    [
        (NOW_US // 1_000_000 + DAY_S, NOW_US % 1_000_000 * 1000 + 1000),
        (-1, 999_999_999),
        (0, -1),
        (0, 1_000_000_000),
        (2**63 - 1, 0),
        (-(2**63), 0),
    ],
)
def test_other_times_are_refused(occur_time: tuple[int, int]) -> None:
    assert fields_at_fault(occur_time=occur_time) == ["occur_time"]


@given(
    st.builds(
        IncomingEvent,
        event_id=st.text(max_size=140),
        type=st.text(max_size=70),
        lead_id=st.text(max_size=140),
        email=st.text(max_size=300),
        anonymous_id=st.text(max_size=140),
        external_id=st.text(max_size=140),
        occur_time=st.none()
        | st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)),
        source=st.text(max_size=70),
        properties=st.binary(max_size=10),
        properties_problem=st.none() | st.text(min_size=1),
    )
)
def test_nothing_a_sender_can_write_crashes(event: IncomingEvent) -> None:
    found: AcceptedEvent | list[Problem]
    try:
        found = accept(event, NOW_US)
    except InvalidEvent as invalid:
        found = invalid.problems
    assert found
    if isinstance(found, AcceptedEvent):
        assert 0 <= found.occur_us <= NOW_US + DAY_S * 10**6
