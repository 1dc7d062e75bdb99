"""`kill -9` of ingest in the middle of importing a file. Afterwards every row is accounted for exactly once, as
accepted, duplicate or rejected, and every valid event is there once."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio
import psycopg
import pytest

from scoreline.ingest.v1 import imports_service_pb2 as pb
from stack import Stack, StackConfig
from tests.integration.ingest.importing import ImportClient, counts
from tests.integration.ingest.support import StoredEvents, accepted
from tests.support.eventually import eventually, eventually_async
from tests.support.projects import TestProject, new_project

# One at a time, also where several processes share the work; each restarts ingest while it reads a large file.
pytestmark = [pytest.mark.timeout(170), pytest.mark.xdist_group("fragile")]

BROKEN_EVERY = 97
REPEATED_EVERY = 89

END_S = 100.0


@dataclass(frozen=True)
class File:
    """What a file holds, and what must become of it."""

    content: bytes
    rows: int
    valid: frozenset[str]
    """Ids of its valid events."""
    broken: frozenset[int]
    """Lines of its rows that are none."""


def file_of(rows: int) -> File:
    """A CSV file with broken rows and repeated ones."""
    lines = ["event_id,type,lead_id,occur_time,page"]
    valid, broken = set(), set()
    for number in range(1, rows + 1):
        if number % BROKEN_EVERY == 0:
            lines.append(f"f-{number},signup,,2026-03-01T09:30:00Z,/")
            broken.add(number + 1)
            continue
        name = (
            number - 5 if number % REPEATED_EVERY == 0 and (number - 5) % BROKEN_EVERY else number
        )
        lines.append(f"f-{name},page_view,lead-{name % 500},2026-03-01T09:30:00Z,/{name}")
        valid.add(f"f-{name}")
    content = "\n".join(lines).encode()
    return File(content, rows, frozenset(valid), frozenset(broken))


@asynccontextmanager
async def importing(stack: Stack, project: TestProject) -> AsyncIterator[ImportClient]:
    async with grpc.aio.insecure_channel(stack.service_target("ingest")) as channel:
        yield ImportClient(channel, project.api_key)


async def kill_at(stack: Stack, project: TestProject, import_id: str, rows: int) -> None:
    """Kill ingest and start it again when so many rows are counted."""
    async with importing(stack, project) as imports:

        async def far_enough() -> bool:
            found = await imports.get(import_id)
            assert not found.HasField("end_time"), "too late"
            return found.row_count >= rows

        await eventually_async(far_enough)
    await asyncio.to_thread(stack.kill, "ingest")
    await asyncio.to_thread(stack.restart, "ingest")


async def check_counts(imports: ImportClient, import_id: str, sent: File) -> None:
    """Every row has its place, and the report names the broken ones."""

    async def ended() -> pb.Import | None:
        found = await imports.get(import_id)
        return found if found.HasField("end_time") else None

    found = await eventually_async(ended, timeout_s=END_S)
    assert found is not None
    assert (found.state, found.failure) == (pb.Import.STATE_SUCCEEDED, "")
    accepted_rows, duplicates, rejected = counts(found)
    assert accepted_rows + duplicates + rejected == sent.rows
    assert rejected == len(sent.broken)
    # What was under way when ingest died is known to the broker, and so are rows that the file repeats.
    assert accepted_rows <= len(sent.valid)
    report = list(csv.DictReader(io.StringIO(await imports.report(import_id))))
    lines = Counter(row["status"] for row in report)
    assert lines == {"rejected": rejected, "duplicate": duplicates}
    assert {int(row["line"]) for row in report if row["status"] == "rejected"} == sent.broken


async def test_every_row_of_a_large_file_is_settled_once() -> None:
    sent = file_of(200_000)
    with Stack(StackConfig(services=("accounts", "ingest"), envoy=False)) as stack:
        project = new_project(stack, "import")
        async with importing(stack, project) as imports:
            made = await imports.send(sent.content)
        for rows in (20_000, 100_000):
            await kill_at(stack, project, made.import_id, rows)
        async with importing(stack, project) as imports:
            await check_counts(imports, made.import_id, sent)
        async with StoredEvents.of(stack, project.project_id) as stored:
            found = Counter(
                accepted(one).event.event_id for one in await stored.messages(sent.valid)
            )
        assert found == Counter(sent.valid)


async def test_the_ledger_has_every_valid_row_once(fragile: Stack) -> None:
    sent = file_of(20_000)
    project = new_project(fragile, "import")
    async with importing(fragile, project) as imports:
        made = await imports.send(sent.content)
    await kill_at(fragile, project, made.import_id, 5_000)
    async with importing(fragile, project) as imports:
        await check_counts(imports, made.import_id, sent)

    def in_ledger() -> Counter[str]:
        query = "SELECT event_id FROM ledger WHERE project_id = %s"
        with psycopg.connect(fragile.postgres_url("scoreline_scoring")) as database:
            return Counter(row[0] for row in database.execute(query, [project.project_id]))

    def whole() -> bool:
        assert in_ledger().total() >= len(sent.valid)
        return True

    await asyncio.to_thread(eventually, whole, timeout_s=END_S)
    assert in_ledger() == Counter(sent.valid)
