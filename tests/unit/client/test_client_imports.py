"""Sending files with the SDK: paths and pieces, both clients alike, and what happens when something breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import RetryPolicy, errors
from scoreline.client.import_requests import PIECE_BYTES
from scoreline.ingest.v1 import imports_service_pb2 as pb
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

CONTENT = b"lead_id,type\n" + b"l,signup\n" * 200_000
PATIENT = RetryPolicy(for_s=10, first_wait_s=0.01, max_wait_s=0.02)


def answer(kind: Any, **fields: Any) -> Any:
    return kind(**{"import": pb.Import(import_id="imp_1", **fields)})


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        running.on("ImportEvents", lambda _, __: answer(pb.ImportEventsResponse))
        yield running


async def send(edge: FakeEdge, kind: str, source: Any, **options: Any) -> pb.Import:
    """Send a file with the client of that kind."""
    if kind == "blocking":
        with scoreline.Client(edge.target, API_KEY, retry=PATIENT) as client:
            return client.imports.import_file(source, **options)
    async with scoreline.AsyncClient(edge.target, API_KEY, retry=PATIENT) as async_client:
        return await async_client.imports.import_file(source, **options)


both = pytest.mark.parametrize("kind", ["blocking", "aio"])


def sent(edge: FakeEdge, attempt: int = 0) -> bytes:
    return b"".join(one.content.data for one in edge.requests["ImportEvents"][attempt])


@both
async def test_a_file_on_disk_is_sent_in_pieces(edge: FakeEdge, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(CONTENT)
    told: list[int] = []
    made = await send(
        edge, kind, path, columns={"Mail": "email"}, event_source="crm", progress=told.append
    )
    assert made.import_id == "imp_1"
    first, *others = edge.requests["ImportEvents"][0]
    assert (first.file_name, list(first.columns), first.source) == (
        "leads.csv",
        ["Mail=email"],
        "crm",
    )
    assert len(first.request_id) == 32
    assert sent(edge) == CONTENT
    assert max(len(one.content.data) for one in others) == PIECE_BYTES
    assert told[-1] == len(CONTENT)


@both
async def test_pieces_are_sent_as_they_come(edge: FakeEdge, kind: str) -> None:
    await send(edge, kind, [b"lead_id,type\n", CONTENT], file_name="a.csv", form="csv")
    assert sent(edge) == b"lead_id,type\n" + CONTENT
    first = edge.requests["ImportEvents"][0][0]
    assert (first.file_name, first.format) == ("a.csv", pb.IMPORT_FORMAT_CSV)


async def test_pieces_may_come_from_an_event_loop(edge: FakeEdge) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(CONTENT), 1_000_000):
            yield CONTENT[at : at + 1_000_000]

    await send(edge, "aio", pieces())
    assert sent(edge) == CONTENT


def failing(times: int) -> Any:
    attempts = []

    def behaviour(_: Any, context: grpc.ServicerContext) -> Any:
        attempts.append(1)
        if len(attempts) <= times:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, retry_after_s=0))
        return answer(pb.ImportEventsResponse)

    return behaviour


@both
async def test_a_file_is_sent_again_and_pieces_are_not(
    edge: FakeEdge, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(CONTENT)
    edge.on("ImportEvents", failing(2))
    await send(edge, kind, path)
    assert [sent(edge, attempt) == CONTENT for attempt in range(3)] == [True] * 3
    assert len({attempt[0].request_id for attempt in edge.requests["ImportEvents"]}) == 1
    edge.on("ImportEvents", failing(1))
    with pytest.raises(errors.Unavailable):
        await send(edge, kind, [CONTENT])
    assert len(edge.requests["ImportEvents"]) == 4


@both
async def test_what_breaks_here_is_raised_as_it_is(
    edge: FakeEdge, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await send(edge, kind, tmp_path / "missing.csv")

    def pieces() -> Iterator[bytes]:
        yield CONTENT
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await send(edge, kind, pieces())
    with pytest.raises(ValueError, match="no such format"):
        await send(edge, kind, [b""], form="xls")
    refusal = status(grpc.StatusCode.INVALID_ARGUMENT)
    edge.on("ImportEvents", lambda _, context: refuse(context, refusal))
    with pytest.raises(errors.InvalidRequest):
        await send(edge, kind, [b"x"])


@both
async def test_a_watch_outlasts_a_broken_connection(edge: FakeEdge, kind: str) -> None:
    calls = []

    def behaviour(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        calls.append(1)
        yield answer(pb.WatchImportResponse, row_count=len(calls))
        if len(calls) == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, retry_after_s=0))
        yield answer(pb.WatchImportResponse, state=pb.Import.STATE_SUCCEEDED, row_count=9)

    edge.on("WatchImport", behaviour)
    if kind == "blocking":
        with scoreline.Client(edge.target, API_KEY, retry=PATIENT) as client:
            rows = [found.row_count for found in client.imports.watch("imp_1")]
    else:
        async with scoreline.AsyncClient(edge.target, API_KEY, retry=PATIENT) as async_client:
            rows = [found.row_count async for found in async_client.imports.watch("imp_1")]
    assert rows == [1, 2, 9]


@both
async def test_the_other_methods_ask_what_they_say(edge: FakeEdge, kind: str) -> None:
    edge.on("GetImport", lambda _, __: answer(pb.GetImportResponse))
    edge.on("CancelImport", lambda _, __: answer(pb.CancelImportResponse))
    edge.on("ListImports", lambda _, __: pb.ListImportsResponse(imports=[pb.Import(import_id="a")]))
    if kind == "blocking":
        with scoreline.Client(edge.target, API_KEY) as client:
            found = [client.imports.get("x"), client.imports.cancel("x"), *client.imports.list()]
            assert list(client.imports.report("x")) == []
    else:
        async with scoreline.AsyncClient(edge.target, API_KEY) as async_client:
            found = [await async_client.imports.get("x"), await async_client.imports.cancel("x")]
            found += [one async for one in async_client.imports.list()]
            assert [piece async for piece in async_client.imports.report("x")] == []
    assert [one.import_id for one in found] == ["imp_1", "imp_1", "a"]
    for method in ("GetImport", "CancelImport", "GetImportReport"):
        assert edge.requests[method][0].import_id == "x"
