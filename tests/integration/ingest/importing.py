"""Sending files to ingest and waiting for their imports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from scoreline.ingest.v1 import imports_service_pb2 as pb
from scoreline.ingest.v1 import imports_service_pb2_grpc
from tests.support.grpc_calls import CALL_TIMEOUT_S

IMPORT_TIMEOUT_S = 50.0


class ImportClient:
    """ImportsService, with a key."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self.stub = imports_service_pb2_grpc.ImportsServiceStub(channel)
        self.metadata = (("x-api-key", api_key),)

    async def send(self, content: bytes, piece_bytes: int = 1_000_000, **fields: Any) -> pb.Import:
        """ImportEvents."""
        answer: pb.ImportEventsResponse = await self.stub.ImportEvents(
            requests(content, piece_bytes, **fields), metadata=self.metadata, timeout=CALL_TIMEOUT_S
        )
        return getattr(answer, "import")  # type: ignore[no-any-return]

    async def get(self, import_id: str) -> pb.Import:
        """GetImport."""
        answer = await self.stub.GetImport(
            pb.GetImportRequest(import_id=import_id), metadata=self.metadata, timeout=CALL_TIMEOUT_S
        )
        return getattr(answer, "import")  # type: ignore[no-any-return]

    async def watch(self, import_id: str) -> AsyncIterator[pb.Import]:
        """WatchImport."""
        request = pb.WatchImportRequest(import_id=import_id)
        async for answer in self.stub.WatchImport(
            request, metadata=self.metadata, timeout=IMPORT_TIMEOUT_S
        ):
            yield getattr(answer, "import")

    async def ended(self, import_id: str) -> pb.Import:
        """The import when it has ended."""
        return [found async for found in self.watch(import_id)][-1]

    async def run(self, content: bytes, **fields: Any) -> pb.Import:
        """Import a file to its end."""
        return await self.ended((await self.send(content, **fields)).import_id)

    async def report(self, import_id: str) -> str:
        """GetImportReport."""
        request = pb.GetImportReportRequest(import_id=import_id)
        bodies: AsyncIterator[HttpBody] = self.stub.GetImportReport(
            request, metadata=self.metadata, timeout=CALL_TIMEOUT_S
        )
        return b"".join([body.data async for body in bodies]).decode()


def requests(content: bytes, piece_bytes: int, **fields: Any) -> Iterable[pb.ImportEventsRequest]:
    """A file as it is sent."""
    for at in range(0, max(len(content), 1), piece_bytes):
        body = HttpBody(data=content[at : at + piece_bytes])
        yield pb.ImportEventsRequest(content=body, **({} if at else fields))


def counts(found: pb.Import) -> tuple[int, int, int]:
    """Accepted, duplicate, rejected."""
    assert found.row_count == found.accepted_count + found.duplicate_count + found.rejected_count
    return found.accepted_count, found.duplicate_count, found.rejected_count
