"""What a record says about an event: names of columns and keys, times, values; and whole files from bytes to rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import import_convert
from services.ingest.domain.importing import unpacking, values
from services.ingest.domain.importing.reading import FileReader, Format, ReadOptions
from services.ingest.domain.importing.records import UnreadableFile
from services.ingest.domain.importing.rows import Row, target_problem
from services.ingest.domain.importing.values import InvalidValue, instant, property_value

SHA = "ab" * 32


def read(content: bytes, piece: int = 1 << 20, **options: Any) -> tuple[list[Row], FileReader]:
    reader = FileReader(ReadOptions(**options))
    rows: list[Row] = []
    for at in range(0, len(content), piece):
        rows += filter(None, reader.feed(content[at : at + piece]))
    return rows + list(filter(None, reader.finish())), reader


@pytest.mark.parametrize(
    "header",
    ["event_id,type,lead_id,occur_time,source", "eventId,Type,LEAD ID,timestamp,Source",
     "Event-Id,event,lead,time,source"],
)  # fmt: skip
def test_columns_are_known_by_their_names(header: str) -> None:
    ((row,), _) = read(f"{header},record_time,plan\ne,t,l,2026-03-01,s,x,team\n".encode())
    assert row.texts == {"event_id": "e", "type": "t", "lead_id": "l", "source": "s"}
    assert row.properties == {"plan": "team"}
    assert row.occur_time == (int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()), 0)


def test_columns_are_what_the_sender_says() -> None:
    columns = {
        "Mail": "email",
        "time": "properties.at",
        "x": "",
        "type": "properties.kind",
        "k": "type",
    }
    ((row,), _) = read(b"Mail,time,x,type,k\na@b.example,noon,1,2,signup\n", columns=columns)
    assert row.texts == {"email": "a@b.example", "type": "signup"}
    assert row.properties == {"at": "noon", "kind": 2}


@pytest.mark.parametrize(
    ("content", "options", "failure"),
    [
        (b"lead_id,page\n", {}, "no column is the type"),
        (b"type,page\n", {}, "no column is one of lead_id"),
        (b"type,lead_id,lead\n", {}, "`lead_id`, `lead` are both lead_id"),
        (b"type,lead_id,a,properties.a\n", {}, "both properties.a"),
        (b"type,lead_id,,a\n", {}, "column 3 of the header has no name"),
        (b"type,lead_id\n", {"columns": {"Mail": "email"}}, "no column `Mail`"),
        (b'"type,lead_id\n', {}, "the header has a quote"),
        (b"  \n", {}, "empty"),
        (b"", {}, "empty"),
    ],
)
def test_a_header_that_will_not_do_says_why(
    content: bytes, options: dict[str, Any], failure: str
) -> None:
    with pytest.raises(UnreadableFile, match=failure):
        read(content, **options)


def test_a_default_type_replaces_the_column() -> None:
    ((row,), _) = read(b"lead_id\nl\n", default_type="signup")
    event = import_convert.incoming(row, ReadOptions(default_type="signup", source="crm"), SHA)
    assert (event.type, event.source, event.event_id) == ("signup", "crm", f"imp:{SHA[:32]}:2")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('{"lead_id": "l", "leadId": "m"}', "lead_id"),
        ('{"lead_id": 7}', "lead_id"),
        ('{"lead_id": "l", "colour": "red"}', "colour"),
        ('{"lead_id": "l", "properties": []}', "properties"),
        ('{"lead_id": "l", "time": "noon"}', "occur_time"),
        ("[]", ""),
        ("{", ""),
    ],
)
def test_json_that_is_no_event_is_refused(line: str, field: str) -> None:
    ((row,), _) = read(line.encode(), format=Format.NDJSON)
    assert row.problem is not None
    assert row.problem.field == field


@pytest.mark.parametrize(
    ("value", "seconds", "nanos"),
    [
        ("2026-03-01T09:30:00Z", 1772357400, 0),
        ("2026-03-01T10:30:00.123456+01:00", 1772357400, 123_456_000),
        ("2026-03-01 09:30:00", 1772357400, 0),
        ("2026-03-01", 1772323200, 0),
        ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
        ("1772357400", 1772357400, 0),
        ("1772357400.25", 1772357400, 250_000_000),
        (1772357400, 1772357400, 0),
        (1772357400.5, 1772357400, 500_000_000),
        ("1772357400123", 1772357400, 123_000_000),
        (1772357400123, 1772357400, 123_000_000),
    ],
)
def test_times(value: object, seconds: int, nanos: int) -> None:
    assert instant(value) == (seconds, nanos)


@pytest.mark.parametrize(
    "value", ["yesterday", "20260301", "12345", "1e9", "", True, [], {}, "9" * 40, -5, 1e300]
)
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(InvalidValue):
        instant(value)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("5", 5), ("-0.25", -0.25), ("0", 0), ("true", True), ("false", False),
        ("007", "007"), ("+49", "+49"), ("1e5", "1e5"), ("1234567890123456", "1234567890123456"),
        ("TRUE", "TRUE"), (" 5", " 5"), ("5.", "5."), ("null", "null"),
    ],
)  # fmt: skip
def test_values_of_cells(cell: str, value: Any) -> None:
    found = property_value(cell)
    assert (found, type(found)) == (value, type(value))


@given(st.text(alphabet="'=+-@a\t", max_size=5))
def test_what_is_guarded_for_spreadsheets_comes_back(text: str) -> None:
    guarded = f"'{text}" if values._GUARDED.match(f"'{text}") else text
    assert values.unguarded(guarded) == text


@pytest.mark.parametrize(
    "target", ["mail", "properties.", "lead", "occurTime", "record_time", "PROPERTIES"]
)
def test_columns_are_fields_only(target: str) -> None:
    assert target_problem(target)


@pytest.mark.parametrize("target", ["", "email", "occur_time", "properties", "properties.a b"])
def test_columns_may_be_fields(target: str) -> None:
    assert target_problem(target) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_files_of_spreadsheets_are_read(encoding: str, end: str, piece: int) -> None:
    text = end.join(["type;lead_id;city", "signup;l-1;Köln", 'signup;l-2;"Z;ü"', ""])
    rows, reader = read(text.encode(encoding), piece)
    assert [row.properties for row in rows] == [{"city": "Köln"}, {"city": "Z;ü"}]
    assert [row.line for row in rows] == [2, 3]
    assert reader.nature is not None
    assert (reader.nature.format, reader.nature.delimiter) == (Format.CSV, ";")


def test_bytes_that_are_no_text_cost_their_row_only() -> None:
    good = "type,lead_id\nsignup,Müller\n".encode() * 1
    rows, reader = read(good + b"signup,\xff\xfe\nsignup,\xc3\xb6\xc3\xbc\n")
    assert [row.problem is None for row in rows] == [True, False, True]
    assert reader.nature is not None
    assert reader.nature.encoding == "utf-8"
    rows, _ = read(b'{"lead_id":"\xff"}\n{"lead_id":"l"}\n')
    assert [row.problem is None for row in rows] == [False, True]


EVENT = st.fixed_dictionaries(
    {"type": st.text(min_size=1, max_size=5), "lead_id": st.text(max_size=5)},
    optional={
        "properties": st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5))
    },
)


@given(st.lists(EVENT, min_size=1, max_size=6), st.integers(1, 50), st.booleans())
def test_json_in_any_pieces_is_what_was_written(
    events: list[dict[str, Any]], piece: int, packed: bool
) -> None:
    for text in (json.dumps(events), "\n".join(map(json.dumps, events))):
        content = text.encode()
        rows, _ = read(gzip.compress(content) if packed else content, piece)
        assert [(dict(row.texts), row.properties) for row in rows] == [
            ({k: v for k, v in one.items() if k != "properties"}, one.get("properties"))
            for one in events
        ]


@given(st.binary(max_size=300), st.integers(1, 100), st.sampled_from(Format))
def test_any_bytes_give_rows_or_a_reason(content: bytes, piece: int, form: Format) -> None:
    def outcome(piece: int) -> tuple[list[Row], str]:
        reader = FileReader(ReadOptions(format=form))
        rows: list[Row] = []
        try:
            for at in range(0, len(content), piece):
                rows.extend(filter(None, reader.feed(content[at : at + piece])))
            rows.extend(filter(None, reader.finish()))
        except UnreadableFile as error:
            return rows, str(error)
        return rows, ""

    rows, failure = outcome(piece)
    assert outcome(1000) == (rows, failure)
    for row in rows:
        assert import_convert.incoming(row, ReadOptions(), SHA).event_id


def test_blank_lines_do_not_keep_their_reader() -> None:
    reader = FileReader(ReadOptions())
    blank = b"\n" * 2_000_000
    packed = gzip.compress(blank + b"type,lead_id\n" + blank + b"t,l\n")
    rows: list[Row | None] = []
    held = 0
    for at in range(0, len(packed), 1000):
        for row in reader.feed(packed[at : at + 1000]):
            rows.append(row)
            held = max(held, len(reader._header))
    rows += reader.finish()
    assert [row.line for row in rows if row is not None] == [4_000_002]
    assert rows.count(None) >= len(blank) * 2 // unpacking.PIECE_BYTES_MAX
    assert held < 100


@given(st.lists(st.lists(st.text(max_size=4), min_size=3, max_size=3), max_size=8))
def test_every_row_of_a_table_has_a_result(table: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["type", "lead_id", "x"], *table])
    rows, _ = read(written.getvalue().encode("utf-8", "replace"))
    assert len(rows) == len([cells for cells in table if any(cells) and "".join(cells).strip()])


def test_properties_that_no_event_can_have_are_refused_in_words() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(500):
        deep = {"a": deep}
    for properties in (deep, {"a": 10**400}, {"a": "\ud800"}, {"\ud800": 1}, {"a": "\0"}):
        row = Row(2, {"type": "t", "lead_id": "l"}, None, properties)
        event = import_convert.incoming(row, ReadOptions(), SHA)
        assert event.properties_problem, str(properties)[:40]
