"""Importing files of events, in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from scoreline.client import errors, file_streams, import_requests
from scoreline.client.aio.paging import items
from scoreline.client.calls import AsyncCalls
from scoreline.client.import_requests import PAGE_SIZE, AsyncSource, import_in
from scoreline.client.ledger_streams import may_resume, unfinished
from scoreline.client.watching import Outage
from scoreline.ingest.v1.imports_service_pb2 import (
    CancelImportRequest,
    GetImportReportRequest,
    GetImportRequest,
    Import,
    ImportEventsRequest,
    ListImportsRequest,
    WatchImportRequest,
)

if TYPE_CHECKING:
    from scoreline.ingest.v1.imports_service_pb2_grpc import ImportsServiceAsyncStub


class Imports:
    """Files of events. Needs a key with the scope `ingest`."""

    def __init__(self, calls: AsyncCalls, stub: ImportsServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    async def import_file(
        self,
        source: AsyncSource,
        *,
        form: str = "",
        file_name: str = "",
        columns: Mapping[str, str] | None = None,
        default_type: str = "",
        event_source: str = "",
        request_id: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> Import:
        """Send a file, a path or pieces of bytes: CSV, NDJSON or a JSON array, also with gzip. Returns when the suite
        has all of it; `watch` says what becomes of its rows.

        `columns` says what columns are (`{"Mail": "email", "Internal": ""}`). A file on disk is sent again when the
        connection breaks, and imported once. `progress` is told how many bytes are sent. Raises OSError when it can't
        be read.
        """
        first = import_requests.first_message(
            source, form, file_name, columns or {}, default_type, event_source, request_id
        )

        async def attempt() -> Import:
            return await self._send(first, _pieces(source), progress)

        if not import_requests.is_path(source):
            return await attempt()
        return await self._calls.attempts()(attempt)

    async def get(self, import_id: str) -> Import:
        """One import and how far it is."""
        request = GetImportRequest(import_id=import_id)
        return import_in(await self._calls.repeated(self._stub.GetImport, request))

    def list(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Import]:
        """The project's imports of the last 30 days, newest first."""
        request = ListImportsRequest(page_size=page_size)
        return items(self._calls, self._stub.ListImports, request, "imports")

    async def watch(self, import_id: str) -> AsyncGenerator[Import, None]:
        """The import as it is now, and whenever it has changed, until it has ended. A broken connection is opened anew
        for as long as the retry policy says."""
        settings = self._calls.settings
        outage = Outage(settings.retry, settings.retry.for_s)
        request = WatchImportRequest(import_id=import_id)
        while True:
            call = self._stub.WatchImport(request, metadata=settings.metadata)
            try:
                async for answer in call:
                    outage.over()
                    found = import_in(answer)
                    yield found
                    if found.state in import_requests.ENDED:
                        return
                error: errors.ScorelineError = unfinished()
            except grpc.RpcError as failure:
                error = errors.from_rpc_error(failure)
            finally:
                call.cancel()
            if not may_resume(error):
                raise error
            await asyncio.sleep(outage.wait_s(error))

    async def cancel(self, import_id: str) -> Import:
        """End an import. Rows that were accepted stay accepted."""
        request = CancelImportRequest(import_id=import_id)
        return import_in(await self._calls.repeated(self._stub.CancelImport, request))

    def report(self, import_id: str) -> AsyncGenerator[bytes, None]:
        """Every row that was not accepted, as a CSV file in pieces."""
        request = GetImportReportRequest(import_id=import_id)
        call = self._stub.GetImportReport(request, metadata=self._calls.settings.metadata)
        return file_streams.pieces_async(call)

    async def _send(
        self,
        first: ImportEventsRequest,
        pieces: AsyncGenerator[bytes, None],
        progress: Callable[[int], None] | None,
    ) -> Import:
        call = self._stub.ImportEvents(metadata=self._calls.settings.metadata)
        try:
            sent = 0
            await call.write(first)
            async with aclosing(pieces):
                async for piece in pieces:
                    await call.write(import_requests.message(piece))
                    sent += len(piece)
                    if progress is not None:
                        progress(sent)
            await call.done_writing()
            return import_in(await call)
        except asyncio.InvalidStateError:
            # The service has answered already: it need not see the rest.
            return await self._answered(call)
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from error
        finally:
            call.cancel()

    async def _answered(self, call: Any) -> Import:
        try:
            return import_in(await call)
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from error


async def _pieces(source: AsyncSource) -> AsyncGenerator[bytes, None]:
    if isinstance(source, AsyncIterator):
        async for given in source:
            for piece in import_requests.cut(given):
                yield piece
        return
    found = import_requests.pieces(source)
    # Disks may take their time: not in the event loop.
    while (next_piece := await asyncio.to_thread(next, found, None)) is not None:
        yield next_piece
