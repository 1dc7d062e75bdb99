"""Simulated journeys: the same bytes for the same plan, and the properties that the suite is shown with."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest

from scoreline.client.events import event_from_json
from scoreline.simulator import SAMPLE, Arrival, Plan, arrivals, csv_lines, ndjson_lines

SAMPLE_FILE = Path(__file__).parents[3] / "samples" / "journeys.ndjson.gz"
SMALL = Plan(leads=40, days=20, seed=3)


@pytest.fixture(scope="module")
def sample() -> list[Arrival]:
    return list(arrivals(SAMPLE))


def test_the_shipped_sample_is_what_its_plan_makes() -> None:
    made = "".join(ndjson_lines(SAMPLE)).encode()
    shipped = gzip.decompress(SAMPLE_FILE.read_bytes())
    assert hashlib.sha256(made).hexdigest() == hashlib.sha256(shipped).hexdigest()


def test_the_sample_is_large_and_has_duplicates_and_late_events(sample: list[Arrival]) -> None:
    assert len(sample) == 24_000
    leads = {one.happening.lead.reference for one in sample}
    assert len(leads) == 1_500
    duplicates = sum(one.duplicate for one in sample) / len(sample)
    late = sum(one.late for one in sample) / len(sample)
    assert 0.05 < duplicates < 0.07
    assert 0.04 < late < 0.06
    types = {one.happening.type for one in sample}
    assert types == {
        "page_view", "email_open", "email_click", "download", "webinar_attended", "form_submit",
        "signup", "demo_request", "purchase", "contract_signed", "unsubscribe", "bounce", "refund",
        "spam_complaint",
    }  # fmt: skip


def test_events_come_out_of_order_and_all_within_the_days(sample: list[Arrival]) -> None:
    newest: dict[tuple[str, str], object] = {}
    behind = 0
    for one in sample:
        lead = one.happening.lead.reference
        happened = one.happening.time
        behind += lead in newest and happened < newest[lead]  # type: ignore[operator]
        newest[lead] = max(happened, newest.get(lead, happened))  # type: ignore[call-overload]
    assert behind > 500
    assert all(SAMPLE.start_time <= one.happening.time < SAMPLE.end_time for one in sample)


def test_work_is_done_on_weekdays_and_by_day(sample: list[Arrival]) -> None:
    firsts = [one.happening.time for one in sample if not one.duplicate]
    weekend = sum(time.weekday() >= 5 for time in firsts) / len(firsts)
    night = sum(time.hour < 6 for time in firsts) / len(firsts)
    assert weekend < 0.15
    assert night < 0.1


def test_an_event_id_always_has_the_same_content_and_a_lead_one_reference(
    sample: list[Arrival],
) -> None:
    contents: dict[str, str] = {}
    for one in sample:
        event = one.event()
        content = json.dumps(event)
        assert contents.setdefault(event["event_id"], content) == content
        assert sum(name in event for name in ("lead_id", "email", "external_id")) == 1
    kinds = Counter(reference[0] for reference in {one.happening.lead.reference for one in sample})
    assert set(kinds) == {"lead_id", "email", "external_id"}


def test_every_sound_row_is_an_event() -> None:
    for line in ndjson_lines(SMALL):
        event_from_json(json.loads(line))


@pytest.mark.parametrize(
    "other",
    [
        Plan(leads=40, days=20, seed=4),
        Plan(leads=41, days=20, seed=3),
        Plan(leads=40, days=21, seed=3),
        Plan(leads=40, days=20, seed=3, end=date(2026, 10, 31)),
        Plan(leads=40, days=20, seed=3, events=100),
    ],
)
def test_another_plan_has_no_event_id_in_common(other: Plan) -> None:
    ids = {one.happening.event_id for one in arrivals(SMALL)}
    assert ids.isdisjoint(one.happening.event_id for one in arrivals(other))


@pytest.mark.parametrize("events", [1, 37, 400, 5_000])
def test_as_many_events_as_asked_for(events: int) -> None:
    assert len(list(arrivals(Plan(leads=40, days=20, seed=3, events=events)))) == events


def test_broken_rows_are_strewn_in_without_touching_the_others() -> None:
    sound = list(ndjson_lines(SMALL))
    broken = Plan(leads=40, days=20, seed=3, malformed=25)
    mixed = list(ndjson_lines(broken))
    assert len(mixed) == len(sound) + 25
    rest = iter(mixed)
    assert all(any(line == other for other in rest) for line in sound)
    places = [number for number, line in enumerate(mixed) if line not in set(sound)]
    assert len(places) == 25
    assert max(places) - min(places) > len(sound) / 2


def test_csv_says_the_same_as_ndjson() -> None:
    rows = list(csv.DictReader(csv_lines(SMALL)))
    lines = [json.loads(line) for line in ndjson_lines(SMALL)]
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        told = {name: value for name, value in row.items() if value}
        told["properties"] = json.loads(told["properties"])
        assert told == line


def test_leads_do_not_depend_on_each_other() -> None:
    """So that a larger plan is more of the same."""
    few, many = defaultdict(list), defaultdict(list)
    for one in arrivals(Plan(leads=10, days=20, seed=3)):
        few[one.happening.lead.reference].append((one.time, one.happening.type))
    for one in arrivals(Plan(leads=30, days=20, seed=3)):
        many[one.happening.lead.reference].append((one.time, one.happening.type))
    assert all(many[lead] == few[lead] for lead in few)


@pytest.mark.parametrize("bad", [{"leads": 0}, {"days": 0}, {"events": 0}, {"malformed": -1}])
def test_a_plan_must_make_sense(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Plan(**bad)  # type: ignore[arg-type]
