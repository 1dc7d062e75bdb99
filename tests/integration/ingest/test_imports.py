"""Files through a real ingest: what becomes of rows, of files that break off, and of whoever asks."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psycopg
import pytest

from scoreline.ingest.v1 import imports_service_pb2 as pb
from services.shared import paging
from stack import Stack
from tests.integration.ingest.importing import ImportClient, counts, requests
from tests.integration.ingest.support import StoredEvents, accepted
from tests.support.eventually import eventually
from tests.support.grpc_calls import CALL_TIMEOUT_S
from tests.support.projects import TestProject, new_project

pytestmark = pytest.mark.xdist_group("ingest")

SUCCEEDED = pb.Import.STATE_SUCCEEDED
FAILED = pb.Import.STATE_FAILED
CANCELLED = pb.Import.STATE_CANCELLED


@pytest.fixture
def project(ingest: Stack) -> TestProject:
    """Others may have as many files waiting as they like."""
    return new_project(ingest, "imports")


@pytest.fixture
async def imports(ingest: Stack, project: TestProject) -> AsyncIterator[ImportClient]:
    async with grpc.aio.insecure_channel(ingest.service_target("ingest")) as channel:
        yield ImportClient(channel, project.api_key)


@pytest.fixture
async def stored(ingest: Stack, project: TestProject) -> AsyncIterator[StoredEvents]:
    async with StoredEvents.of(ingest, project.project_id) as stored:
        yield stored


def rows_of(ingest: Stack, table: str, import_id: str) -> int:
    with psycopg.connect(ingest.postgres_url("scoreline_ingest")) as database:
        query = f"SELECT count(*) FROM {table} WHERE import_id = %s"
        found = database.execute(query, [import_id]).fetchone()
    assert found is not None
    return int(found[0])


async def test_a_spreadsheet_becomes_events(imports: ImportClient, stored: StoredEvents) -> None:
    content = (
        "Event ID;Mail;Type;Timestamp;amount;Notes\r\n"
        'csv-1;ada@example.com;Page View;2026-03-01;12.5;"é ""note""\nof two lines"\r\n'
        "csv-2; Grace@Example.com ;signup;1772357400;;\r\n"
        ";;;;;\r\n"
        "csv-3;nobody;signup;yesterday;;\r\n"
        "csv-4;nobody;1st;2026-03-01T09:30:00Z;;\r\n"
        "csv-5;ada@example.com;signup\r\n"
    ).encode("windows-1252")
    found = await imports.run(
        content, file_name="März.csv", columns=["Mail=email", "Notes=properties.note"], source="crm"
    )
    assert found.state == SUCCEEDED
    assert counts(found) == (2, 0, 3)
    assert (found.format, found.delimiter, found.encoding) == (
        pb.IMPORT_FORMAT_CSV,
        ";",
        "windows-1252",
    )
    assert (found.size_bytes, found.read_bytes) == (len(content), len(content))
    assert (found.file_name, found.HasField("end_time")) == ("März.csv", True)
    rejected = [(row.line, row.column) for row in found.first_rejected_rows]
    assert rejected == [(6, "occur_time"), (7, "type"), (8, "")]
    first, second = [
        accepted(message).event for message in await stored.messages(["csv-1", "csv-2"])
    ]
    assert (first.type, first.email, first.source) == ("page_view", "ada@example.com", "crm")
    assert dict(first.properties) == {"amount": 12.5, "note": 'é "note"\nof two lines'}
    assert first.occur_time.ToJsonString() == "2026-03-01T00:00:00Z"
    assert second.email == "grace@example.com"
    assert second.occur_time.ToJsonString() == "2026-03-01T09:30:00Z"
    report = list(csv.reader(io.StringIO(await imports.report(found.import_id))))
    assert report[0] == ["line", "status", "event_id", "column", "reason"]
    assert [row[:4] for row in report[1:]] == [
        ["6", "rejected", "", "occur_time"],
        ["7", "rejected", "csv-4", "type"],
        ["8", "rejected", "", ""],
    ]
    assert "e-mail" in report[2][4]


async def test_the_oldest_form_has_ids_of_file_and_line(
    imports: ImportClient, stored: StoredEvents
) -> None:
    content = "leadId, type\nl-1, page_view\nl-2, signup\nl-1, page_view\n".encode("utf-16")
    found = await imports.run(content)
    assert (counts(found), found.encoding) == ((3, 0, 0), "utf-16-le")
    ids = [f"imp:{found.sha256[:32]}:{line}" for line in (2, 3, 4)]
    assert await stored.count(ids) == 3
    again = await imports.run(content)
    assert counts(again) == (0, 3, 0)
    assert await stored.count(ids) == 3
    assert [
        line.split(",")[1] for line in (await imports.report(again.import_id)).splitlines()
    ] == [
        "status",
        *["duplicate"] * 3,
    ]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["ndjson", "json"])
async def test_json_becomes_events(
    imports: ImportClient, stored: StoredEvents, form: str, packed: bool
) -> None:
    name = f"{form}-{packed}"
    events = [
        {"event_id": f"{name}-1", "type": "signup", "lead_id": "l", "properties": {"n": 1}},
        {"eventId": f"{name}-2", "type": "signup", "leadId": "l", "occurTime": 1772357400123},
        {"event_id": f"{name}-3", "type": "signup", "lead_id": "l", "plan": "team"},
        {"event_id": f"{name}-1", "type": "signup", "lead_id": "l", "properties": {"n": 1}},
    ]
    text = json.dumps(events) if form == "json" else "\n".join(map(json.dumps, events))
    content = gzip.compress(text.encode()) if packed else text.encode()
    found = await imports.run(content, piece_bytes=10)
    assert (found.state, counts(found)) == (SUCCEEDED, (2, 1, 1))
    assert found.format == {"json": pb.IMPORT_FORMAT_JSON, "ndjson": pb.IMPORT_FORMAT_NDJSON}[form]
    (row,) = found.first_rejected_rows
    assert (row.line, row.column) == (3, "plan")
    events_stored = await stored.messages([f"{name}-1", f"{name}-2"])
    assert len(events_stored) == 2
    assert accepted(events_stored[1]).event.occur_time.ToJsonString() == "2026-03-01T09:30:00.123Z"


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"name,phone\nada,1\n", "no column is the type"),
        (b"type,phone\nsignup,1\n", "no column is one of lead_id"),
        (b"lead,lead_id,type\n", "both lead_id"),
        (b"\n", "empty"),
        (b"[1", "cut off"),
        (gzip.compress(b"lead_id,type\n" * 99, mtime=0)[:-3], "cut off"),
    ],
)
async def test_a_file_that_cannot_be_read_fails(
    imports: ImportClient, content: bytes, failure: str
) -> None:
    found = await imports.run(content)
    assert found.state == FAILED
    assert failure in found.failure
    assert found.HasField("end_time")


async def test_what_came_before_the_break_stays(
    ingest: Stack, imports: ImportClient, stored: StoredEvents
) -> None:
    found = await imports.run(b'[{"event_id":"cut-1","type":"signup","lead_id":"l"},{"event_id"')
    assert (found.state, counts(found)) == (FAILED, (1, 0, 0))
    assert await stored.count(["cut-1"]) == 1
    assert rows_of(ingest, "import_chunks", found.import_id) == 0


async def test_the_same_request_makes_one_import(imports: ImportClient) -> None:
    first = await imports.send(b"lead_id,type\nl,signup\n", request_id="r-1")
    second = await imports.send(b"lead_id,type\nl,signup\n", request_id="r-1")
    other = await imports.send(b"lead_id,type\nl,signup\n", request_id="r-2")
    assert first.import_id == second.import_id != other.import_id


async def test_the_same_request_twice_at_once_makes_one_import(imports: ImportClient) -> None:
    content = b"lead_id,type\nl,signup\n"
    sent = [imports.send(content, request_id="at-once") for _ in range(5)]
    assert len({made.import_id for made in await asyncio.gather(*sent)}) == 1
    assert len((await listed(imports)).imports) == 1


async def listed(imports: ImportClient, **fields: object) -> pb.ListImportsResponse:
    request = pb.ListImportsRequest(**fields)  # type: ignore[arg-type]
    answer: pb.ListImportsResponse = await imports.stub.ListImports(
        request, metadata=imports.metadata, timeout=CALL_TIMEOUT_S
    )
    return answer


async def test_imports_are_listed_newest_first(imports: ImportClient) -> None:
    made = [
        (await imports.send(b"lead_id,type\n,\n,x\n", file_name=str(number))).import_id
        for number in range(3)
    ]
    first = await listed(imports, page_size=2)
    second = await listed(imports, page_size=2, page_token=first.next_page_token)
    found = [one.import_id for one in (*first.imports, *second.imports)]
    assert found == made[::-1]
    assert second.next_page_token == ""
    assert not any(one.first_rejected_rows for one in first.imports)


@pytest.mark.parametrize(
    "position",
    [
        ["2026-03-01T09:30:00+00:00", "\0"],
        ["2026-03-01T09:30:00+00:00", "\ud800"],
        ["2026-03-01T09:30:00", "imp_1"],
        ["\0", ""],
        [5, None],
    ],
)
async def test_page_tokens_that_were_made_up_are_refused(
    imports: ImportClient, position: list[Any]
) -> None:
    token = paging.encode(position, pb.ListImportsRequest())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await listed(imports, page_token=token)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith("page_token: ")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"file_name": "x" * 257}, "file_name"),
        ({"request_id": "a\nb"}, "request_id"),
        ({"source": "x" * 65}, "source"),
        ({"default_type": "1st"}, "default_type"),
        ({"format": 9}, "format"),
        ({"columns": ["Mail"]}, "columns[0]"),
        ({"columns": ["Mail=email", "Mail=lead_id"]}, "columns[1]"),
        ({"columns": ["Mail=address"]}, "columns[0]"),
        ({"columns": ["a="] * 201}, "columns"),
    ],
)
async def test_what_a_file_is_said_to_be_must_make_sense(
    imports: ImportClient, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await imports.send(b"lead_id,type\nl,signup\n", **fields)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith(f"{field}: ")
    assert not (await listed(imports)).imports


async def test_an_empty_file_is_refused(imports: ImportClient) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await imports.send(b"")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_call_that_breaks_leaves_nothing(ingest: Stack, imports: ImportClient) -> None:
    call = imports.stub.ImportEvents(metadata=imports.metadata)
    (request,) = requests(b"x" * 1_500_000, 2_000_000, file_name="broken-off.csv")
    for _ in range(3):
        await call.write(request)
    query = "SELECT count(*) FROM imports LEFT JOIN import_chunks USING (import_id) WHERE file_name = %s"

    def chunks() -> int:
        with psycopg.connect(ingest.postgres_url("scoreline_ingest")) as database:
            found = database.execute(query, ["broken-off.csv"]).fetchone()
        assert found is not None
        return int(found[0])

    await asyncio.to_thread(eventually, lambda: chunks() >= 4)
    assert not (await listed(imports)).imports
    call.cancel()
    await asyncio.to_thread(eventually, lambda: chunks() == 0)


async def test_an_import_can_be_cancelled(ingest: Stack, imports: ImportClient) -> None:
    content = b"lead_id,type\n" + b"l,signup\n" * 200_000
    made = await imports.send(content)
    request = pb.CancelImportRequest(import_id=made.import_id)
    for _ in range(2):
        await imports.stub.CancelImport(request, metadata=imports.metadata, timeout=CALL_TIMEOUT_S)
    found = await imports.ended(made.import_id)
    assert (found.state, found.HasField("end_time")) == (CANCELLED, True)
    assert found.row_count < 200_000
    assert rows_of(ingest, "import_chunks", made.import_id) == 0
    # The next one is worked on as if nothing had been.
    assert counts(await imports.run(b"lead_id,type\nl,signup\n")) == (1, 0, 0)
    done = await imports.run(b"lead_id,type\nl,page_view\n")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await imports.stub.CancelImport(
            pb.CancelImportRequest(import_id=done.import_id),
            metadata=imports.metadata,
            timeout=CALL_TIMEOUT_S,
        )
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_progress_is_watched(imports: ImportClient) -> None:
    made = await imports.send(b"lead_id,type\n" + b"l,signup\n" * 60_000)
    seen = [found async for found in imports.watch(made.import_id)]
    rows = [found.row_count for found in seen]
    assert rows == sorted(rows)
    assert rows[-1] == 60_000
    assert seen[-1].state == SUCCEEDED
    assert len(seen) > 2


async def test_others_see_nothing(ingest: Stack, imports: ImportClient) -> None:
    made = await imports.run(b"lead_id,type\nl,signup\n")
    async with grpc.aio.insecure_channel(ingest.service_target("ingest")) as channel:
        stranger = ImportClient(channel, new_project(ingest, "stranger").api_key)
        for asking in (
            stranger.get(made.import_id),
            stranger.ended(made.import_id),
            stranger.report(made.import_id),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await asking
            assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert not (await listed(stranger)).imports
