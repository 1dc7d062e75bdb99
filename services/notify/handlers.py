"""The use cases of notify: opening a watch, of score changes (its course is in `watch.py`), of a leaderboard
(`boards.py`) or of activity (`activity.py`)."""

from services.notify.activity import ActivityWatch
from services.notify.boards import Boards, BoardWatch
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.leaderboard import Which
from services.notify.domain.resume_token import Position, TokenInvalid, TokenSigner
from services.notify.domain.waiting import BULK_CAUSES, SAMPLE_MAX, NewestOfEachLead, Sample, Sums
from services.notify.errors import ResumeTokenExpired, ResumeTokenInvalid
from services.notify.hub import Hub
from services.notify.ports import LeadSource, PublishedChange, ScoreStream, StreamState
from services.notify.updates import WatchOptions
from services.notify.watch import SnapshotBudget, Watch
from services.shared.context import Request
from services.shared.errors import LimitExceeded, Violations


class FeedHandler:
    """Opens watches of what is so now, which have no position."""

    def __init__(self, hub: Hub, boards: Boards) -> None:
        self._hub = hub
        self._boards = boards

    async def open_board(
        self, project_id: str, request: Request, which: Which, heartbeat_interval_s: float
    ) -> BoardWatch:
        """A watch of a leaderboard. Raises LimitExceeded or DependencyUnavailable."""
        async with self._hub.awake():
            watcher = self._hub.open(project_id, request.credential, ChangeFilter())
            try:
                return self._boards.open(watcher, request, which, heartbeat_interval_s)
            except LimitExceeded:
                self._hub.close(watcher)
                raise

    async def open_activity(
        self,
        project_id: str,
        request: Request,
        wanted: ChangeFilter,
        interval_min_s: float,
        heartbeat_interval_s: float,
    ) -> ActivityWatch:
        """A watch of events as they are scored. Raises LimitExceeded or DependencyUnavailable."""
        waiting = Sample[PublishedChange](1 if interval_min_s else SAMPLE_MAX)
        async with self._hub.awake():
            watcher = self._hub.open(project_id, request.credential, wanted, waiting)
            return ActivityWatch(self._hub, watcher, interval_min_s, heartbeat_interval_s)


class WatchHandler:
    """Opens watches of score changes."""

    def __init__(
        self,
        hub: Hub,
        stream: ScoreStream,
        leads: LeadSource,
        tokens: TokenSigner,
        budget: SnapshotBudget,
    ) -> None:
        self._hub = hub
        self._stream = stream
        self._leads = leads
        self._tokens = tokens
        self._budget = budget

    async def open(self, project_id: str, request: Request, options: WatchOptions) -> Watch:
        """A watch of the project's changes, from the live edge or from the options' token on.

        Raises ResumeTokenInvalid, ResumeTokenExpired, LimitExceeded or DependencyUnavailable.
        """
        async with self._hub.awake():
            position = await self._position(project_id, options)
            sums = None
            if options.bulk_as_sums:
                sums = Sums(position.summed or (position.sequence,) * len(BULK_CAUSES))
            waiting = NewestOfEachLead[PublishedChange]() if options.latest_only else None
            watcher = self._hub.open(project_id, request.credential, options.wanted, waiting, sums)
            return Watch(
                self._hub,
                self._stream,
                self._leads,
                self._budget,
                watcher,
                request,
                options,
                position,
            )

    async def _position(self, project_id: str, options: WatchOptions) -> Position:
        if options.resume_token:
            return await self._resumed(project_id, options)
        return Position(self._hub.stream_id, self._hub.position)

    async def _resumed(self, project_id: str, options: WatchOptions) -> Position:
        try:
            position = self._tokens.read(project_id, options.resume_token)
        except TokenInvalid:
            raise ResumeTokenInvalid from None
        if position.summed and not options.bulk_as_sums:
            violations = Violations()
            violations.add(
                "bulk_causes_as_summary", "must be set, as it was when resume_token was given"
            )
            violations.raise_if_any()
        places = (position.sequence, *position.summed)
        if not self._hub.floor <= min(places) <= max(places) <= self._hub.position:
            # Before the ring: refuse at once what can't be read any more. After it: another process may be ahead of
            # this one, but none is ahead of the stream.
            _check(position, await self._stream.state())
        if position.stream_id != self._hub.stream_id:
            raise ResumeTokenExpired("the token belongs to a stream that is gone")
        return position


def _check(position: Position, state: StreamState) -> None:
    places = (position.sequence, *position.summed)
    if position.stream_id != state.stream_id:
        raise ResumeTokenExpired("the token belongs to a stream that is gone")
    if max(places) > state.last_sequence:
        raise ResumeTokenExpired("the stream has lost the changes that the token stands for")
    if min(places) + 1 < state.first_sequence:
        raise ResumeTokenExpired("the token is older than the oldest change kept")
