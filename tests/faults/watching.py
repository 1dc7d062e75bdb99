"""A watcher that is cut off and comes back with its last token, as the contract tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from tests.faults.sending import may_be_repeated
from tests.support.eventually import eventually_async

HEARTBEAT = Duration(seconds=1)
WATCH_S = 120.0


class Watcher:
    """What came over all the streams it opened, in order."""

    def __init__(self, channel: grpc.aio.Channel, metadata: list[tuple[str, str]]) -> None:
        self._stub: Any = notify_service_pb2_grpc.NotifyServiceStub(channel)
        self._metadata = metadata
        self._token = ""
        self.changes: list[ScoreChange] = []
        self.streams = 0
        """Streams that were opened and brought something."""
        self.silent_since = 0
        """Changes that had come when the last heartbeat did."""
        self.opened = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        await eventually_async(self._watch_once, timeout_s=WATCH_S)

    async def _watch_once(self) -> bool:
        """One stream. False when it broke and may be resumed."""
        request = notify_service_pb2.WatchScoresRequest(
            resume_token=self._token, heartbeat_interval=HEARTBEAT
        )
        fresh = True
        try:
            async for message in self._stub.WatchScores(request, metadata=self._metadata):
                self.streams += fresh
                fresh = False
                self._token = message.resume_token
                if message.WhichOneof("message") == "score_change":
                    self.changes.append(message.score_change)
                else:
                    self.silent_since = len(self.changes)
                self.opened.set()
        except grpc.aio.AioRpcError as error:
            if not may_be_repeated(error):
                raise
        return False


@asynccontextmanager
async def watching(
    channel: grpc.aio.Channel, metadata: list[tuple[str, str]]
) -> AsyncIterator[Watcher]:
    """A watcher that is watching already. Its failure ends the block."""
    watcher = Watcher(channel, metadata)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watcher.run())
        await watcher.opened.wait()
        yield watcher
        task.cancel()
