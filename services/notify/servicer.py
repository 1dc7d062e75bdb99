"""NotifyService at the RPC edge: convert, watch, convert."""

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeVar

import grpc

from scoreline.notify.v1 import notify_service_pb2 as pb
from scoreline.notify.v1 import notify_service_pb2_grpc
from services.notify import convert, convert_feeds
from services.notify.conditions import Conditions
from services.notify.handlers import FeedHandler, WatchHandler
from services.shared import context as call_context

UpdateT_co = TypeVar("UpdateT_co", covariant=True)
UpdateT = TypeVar("UpdateT")
ServicerContext = grpc.aio.ServicerContext[Any, Any]


class Watching(Protocol[UpdateT_co]):
    """A watch of whatever kind."""

    async def next(self) -> UpdateT_co:
        """The next update."""
        ...

    def close(self) -> None:
        """Free what the watch holds."""
        ...


class NotifyServicer(notify_service_pb2_grpc.NotifyServiceServicer):
    """Serves all watches: updates until the caller leaves or the watch must end."""

    def __init__(
        self,
        watches: WatchHandler,
        feeds: FeedHandler,
        conditions: Conditions,
        responses: convert.Responses,
    ) -> None:
        self._watches = watches
        self._feeds = feeds
        self._conditions = conditions
        self._responses = responses
        self._feed_responses = convert_feeds.FeedResponses()

    async def WatchScores(
        self, request: pb.WatchScoresRequest, context: ServicerContext
    ) -> AsyncIterator[pb.WatchScoresResponse]:
        """Score changes."""
        watch = await self._watches.open(
            _project(), call_context.request(), convert.to_options(request, self._conditions)
        )
        async for update in _updates(watch, context):
            yield self._responses.of(watch, update)

    async def WatchLeaderboard(
        self, request: pb.WatchLeaderboardRequest, context: ServicerContext
    ) -> AsyncIterator[pb.WatchLeaderboardResponse]:
        """A leaderboard."""
        which, interval_s = convert_feeds.to_which(request)
        watch = await self._feeds.open_board(_project(), call_context.request(), which, interval_s)
        async for update in _updates(watch, context):
            yield self._feed_responses.of_board(update)

    async def WatchActivity(
        self, request: pb.WatchActivityRequest, context: ServicerContext
    ) -> AsyncIterator[pb.WatchActivityResponse]:
        """Events as they are scored."""
        wanted, least_s, interval_s = convert_feeds.to_activity(request)
        watch = await self._feeds.open_activity(
            _project(), call_context.request(), wanted, least_s, interval_s
        )
        async for update in _updates(watch, context):
            yield self._feed_responses.of_activity(update)


async def _updates(watch: Watching[UpdateT], context: ServicerContext) -> AsyncIterator[UpdateT]:
    # When the caller is gone nobody resumes a generator that waits at its yield: it is collected some time later.
    context.add_done_callback(lambda _: watch.close())  # type: ignore[arg-type]  # the stubs ask for a class
    try:
        while True:
            yield await watch.next()
    finally:
        watch.close()


def _project() -> str:
    return call_context.caller().project_id
