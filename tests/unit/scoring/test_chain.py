"""The hash chain: whatever is changed, moved, left out or put in shows."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from services.scoring.domain.chain import GENESIS, block_hash, entry_hash
from tests.support.clocks import START

ENTRY: dict[str, Any] = {
    "project_id": "p1",
    "position": 7,
    "event_id": "e1",
    "subject": "lead:ada",
    "event_type": "page_view",
    "occurred_at": START,
    "recorded_at": START + timedelta(seconds=1),
    "source": "web",
    "properties": '{"page":"/"}',
    "payload_hash": b"\x01" * 32,
}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("project_id", "p2"),
        ("position", 8),
        ("event_id", "e2"),
        ("subject", "lead:bob"),
        ("event_type", "signup"),
        ("occurred_at", START + timedelta(microseconds=1)),
        ("recorded_at", START),
        ("source", ""),
        ("properties", '{"page": "/"}'),
        ("payload_hash", b"\x01" * 31 + b"\x02"),
    ],
)
def test_every_column_counts(column: str, value: Any) -> None:
    assert entry_hash(**{**ENTRY, column: value}) != entry_hash(**ENTRY)


def test_text_can_not_move_from_one_column_to_the_next() -> None:
    moved = {"event_id": "e1l", "subject": "ead:ada"}
    assert entry_hash(**{**ENTRY, **moved}) != entry_hash(**ENTRY)
    emptied = {"source": "", "properties": "web" + ENTRY["properties"]}
    assert entry_hash(**{**ENTRY, **emptied}) != entry_hash(**ENTRY)


def test_an_instant_is_the_same_in_every_time_zone() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert entry_hash(**{**ENTRY, "occurred_at": elsewhere}) == entry_hash(**ENTRY)


def test_hashes_never_change() -> None:
    # Ledgers have them.
    found = entry_hash(**ENTRY)
    assert found.hex() == "5501a471d338bc2a81a11cfb988458f15fe840c1207636f380c21db23d0a0df2"
    assert (
        block_hash(GENESIS, [found]).hex()
        == "aad9ec62ee8bb2fe5e0e1aa44333e533d6571b5e3b0f7e4a582c0b90fa0bc4c0"
    )


def test_blocks_cover_their_entries_in_order_and_the_block_before() -> None:
    first, second = b"\x01" * 32, b"\x02" * 32
    block = block_hash(GENESIS, [first, second])
    others = [
        block_hash(GENESIS, [second, first]),
        block_hash(GENESIS, [first]),
        block_hash(GENESIS, [first, second, second]),
        block_hash(first, [first, second]),
        block_hash(GENESIS, []),
    ]
    assert len({block, *others}) == 6
