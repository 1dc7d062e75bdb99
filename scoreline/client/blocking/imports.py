"""Importing files of events, blocking."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping

import grpc

from scoreline.client import errors, file_streams, import_requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
from scoreline.client.import_requests import PAGE_SIZE, Source, import_in
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
from scoreline.ingest.v1.imports_service_pb2_grpc import ImportsServiceStub


class Imports:
    """Files of events. Needs a key with the scope `ingest`."""

    def __init__(self, calls: Calls, stub: ImportsServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def import_file(
        self,
        source: Source,
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

        def attempt() -> Import:
            return self._send(first, import_requests.pieces(source), progress)

        if not import_requests.is_path(source):
            return attempt()
        made: Import = self._calls.attempts()(attempt)
        return made

    def get(self, import_id: str) -> Import:
        """One import and how far it is."""
        request = GetImportRequest(import_id=import_id)
        return import_in(self._calls.repeated(self._stub.GetImport, request))

    def list(self, *, page_size: int = PAGE_SIZE) -> Iterator[Import]:
        """The project's imports of the last 30 days, newest first."""
        request = ListImportsRequest(page_size=page_size)
        return items(self._calls, self._stub.ListImports, request, "imports")

    def watch(self, import_id: str) -> Generator[Import, None, None]:
        """The import as it is now, and whenever it has changed, until it has ended. A broken connection is opened anew
        for as long as the retry policy says."""
        settings = self._calls.settings
        outage = Outage(settings.retry, settings.retry.for_s)
        request = WatchImportRequest(import_id=import_id)
        while True:
            call = self._stub.WatchImport(request, metadata=settings.metadata)
            try:
                for answer in call:
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
            time.sleep(outage.wait_s(error))

    def cancel(self, import_id: str) -> Import:
        """End an import. Rows that were accepted stay accepted."""
        request = CancelImportRequest(import_id=import_id)
        return import_in(self._calls.repeated(self._stub.CancelImport, request))

    def report(self, import_id: str) -> Generator[bytes, None, None]:
        """Every row that was not accepted, as a CSV file in pieces."""
        request = GetImportReportRequest(import_id=import_id)
        call = self._stub.GetImportReport(request, metadata=self._calls.settings.metadata)
        return file_streams.pieces(call)

    def _send(
        self,
        first: ImportEventsRequest,
        pieces: Iterator[bytes],
        progress: Callable[[int], None] | None,
    ) -> Import:
        failures: list[Exception] = []

        def requests() -> Iterator[ImportEventsRequest]:
            sent = 0
            yield first
            try:
                for piece in pieces:
                    yield import_requests.message(piece)
                    sent += len(piece)
                    if progress is not None:
                        progress(sent)
            except Exception as error:
                # gRPC, which reads this in a thread of its own, would only say that something was raised.
                failures.append(error)
                raise

        try:
            answer = self._stub.ImportEvents(requests(), metadata=self._calls.settings.metadata)
        except grpc.RpcError as error:
            if failures:
                raise failures[0] from None
            raise errors.from_rpc_error(error) from error
        return import_in(answer)
