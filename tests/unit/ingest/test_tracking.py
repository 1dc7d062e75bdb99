"""What pages send, read and put right: no body makes the parser fail, and no clock makes a repetition a conflict."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import tracking
from services.ingest.domain.events import CLOCK_TOLERANCE_S, IncomingEvent, InvalidEvent, accept
from services.shared.errors import InvalidFields, ServiceError, to_status

NOW_US = 1_780_000_000_000_000
INVALID_ARGUMENT = 3
MINUTE_US = 60_000_000
DAY_US = 24 * 60 * MINUTE_US
VALID = IncomingEvent(
    "e", "page_view", "", "", "v", "", (1_780_000_000 - 60, 500_000), "", b"", None
)


def page(value: Any) -> tracking.Page:
    return tracking.parsed(HttpBody(content_type="text/plain", data=json.dumps(value).encode()))


def test_a_page_with_events_of_all_sorts() -> None:
    good = {"event_id": "1", "type": "x", "anonymousId": "v", "occur_time": "2026-03-01T09:30:00Z"}
    found = page({"events": [good, 5], "sent_time": "2026-03-01T09:30:01.25Z", "newer": True})
    assert found.sent_us == 1_772_357_401_250_000
    event, error = found.events
    assert isinstance(event, IncomingEvent)
    assert (event.anonymous_id, event.occur_time) == ("v", (1_772_357_400, 0))
    assert isinstance(error, InvalidFields)
    assert [violation.field for violation in error.violations] == ["events[1]"]


def test_a_body_as_large_as_may_be() -> None:
    body = json.dumps({"events": [{"event_id": "x"}]}).encode()
    fits = HttpBody(data=body.ljust(tracking.BODY_BYTES_MAX))
    assert len(tracking.parsed(fits).events) == 1
    with pytest.raises(InvalidFields):
        tracking.parsed(HttpBody(data=fits.data + b" "))


@pytest.mark.parametrize(
    ("behind_us", "moved_us"),
    [
        (0, 0),
        (CLOCK_TOLERANCE_S * 1_000_000, 0),
        (-CLOCK_TOLERANCE_S * 1_000_000, 0),
        (CLOCK_TOLERANCE_S * 1_000_000 + 1, CLOCK_TOLERANCE_S * 1_000_000 + 1),
        (400 * DAY_US, 400 * DAY_US),
        (-400 * DAY_US, -400 * DAY_US),
    ],
)
def test_a_wrong_clock_is_put_right(behind_us: int, moved_us: int) -> None:
    said_s = 1_780_000_000 - 60 - behind_us // 1_000_000
    happened = replace(VALID, occur_time=(said_s, 500_000))
    accepted = accept(happened, NOW_US, NOW_US - behind_us)
    assert accepted.occur_us == said_s * 1_000_000 + 500 + moved_us


def test_the_time_that_was_sent_is_what_is_compared() -> None:
    hashes = {
        accept(VALID, NOW_US, sent).payload_hash
        for sent in (None, NOW_US - 9 * MINUTE_US, NOW_US + DAY_US)
    }
    assert len(hashes) == 1
    other = replace(VALID, occur_time=(1_780_000_000, 0))
    assert accept(other, NOW_US).payload_hash not in hashes


def test_a_clock_may_run_years_ahead_and_no_time_is_before_1970() -> None:
    ahead = replace(VALID, occur_time=(1_780_000_000 + 10**9, 0))
    with pytest.raises(InvalidEvent):
        accept(ahead, NOW_US)
    assert accept(ahead, NOW_US, NOW_US + 10**15).occur_us == NOW_US
    assert accept(replace(VALID, occur_time=(0, 0)), NOW_US, NOW_US + DAY_US).occur_us == 0
    with pytest.raises(InvalidEvent):
        accept(replace(VALID, occur_time=(1_780_000_000, 0)), NOW_US, NOW_US - 2 * 10**15)


def test_an_event_without_a_time_happened_when_it_was_accepted() -> None:
    assert accept(replace(VALID, occur_time=None), NOW_US, NOW_US - DAY_US).occur_us == NOW_US


# Halves of characters included, which JSON can write and nothing else.
ANY_TEXT = st.text(max_size=6) | st.text(st.sampled_from("a\ud800\udfff\0"), max_size=6)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["event_id", "type", "lead_id", "email", "anonymous_id", "occur_time", "source", "properties"]
)
EVENTS = st.lists(st.dictionaries(FIELDS | ANY_TEXT, ANY_JSON, max_size=6) | ANY_JSON, max_size=4)


@given(
    st.binary(max_size=60)
    | ANY_JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"events": EVENTS}, optional={"sent_time": ANY_JSON}).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        found = tracking.parsed(HttpBody(data=body))
    except InvalidFields as error:
        answers: list[ServiceError] = [error]
    else:
        answers = [event for event in found.events if isinstance(event, ServiceError)]
        for event in found.events:
            if isinstance(event, IncomingEvent):
                with suppress(InvalidEvent):
                    accept(event, NOW_US, found.sent_us)
    assert {to_status(answer).code for answer in answers} <= {INVALID_ARGUMENT}
