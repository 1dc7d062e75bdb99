"""Files cut into records: no crash, no lost row, and the same records however the bytes come."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.importing import csv_records, json_records, texts, unpacking
from services.ingest.domain.importing.csv_records import CsvRecords, delimiter_of
from services.ingest.domain.importing.json_records import JsonArrayRecords, NdjsonRecords
from services.ingest.domain.importing.records import RECORD_CHARS_MAX, Record, UnreadableFile
from services.ingest.domain.importing.unpacking import Unpacker

LONG = "x" * (RECORD_CHARS_MAX + 1)

Splitter = CsvRecords | NdjsonRecords | JsonArrayRecords


def records(splitter: Splitter, *pieces: str) -> list[Record]:
    found = [record for piece in pieces for record in splitter.feed(piece)]
    return [*found, *splitter.feed("", final=True)]


def values(found: Iterable[Record]) -> list[tuple[int, Any]]:
    return [(record.line, record.value) for record in found]


def cut(text: str, places: list[int]) -> Iterator[str]:
    at = 0
    for place in sorted(place % (len(text) + 1) for place in places):
        yield text[at:place]
        at = place
    yield text[at:]


# Short texts of what matters to a parser, so that quotes, ends and escapes meet in all ways.
CSV_TEXT = st.text(alphabet='a,;"\n\r é', max_size=60)
JSON_TEXT = st.text(alphabet='[]{}",:\\ 1an\n', max_size=60)
PLACES = st.lists(st.integers(0, 100), max_size=6)


@given(
    st.lists(st.lists(st.text(alphabet='a,"\n\r;é'), min_size=2, max_size=3), max_size=8), PLACES
)
def test_csv_that_a_writer_wrote_is_read_as_it_was(
    rows: list[list[str]], places: list[int]
) -> None:
    rows = [row for row in rows if ",".join(row).strip()]
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    found = records(CsvRecords(","), *cut(written.getvalue(), places))
    assert [record.problem for record in found] == [""] * len(rows)
    assert [record.value for record in found] == rows


def check_every_line_is_accounted_for(text: str, places: list[int]) -> None:
    whole = records(CsvRecords(","), text)
    assert records(CsvRecords(","), *cut(text, places)) == whole
    begins = [record.line for record in whole]
    assert begins == sorted(set(begins))
    covered: set[int] = set()
    for record, following in zip_longest(whole, begins[1:], fillvalue=10_000):
        assert isinstance(record, Record)
        if "can't be read" in record.problem:
            covered |= set(range(record.line, following))
        inside = "\n".join(record.value).count("\n") if record.value else 0
        covered |= set(range(record.line, record.line + inside + 1))
    left = [line for number, line in enumerate(text.split("\n"), start=1) if number not in covered]
    assert not "".join(left).strip()


@given(CSV_TEXT, PLACES)
def test_no_line_of_any_csv_is_lost(text: str, places: list[int]) -> None:
    check_every_line_is_accounted_for(text, places)


@settings(max_examples=300)
@given(text=CSV_TEXT, places=PLACES)
def test_no_line_is_lost_where_records_are_too_long(text: str, places: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "RECORD_CHARS_MAX", 12)
        check_every_line_is_accounted_for(text, places)


def test_a_quote_that_nobody_closes_costs_its_own_line_only() -> None:
    text = 'a,"b\nc,d\ne,f\n'
    found = records(CsvRecords(","), text)
    assert values(found) == [(1, None), (2, ["c", "d"]), (3, ["e", "f"])]
    assert "quote" in found[0].problem
    later = records(CsvRecords(","), 'a,"b\n' + "c,d\n" * 100_000)
    assert len(later) == 100_001
    assert [record.line for record in later if record.problem] == [1]


@pytest.mark.parametrize("line", ['a","', '","', '"', ',"', 'a,"b'])
def test_lines_of_nothing_but_quotes_are_looked_at_a_few_times(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "RECORD_CHARS_MAX", 20_000)
    lines = 50_000
    looks = 0
    look = csv_records._Extents._open_after

    def counted(extents: csv_records._Extents, text: str, is_open: bool) -> bool:
        nonlocal looks
        looks += 1
        assert looks <= 8 * lines
        return look(extents, text, is_open)

    monkeypatch.setattr(csv_records._Extents, "_open_after", counted)
    text = f"{line}\n" * lines
    pieces = [text[at : at + 10_000] for at in range(0, len(text), 10_000)]
    assert records(CsvRecords(","), *pieces)


def test_lines_are_numbered_through_quoted_ends_and_blank_lines() -> None:
    text = 'a,"b\nb"\r\n\n \nc,"d""\r\n,"\ne,f'
    assert values(records(CsvRecords(","), text)) == [
        (1, ["a", "b\nb"]),
        (5, ["c", 'd"\r\n,']),
        (7, ["e", "f"]),
    ]


@pytest.mark.parametrize("splitter", [lambda: CsvRecords(","), NdjsonRecords])
def test_a_line_that_is_too_long_is_refused_and_not_held(splitter: Any) -> None:
    one = splitter()
    found = [*one.feed("1\n"), *one.feed(LONG)]
    for _ in range(50):
        found += one.feed("y" * 100_000)
        assert len(one._rest) <= RECORD_CHARS_MAX
    found += [*one.feed("z\n2\n"), *one.feed("", final=True)]
    assert [(record.line, bool(record.problem)) for record in found] == [
        (1, False),
        (2, True),
        (3, False),
    ]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("lead_id,type", ","),
        ("lead_id;type;a,b", ";"),
        ("lead_id\ttype", "\t"),
        ("lead_id|type", "|"),
        ("type", ","),
        ('"a;b;c;d",type', ","),
    ],
)
def test_the_delimiter_is_the_headers(header: str, delimiter: str) -> None:
    assert delimiter_of(header) == delimiter


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(JSON_VALUES, max_size=6), PLACES, st.sampled_from([None, 2]))
def test_an_array_is_read_as_it_was(elements: list[Any], places: list[int], indent: int) -> None:
    text = json.dumps(elements, indent=indent)
    found = records(JsonArrayRecords(), *cut(text, places))
    assert values(found) == list(enumerate(elements, start=1))
    assert not any(record.problem for record in found)


@given(st.lists(JSON_VALUES, max_size=6), PLACES)
def test_lines_of_json_are_read_as_they_were(elements: list[Any], places: list[int]) -> None:
    text = "".join(f"{json.dumps(element)}\n" for element in elements)
    assert values(records(NdjsonRecords(), *cut(text, places))) == list(
        enumerate(elements, start=1)
    )


def outcome(text: str, places: list[int]) -> tuple[list[Record], str]:
    splitter = JsonArrayRecords()
    found: list[Record] = []
    try:
        for piece in cut(text, places):
            found += splitter.feed(piece)
        found += splitter.feed("", final=True)
    except UnreadableFile as error:
        return found, str(error)
    return found, ""


@settings(max_examples=300)
@given(st.sampled_from(["", "["]), JSON_TEXT, PLACES, st.sampled_from([12, RECORD_CHARS_MAX]))
def test_any_array_is_read_alike_however_it_comes(
    begin: str, text: str, places: list[int], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_records, "RECORD_CHARS_MAX", limit)
        found, failure = outcome(begin + text, [])
        assert outcome(begin + text, places) == (found, failure)
        assert [record.line for record in found] == list(range(1, len(found) + 1))
        try:
            elements = json.loads(begin + text)
        except ValueError:
            return
        if isinstance(elements, list) and not any(record.problem for record in found):
            assert (values(found), failure) == (list(enumerate(elements, start=1)), "")


def test_an_element_that_is_no_json_is_refused_alone() -> None:
    found, failure = outcome('[{"a": 1}, {"a": }, [}, 5, NaN, {"b": 2}]', [])
    assert [record.value for record in found] == [{"a": 1}, None, None, 5, None, {"b": 2}]
    assert failure == ""


def test_an_element_that_is_too_long_is_refused_and_not_held() -> None:
    splitter = JsonArrayRecords()
    found = [*splitter.feed('[{"a": 1}, {"b": ["' + LONG)]
    for _ in range(50):
        found += splitter.feed('\\"]}' * 25_000)
        assert len(splitter._rest) <= RECORD_CHARS_MAX
    found += [*splitter.feed('"]}, {"c": 3}]'), *splitter.feed("", final=True)]
    assert [(record.line, record.value, bool(record.problem)) for record in found] == [
        (1, {"a": 1}, False),
        (2, None, True),
        (3, {"c": 3}, False),
    ]


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ('[{"a": 1}', "cut off after element 1"),
        ('[{"a": 1', "cut off in element 1"),
        ('[{"a": "' + LONG, "cut off in element 1"),
        ('[{"a": 1} {"b": 2}]', "broken after element 1"),
        ('[{"a": 1},]', "element 2 begins with ']'"),
        ('{"a": 1}', "broken"),
        ("[1] 2", "nothing is expected"),
        ("", "cut off"),
    ],
)
def test_a_broken_array_says_where(text: str, failure: str) -> None:
    assert failure in outcome(text, [])[1]


def test_deep_nesting_is_refused_not_followed() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    (found,) = records(NdjsonRecords(), deep)
    assert "nested" in found.problem
    assert "nested" in outcome(f"[{deep}]", [])[0][0].problem


def test_text_that_is_no_text_is_refused_where_it_is() -> None:
    for splitter in (NdjsonRecords(), CsvRecords(",")):
        found = records(splitter, f'"{texts.MARK}"\n"b"\n')
        assert [bool(record.problem) for record in found] == [True, False]


@given(st.binary(max_size=200), PLACES)
def test_gzip_is_unpacked_and_all_else_passed_on(content: bytes, places: list[int]) -> None:
    for data in (
        content,
        gzip.compress(content),
        gzip.compress(content[:7]) + gzip.compress(content[7:]),
    ):
        unpacker = Unpacker()
        pieces = [data[at : at + 3] for at in range(0, len(data), 3)]
        found = b"".join(piece for one in pieces for piece in unpacker.feed(one))
        if data is content and content.startswith(unpacking.MAGIC):
            continue
        assert found + unpacker.finish() == content


def test_a_gzip_file_that_is_cut_off_or_damaged_says_so() -> None:
    packed = gzip.compress(bytes(range(256)) * 100)
    cut_off = Unpacker()
    list(cut_off.feed(packed[:-4]))
    with pytest.raises(UnreadableFile, match="cut off"):
        cut_off.finish()
    with pytest.raises(UnreadableFile, match="damaged"):
        list(Unpacker().feed(packed[:40] + b"????" + packed[44:]))


def test_a_file_that_unpacks_to_far_more_than_a_table_would_is_refused() -> None:
    packed = gzip.compress(b"\n" * 20_000_000)
    lengths: list[int] = []
    with pytest.raises(UnreadableFile, match="200 times"):
        lengths.extend(map(len, Unpacker(ratio_from_bytes=5_000_000).feed(packed)))
    assert 4_500_000 < sum(lengths) <= 5_000_000
    # As much as a table packs to is no matter, nor is a small file.
    table = b"".join(b"%d,page_view,lead-%d\n" % (row, row * row) for row in range(200_000))
    for content, begin in ((table, 0), (b"\n" * 1_000_000, 1_000_000)):
        fine = Unpacker(ratio_from_bytes=begin)
        assert b"".join(fine.feed(gzip.compress(content))) == content


def test_small_members_come_together() -> None:
    content = b"".join(gzip.compress(b"%d\n" % number) for number in range(3_000))
    unpacker = Unpacker()
    pieces = [piece for at in (0, 50_000) for piece in unpacker.feed(content[at : at + 50_000])]
    assert len(pieces) == 2
    damaged = Unpacker()
    found: list[bytes] = []
    with pytest.raises(UnreadableFile, match="damaged"):
        found.extend(damaged.feed(gzip.compress(b"before") + b"no gzip"))
    assert found == [b"before"]


def test_a_gzip_bomb_is_refused_and_unpacked_in_small_pieces() -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    unpacker = Unpacker(bytes_max=10_000_000)
    lengths: list[int] = []
    with pytest.raises(UnreadableFile, match="more than 10,000,000"):
        lengths.extend(len(piece) for piece in unpacker.feed(bomb))
    assert 0 < max(lengths) <= unpacking.PIECE_BYTES_MAX
