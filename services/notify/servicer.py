"""NotifyService at the RPC edge: convert, watch, convert."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from scoreline.notify.v1 import notify_service_pb2, notify_service_pb2_grpc
from services.notify import convert
from services.notify.handlers import WatchHandler
from services.shared import context as call_context


class NotifyServicer(notify_service_pb2_grpc.NotifyServiceServicer):
    """Serves WatchScores."""

    def __init__(self, handler: WatchHandler, responses: convert.Responses) -> None:
        self._handler = handler
        self._responses = responses

    async def WatchScores(
        self,
        request: notify_service_pb2.WatchScoresRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[notify_service_pb2.WatchScoresResponse]:
        """Updates until the caller leaves or the watch must end."""
        watch = await self._handler.open(
            call_context.caller().project_id, call_context.request(), convert.to_options(request)
        )
        # When the caller is gone nobody resumes a generator that waits at its yield: it is collected some time later.
        context.add_done_callback(lambda _: watch.close())  # type: ignore[arg-type]  # the stubs ask for a class
        try:
            while True:
                yield self._responses.of(watch, await watch.next())
        finally:
            watch.close()
