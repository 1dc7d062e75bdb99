"""Values as text, read back by Postgres's own rules."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer

from services.shared.bulk import array, copy_text

TEXTS = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\0"))))


def read_as_text(text: str) -> list[str | None]:
    """As the driver reads what the server sends, which has the same form."""
    loader = Transformer().get_loader(
        psycopg.postgres.types["text"].array_oid, psycopg.pq.Format.TEXT
    )
    return list(loader.load(text.encode()))


@given(TEXTS)
def test_texts_come_back_as_they_were(values: list[str | None]) -> None:
    assert read_as_text(array(values)) == values


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))))
def test_numbers_come_back_as_they_were(values: list[int | None]) -> None:
    found = read_as_text(array(values))
    assert [None if one is None else int(one) for one in found] == values


def test_a_text_that_says_null_is_a_text() -> None:
    assert read_as_text(array(["NULL", "null", ""])) == ["NULL", "null", ""]


def test_instants_keep_their_zone_and_microseconds() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    (found,) = read_as_text(array([at]))
    assert datetime.fromisoformat(str(found)) == at
    assert read_as_text(array([None, at.astimezone(UTC)]))[0] is None


def test_the_driver_refuses_a_nul() -> None:
    with pytest.raises(psycopg.DataError):
        Transformer().get_dumper("", psycopg.adapt.PyFormat.TEXT).dump(array(["a\0b", "c"]))


VALUES = st.one_of(
    st.none(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.text('\x01\x02\x03\\\t\n\r"N.,{}'),
)


def read_copied(text: bytes) -> list[list[str | None]]:
    """As the manual has the text format."""
    if not text:
        return []
    assert text.endswith(b"\n")
    codes = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}
    return [
        [
            None if field == "\\N" else re.sub(r"\\.", lambda found: codes[found.group()], field)
            for field in line.split("\t")
        ]
        for line in text.decode()[:-1].split("\n")
    ]


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width))
    )
)
def test_rows_come_back_as_they_were(rows: list[list[str | None]]) -> None:
    assert read_copied(copy_text(rows)) == rows


def test_other_values_are_as_postgres_writes_them() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    rows = [(1, True, b"\x00\xff\\", at), (-2, False, b"", at)]
    assert read_copied(copy_text(rows)) == [
        ["1", "True", "\\x00ff5c", at.isoformat()],
        ["-2", "False", "\\x", at.isoformat()],
    ]
