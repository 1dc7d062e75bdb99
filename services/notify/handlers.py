"""The use case of notify: opening a watch. Its course is in `watch.py`."""

from services.notify.domain.resume_token import Position, TokenInvalid, TokenSigner
from services.notify.errors import ResumeTokenExpired, ResumeTokenInvalid
from services.notify.hub import Hub
from services.notify.ports import LeadSource, ScoreStream, StreamState
from services.notify.watch import SnapshotBudget, Watch, WatchOptions
from services.shared.context import Request


class WatchHandler:
    """Opens watches."""

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
        sequence = None
        if options.resume_token:
            sequence = await self._resumed(project_id, options.resume_token)
        watcher = self._hub.open(project_id, request.credential, options.wanted)
        return Watch(
            self._hub,
            self._stream,
            self._leads,
            self._budget,
            watcher,
            request,
            options,
            self._hub.position if sequence is None else sequence,
        )

    async def _resumed(self, project_id: str, token: str) -> int:
        try:
            position = self._tokens.read(project_id, token)
        except TokenInvalid:
            raise ResumeTokenInvalid from None
        if not self._hub.floor <= position.sequence <= self._hub.position:
            # Before the ring: refuse at once what can't be read any more. After it: another process may be ahead of
            # this one, but none is ahead of the stream.
            _check(position, await self._stream.state())
        if position.stream_id != self._hub.stream_id:
            raise ResumeTokenExpired("the token belongs to a stream that is gone")
        return position.sequence


def _check(position: Position, state: StreamState) -> None:
    if position.stream_id != state.stream_id:
        raise ResumeTokenExpired("the token belongs to a stream that is gone")
    if position.sequence > state.last_sequence:
        raise ResumeTokenExpired("the stream has lost the changes that the token stands for")
    if position.sequence + 1 < state.first_sequence:
        raise ResumeTokenExpired("the token is older than the oldest change kept")
