"""Exports from real Postgres: one view, in bounded memory, at the reader's speed, and nothing left behind."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from services.scoring import exporting
from services.scoring.domain.model import MILLI
from services.scoring.errors import ReaderTooSlow, TooManyExports
from services.scoring.export_formats import Format
from services.scoring.exporting import EXPORTS_MAX, PIECE_BYTES, Exports, Piece
from services.scoring.handlers import EventHandlers
from services.scoring.ports import LeadFilter
from services.shared.db import Database
from stack import Stack
from tests.support import scoring_cases as cases
from tests.support.clocks import SteppingClock
from tests.support.eventually import eventually_async
from tests.support.scoring_subjects import PostgresSubject

LEADS = 50_000
ATTRIBUTE_CHARACTERS = 1_000
MEMORY_BYTES_MAX = 24_000_000
"""Half of what the attributes of all leads alone would take."""

_FILL = """
    WITH made AS (
        INSERT INTO leads (project_id, lead_id, email, display_name, company, attributes, revision,
                           created_at, updated_at)
        SELECT %(project)s, 'l' || lpad(n::text, 6, '0'), '', '', '',
               jsonb_build_object('n', n, 'text', repeat(md5(n::text), %(repeats)s)), 1, now(), now()
        FROM generate_series(1, %(leads)s) AS n RETURNING lead_id
    )
    INSERT INTO snapshots (project_id, lead_id, score, stage, version, event_count, activation,
                           rule_set_version, state, state_format, updated_at, velocity, risk,
                           merged_into)
    SELECT %(project)s, lead_id, substr(lead_id, 2)::int, 'cold', 0, 0, 0, 0, '{}', 0, now(), 0, '', ''
    FROM made
"""


def fill(scoring_schema: Stack, project: str, leads: int = LEADS) -> None:
    with psycopg.connect(scoring_schema.postgres_url("scoreline_scoring")) as connection:
        repeats = ATTRIBUTE_CHARACTERS // 32
        connection.execute(_FILL, {"project": project, "leads": leads, "repeats": repeats})
    # As soon as there are so many new rows a database of some age counts them by itself.
    with psycopg.connect(scoring_schema.superuser_url) as connection:
        connection.execute("ANALYZE scoring.leads, scoring.snapshots")


@pytest.fixture
def exports(scoring_database: Database) -> Exports:
    return Exports(PostgresSubject(scoring_database).store)


async def whole(pieces: AsyncGenerator[Piece, None]) -> bytes:
    async with aclosing(pieces):
        return b"".join([piece.data async for piece in pieces])


@pytest.mark.parametrize("form", list(Format))
async def test_any_number_of_leads_takes_the_same_memory(
    scoring_schema: Stack, exports: Exports, project: str, form: Format
) -> None:
    fill(scoring_schema, project)
    pool, arrow_bytes, total, count = pa.default_memory_pool(), 0, 0, 0
    tail = b""
    tracemalloc.start()
    try:
        async for piece in exports.export(project, LeadFilter(), form):
            assert len(piece.data) <= PIECE_BYTES
            assert piece.row_count == LEADS
            arrow_bytes = max(arrow_bytes, pool.bytes_allocated())
            total += len(piece.data)
            count += piece.data.count(b"\n")
            tail = piece.data
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak + arrow_bytes < MEMORY_BYTES_MAX
    if form is Format.PARQUET:
        assert tail.endswith(b"PAR1")
    else:
        assert count == LEADS + (form is Format.CSV)
        assert total > 2 * MEMORY_BYTES_MAX


async def test_what_changes_meanwhile_is_not_in_the_file(
    scoring_schema: Stack, exports: Exports, project: str
) -> None:
    leads = 4_000
    fill(scoring_schema, project, leads)
    async with aclosing(exports.export(project, LeadFilter(), Format.NDJSON)) as pieces:
        content = (await anext(pieces)).data
        with psycopg.connect(scoring_schema.postgres_url("scoreline_scoring")) as connection:
            connection.execute("UPDATE snapshots SET score = -1 WHERE project_id = %s", [project])
        content += b"".join([piece.data async for piece in pieces])
    scores = [json.loads(line)["score"] for line in content.decode().splitlines()]
    assert scores == [number / MILLI for number in range(1, leads + 1)]


async def test_filters_merged_leads_and_other_projects(
    scoring_schema: Stack, scoring_database: Database, exports: Exports, project: str
) -> None:
    fill(scoring_schema, project, 20)
    fill(scoring_schema, f"{project}-other", 3)
    with psycopg.connect(scoring_schema.postgres_url("scoreline_scoring")) as connection:
        for change in ("merged_into = 'l000001' WHERE", "stage = 'hot' WHERE score > 15 AND"):
            which = "lead_id = 'l000007'" if "merged" in change else "true"
            connection.execute(
                f"UPDATE snapshots SET {change} {which} AND project_id = %s", [project]
            )

    async def exported(**which: Any) -> list[int]:
        content = await whole(exports.export(project, LeadFilter(**which), Format.PARQUET))
        scores = pq.read_table(io.BytesIO(content)).column("score").to_pylist()
        return [round(score * MILLI) for score in scores]

    everybody = [*range(1, 7), *range(8, 21)]
    assert await exported() == everybody
    assert await exported(min_score=5, max_score=8) == [5, 6, 8]
    assert await exported(stages=("hot",)) == [16, 17, 18, 19, 20]
    assert await exported(stages=("hot", "cold"), max_score=17) == [n for n in everybody if n < 18]
    assert await exported(stages=("nothing",)) == []
    pieces = exports.export(project, LeadFilter(min_score=5, max_score=8), Format.NDJSON)
    assert [piece.row_count async for piece in pieces] == [3]
    pieces = exports.export(project, LeadFilter(stages=("nothing",)), Format.NDJSON)
    assert [(piece.data, piece.row_count) async for piece in pieces] == [(b"", 0)]


async def test_the_first_and_last_event_are_those_that_count(
    scoring_database: Database, exports: Exports, project: str
) -> None:
    subject = PostgresSubject(scoring_database)
    handlers = EventHandlers(subject.store, SteppingClock())
    await handlers.record_activation(cases.activation(1, project_id=project))
    events = [cases.incoming(f"e{n}", "signup", n, project_id=project) for n in (1, 2, 3)]
    await handlers.apply_events(events)
    fact = cases.incoming(
        "scoreline:1", "$retraction", 9, project_id=project, event_ids=["e1", "e3"]
    )
    await handlers.apply_events([fact])
    content = await whole(exports.export(project, LeadFilter(), Format.PARQUET))
    (row,) = pq.read_table(io.BytesIO(content)).to_pylist()
    at = events[1].entry.occurred_at
    assert (row["first_event_time"], row["last_event_time"]) == (at, at)
    assert (row["score"], row["event_count"]) == (20.0, 3)


async def connections_in_use(database: Database) -> int:
    count: int = database.engine.pool.checkedout()  # type: ignore[attr-defined]
    return count


async def test_what_events_say_of_a_lead_is_what_they_said_last_in_event_time(
    scoring_database: Database, exports: Exports, project: str
) -> None:
    handlers = EventHandlers(PostgresSubject(scoring_database).store, SteppingClock())
    for event_id, minutes, title in (("e1", 5, "cto"), ("e2", 1, "intern")):
        event = cases.incoming(event_id, "identify", minutes, project_id=project, title=title)
        await handlers.apply_events([event])
    content = await whole(exports.export(project, LeadFilter(), Format.NDJSON))
    (line,) = map(json.loads, content.decode().splitlines())
    assert (line["attributes"], line["event_attributes"]) == ({}, {"title": "cto"})


async def test_a_reader_that_leaves_leaves_nothing_behind(
    scoring_schema: Stack, scoring_database: Database, exports: Exports, project: str
) -> None:
    fill(scoring_schema, project, 5_000)
    for _ in range(2 * EXPORTS_MAX):
        async with aclosing(exports.export(project, LeadFilter(), Format.NDJSON)) as pieces:
            await anext(pieces)
    assert await connections_in_use(scoring_database) == 0
    async with scoring_database.begin() as connection:
        assert (await connection.execute(sa.text("SELECT 1"))).scalar_one() == 1


async def test_a_reader_that_stalls_is_cut_off(
    scoring_schema: Stack,
    scoring_database: Database,
    exports: Exports,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "STALL_S", 0.05)
    fill(scoring_schema, project, 5_000)
    async with aclosing(exports.export(project, LeadFilter(), Format.NDJSON)) as pieces:
        await anext(pieces)
        # Nobody reads, and yet the connection comes back.
        await eventually_async(lambda: connections_are_free(scoring_database))
        with pytest.raises(ReaderTooSlow):
            async for _ in pieces:
                pass


async def connections_are_free(database: Database) -> bool:
    return await connections_in_use(database) == 0


async def test_more_exports_than_may_be_are_refused(
    scoring_schema: Stack, exports: Exports, project: str
) -> None:
    fill(scoring_schema, project, 5_000)
    open_ones = [exports.export(project, LeadFilter(), Format.NDJSON) for _ in range(EXPORTS_MAX)]
    await asyncio.gather(*(anext(one) for one in open_ones))
    with pytest.raises(TooManyExports):
        await whole(exports.export(project, LeadFilter(), Format.CSV))
    for one in open_ones:
        await one.aclose()
    assert await whole(exports.export(project, LeadFilter(), Format.CSV))
