"""Leads as files: whole files that others read, piece by piece, whatever the leads' texts are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring import export_parquet
from services.scoring.analytics_ports import ExportedLead
from services.scoring.export_formats import COLUMNS, Format, encoder
from services.scoring.export_parquet import SCHEMA

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What OWASP says that spreadsheets take for the beginning of a formula."""

AT = datetime(2026, 3, 1, 9, 30, 0, 120_000, tzinfo=UTC)

# Of any characters that Postgres keeps.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)

attributes = st.dictionaries(texts, texts | st.integers() | st.none(), max_size=2).map(
    lambda values: json.dumps(values, ensure_ascii=False)
)

leads = st.lists(
    st.builds(
        ExportedLead,
        lead_id=texts,
        email=texts,
        display_name=texts
        | st.sampled_from(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r1", "\n=1", "'a"]),
        company=texts,
        score=st.integers(-(10**9), 10**9),
        stage=texts,
        grade=st.sampled_from(["", "A1", "=1"]),
        risk=st.sampled_from(["", "low", "high"]),
        velocity=st.integers(0, 10**6),
        version=st.integers(0, 10**6),
        event_count=st.integers(0, 10**6),
        rule_set_version=st.integers(0, 10**6),
        first_event_at=st.none() | st.just(AT),
        last_event_at=st.none() | st.just(AT + timedelta(days=1)),
        created_at=st.just(AT),
        updated_at=st.just(AT),
        attributes=attributes,
        event_attributes=attributes,
    ),
    max_size=12,
)


def file_of(form: Format, found: Sequence[ExportedLead], portion: int = 5) -> bytes:
    made = encoder(form)
    parts = [made.add(found[at : at + portion]) for at in range(0, len(found), portion)]
    return b"".join([*parts, made.end()])


@given(leads)
def test_csv_is_what_was_put_in_and_nothing_in_it_is_a_formula(found: list[ExportedLead]) -> None:
    content = file_of(Format.CSV, found)
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert header == list(COLUMNS)
    assert len(rows) == len(found)
    for row, lead in zip(rows, found, strict=True):
        line = dict(zip(header, row, strict=True))
        for name in ("lead_id", "email", "display_name", "company", "stage", "grade", "attributes"):
            assert not line[name].startswith(FORMULA_STARTS)
            assert line[name] in (getattr(lead, name), "'" + getattr(lead, name))
        assert round(float(line["score"]) * 1000) == lead.score
        assert round(float(line["velocity"]) * 1000) == lead.velocity
        assert line["first_event_time"] == (
            "2026-03-01T09:30:00.120000Z" if lead.first_event_at else ""
        )


@given(leads)
def test_ndjson_is_what_was_put_in(found: list[ExportedLead]) -> None:
    lines = file_of(Format.NDJSON, found).decode().split("\n")
    assert lines.pop() == ""
    for line, lead in zip(lines, found, strict=True):
        row = json.loads(line)
        assert list(row) == list(COLUMNS)
        assert (row["lead_id"], row["company"]) == (lead.lead_id, lead.company)
        assert round(row["score"] * 1000) == lead.score
        assert (row["grade"], row["attributes"]) == (lead.grade, json.loads(lead.attributes))
        assert row["event_attributes"] == json.loads(lead.event_attributes)
        assert (row["last_event_time"] is None) == (lead.last_event_at is None)


@given(leads)
def test_parquet_is_what_was_put_in(found: list[ExportedLead]) -> None:
    table = pq.read_table(io.BytesIO(file_of(Format.PARQUET, found)))
    assert table.schema.equals(SCHEMA)
    for row, lead in zip(table.to_pylist(), found, strict=True):
        assert (row["lead_id"], row["attributes"]) == (lead.lead_id, lead.attributes)
        assert row["event_attributes"] == lead.event_attributes
        assert round(row["score"] * 1000) == lead.score
        assert row["first_event_time"] == lead.first_event_at
        assert row["event_count"] == lead.event_count
        assert row["grade"] == lead.grade


@pytest.mark.parametrize(
    ("milli", "text"),
    [(0, "0"), (-500, "-0.5"), (1_000, "1"), (12_345, "12.345"), (10**12, "1000000000")],
)
def test_points_in_csv_have_the_decimals_they_need(milli: int, text: str) -> None:
    lead = ExportedLead(
        "l", "", "", "", milli, "", "", "", 0, 0, 0, 0, None, None, AT, AT, "{}", "{}"
    )  # fmt: skip
    assert file_of(Format.CSV, [lead]).decode().splitlines()[1].split(",")[4] == text


def test_a_row_group_ends_when_it_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    lead = ExportedLead(
        "l", "", "", "", 1, "", "", "", 0, 0, 0, 0, None, None, AT, AT, '{"a":1}', ""
    )
    monkeypatch.setattr(export_parquet, "ROW_GROUP_LEADS", 10)
    made = encoder(Format.PARQUET)
    first = made.add([lead] * 9)
    group = made.add([lead] * 11)
    content = first + group + made.end()
    assert len(first) < 100 < len(group)
    file = pq.ParquetFile(io.BytesIO(content))
    assert [file.metadata.row_group(number).num_rows for number in range(2)] == [10, 10]
    monkeypatch.setattr(export_parquet, "ROW_GROUP_BYTES", 30)
    by_size = pq.ParquetFile(io.BytesIO(file_of(Format.PARQUET, [lead] * 10)))
    assert by_size.metadata.num_row_groups == 2
