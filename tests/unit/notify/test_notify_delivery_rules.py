"""URLs, retries, event types and ids of deliveries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notify.domain import endpoints, retries
from services.notify.domain.filtering import Change
from services.notify.domain.targets import NotATarget, Target, parse

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.com", Target("https", "example.com", 443, "/")),
        ("https://example.com:8443/a/b?c=d", Target("https", "example.com", 8443, "/a/b?c=d")),
        ("https://example.com?x=1", Target("https", "example.com", 443, "/?x=1")),
        ("https://[2606:4700::1]/", Target("https", "2606:4700::1", 443, "/")),
        ("http://example.com/", Target("http", "example.com", 80, "/")),
    ],
)
def test_a_url_is_read(url: str, target: Target) -> None:
    assert parse(url, http_allowed=True) == target


def test_the_host_header_says_only_what_is_needed() -> None:
    assert parse("https://example.com/", True).authority == "example.com"
    assert parse("https://[2606::1]:8443/", True).authority == "[2606::1]:8443"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://example.com/",
        "HTTPS://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://127.0.0.1#@example.com/",
        "https://example.com/#fragment",
        "https://exa mple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: other",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:65536/",
        "https://example.com:4 43/",
        "https://example..com/",
        "https://-example.com/",
        "https://exämple.com/",
        "https://①②⑦.⓪.⓪.①/",
        "https://[::1%25eth0]/",
        "https://%31%32%37.0.0.1/",
        "https://" + "a" * 254 + "/",
        "https://example.com/" + "a" * 2_048,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(NotATarget):
        parse(url, http_allowed=False)


def test_the_schedule_is_the_published_one() -> None:
    waits = [retries.delay_s(retries.SCHEDULE_S, failed, 0, 0) for failed in range(1, 11)]
    assert waits == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, None]
    assert retries.delay_s(retries.SCHEDULE_S, 1, 0, 1) == pytest.approx(6)
    assert retries.delay_s(retries.SCHEDULE_S, 1, 60, 0) == 60
    assert retries.delay_s(retries.SCHEDULE_S, 2, 60, 0) == 300


@pytest.mark.parametrize(
    ("status", "header", "wait_s"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (503, "Sun, 01 Feb 2026 12:01:00 GMT", 60),
        (503, "Sun, 01 Feb 2026 11:00:00 GMT", 0),
        (429, "9" * 5_000, 86_400),
        (429, "-5", 0),
        (429, "soon", 0),
        (429, "", 0),
        (500, "120", 0),
    ],
)
def test_a_receiver_asks_to_be_left_alone(status: int, header: str, wait_s: float) -> None:
    assert retries.retry_after_s(status, header, NOW) == wait_s


@pytest.mark.parametrize(
    ("change", "types"),
    [
        (Change("a", 1, delta_points=1), ["score.changed"]),
        (Change("a", 1), []),
        (Change("a", 1, stage="x", previous_stage="x", delta_points=0), []),
        (Change("a", 1, stage="x"), ["score.changed", "lead.stage_changed"]),
        (
            Change("a", 1, previous_stage="x", stage="won"),
            ["score.changed", "lead.stage_changed", "lead.qualified"],
        ),
        (Change("a", 1, previous_stage="won", stage="won", delta_points=2), ["score.changed"]),
        (Change("a", 1, merged_into="b"), ["lead.merged"]),
    ],
)
def test_a_change_is_told_as_what_it_is(change: Change, types: list[str]) -> None:
    assert endpoints.event_types(change, ("won",)) == types


def test_the_same_thing_always_has_the_same_id() -> None:
    one = endpoints.delivery_id("whe_1", "a", "1", "score.changed")
    assert one == endpoints.delivery_id("whe_1", "a", "1", "score.changed")
    others = {
        endpoints.delivery_id("whe_2", "a", "1", "score.changed"),
        endpoints.delivery_id("whe_1", "b", "1", "score.changed"),
        endpoints.delivery_id("whe_1", "a", "2", "score.changed"),
        endpoints.delivery_id("whe_1", "a", "1", "lead.merged"),
    }
    assert len({one, *others}) == 5
    # Of deliveries made by releases before: never another one.
    assert one == "msg_5d42a3eabe3865a0aca28dfc231b9137"
