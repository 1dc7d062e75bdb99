"""The background loops: one follows the SCORES stream into the hub while somebody watches, one ends watches that must
not go on (revoked keys, a broker silent for too long)."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Protocol

from nats.aio.msg import Msg

from scoreline.common.v1 import scope_pb2
from services.notify.errors import ResumeTokenExpired, WatchInterrupted
from services.notify.hub import Hub
from services.notify.ports import CallerSource, StreamState
from services.notify.stream import published_change
from services.shared import logs
from services.shared.consuming import Delivery
from services.shared.errors import DependencyUnavailable
from services.shared.interceptor import CredentialInvalid

log = logs.get("worker")

READ_BATCH = 250
"""Changes handed out between two turns of the watchers: an eighth of a watcher's queue."""

KEEPER_INTERVAL_S = 0.5
"""How soon a revoked key's watches end; promised is one second."""

VERIFY_INTERVAL_S = 1.0
"""How soon a stream that was replaced is noticed when nothing is published to the new one."""

STATE_RETRY_S = 0.2
"""A broker that comes back is up within seconds; asking costs next to nothing."""

STATE_TIMEOUT_S = 2.0
"""A broker that is there answers in milliseconds; an answer that was on its way when it went never comes."""

LINGER_S = 30.0
"""The stream is followed for so long after the last watcher left: who was cut off and comes back finds the ring."""

HEALTHY_SILENCE_S = 6.0
"""A quiet broker sends a heartbeat every 2 s, and a lost pull request is renewed after 5 s."""


class Reader(Protocol):
    """Follows a stream; services.shared.consuming.StreamReader is one."""

    openings: int

    @property
    def heard_at(self) -> float:
        """When the broker last showed that it serves this reader."""
        ...

    def take(self, limit: int) -> Coroutine[None, None, Sequence[tuple[Msg, Delivery]]]:
        """The next messages, at least one."""
        ...

    async def close(self) -> None:
        """Stop reading."""
        ...


class Stream(Protocol):
    """What the follower needs of stream.JetStreamScores."""

    async def state(self) -> StreamState:
        """What the stream holds."""
        ...

    def live_reader(self, after_sequence: int) -> Reader:
        """Follows all changes after a position."""
        ...


class Follower:
    """Reads the stream into the hub while somebody watches, from the hub's position on, whatever fails in between. Make
    it when the stream was just seen."""

    def __init__(self, hub: Hub, stream: Stream) -> None:
        self._hub = hub
        self._stream = stream
        self._reader: Reader | None = None
        self._verified_openings = 0
        self._wanted_at = self._heard_at = asyncio.get_running_loop().time()

    async def follow(self) -> None:
        """Follow the stream for ever, whenever somebody watches. After a failure, call it again: nothing is skipped."""
        while True:
            if self._hub.is_at_rest:
                await self._rest()
            try:
                await self._read()
            except _StreamReplaced:
                log.warning("another stream of that name: watchers are sent away")
                state = await self._state()
                self._hub.begin(state.stream_id, state.last_sequence)
                self._hub.end_all(
                    lambda: ResumeTokenExpired("the changes are in another stream now")
                )
            # Once more: somebody may have come while the reader was closed.
            if not self._is_wanted():
                self._hub.rest()

    async def _rest(self) -> None:
        """Only see that the stream is there, until somebody comes. What happens from then on is read."""
        wanted = asyncio.create_task(self._hub.wanted())
        try:
            while True:
                await asyncio.wait({wanted}, timeout=VERIFY_INTERVAL_S)
                came = wanted.done()
                state = await self._state()
                if came:
                    break
        finally:
            wanted.cancel()
        self._wanted_at = asyncio.get_running_loop().time()
        self._hub.begin(state.stream_id, state.last_sequence)

    async def _read(self) -> None:
        """Hand on what the stream has until nobody wants it any more."""
        reader = self._open()
        taking: asyncio.Task[Sequence[tuple[Msg, Delivery]]] | None = None
        try:
            while self._is_wanted():
                taking = taking or asyncio.create_task(reader.take(READ_BATCH))
                await asyncio.wait({taking}, timeout=VERIFY_INTERVAL_S)
                await self._verify(reader)
                if taking.done():
                    await self._hand_on(taking.result())
                    taking = None
        finally:
            if taking is not None:
                taking.cancel()
            await self._close(reader)

    def _is_wanted(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if self._hub.is_wanted:
            self._wanted_at = now_s
            return True
        return now_s - self._wanted_at < LINGER_S

    def silence_s(self) -> float:
        """How long the broker has shown no sign that it serves the reader, or, while nobody watches, has the stream."""
        heard_at = max(self._heard_at, self._reader.heard_at if self._reader else 0.0)
        return asyncio.get_running_loop().time() - heard_at

    async def healthy(self) -> bool:
        """Whether changes can be expected to arrive."""
        return self.silence_s() < HEALTHY_SILENCE_S

    def _open(self) -> Reader:
        self._verified_openings = 0
        self._reader = self._stream.live_reader(self._hub.position)
        return self._reader

    async def _close(self, reader: Reader) -> None:
        self._heard_at = max(self._heard_at, reader.heard_at)
        self._reader = None
        await reader.close()

    async def _hand_on(self, messages: Sequence[tuple[Msg, Delivery]]) -> None:
        for message, place in messages:
            self._hand_on_one(message, place)
            if self._hub.turn_is_due:
                await self._hub.let_watchers_read()
        await self._hub.let_watchers_read()

    async def _verify(self, reader: Reader) -> None:
        openings = reader.openings
        if openings == self._verified_openings:
            return
        # The reader's consumer was made anew; it belongs to whatever stream had the name at that moment. If the
        # stream is the known one now, it was then.
        state = await self._state()
        same = state.stream_id == self._hub.stream_id
        if not same or state.last_sequence < self._hub.position:
            raise _StreamReplaced
        self._verified_openings = openings

    async def _state(self) -> StreamState:
        while True:
            try:
                async with asyncio.timeout(STATE_TIMEOUT_S):
                    state = await self._stream.state()
            except (DependencyUnavailable, TimeoutError) as error:
                log.info("waiting for the broker", error=str(error))
                await asyncio.sleep(STATE_RETRY_S)
            else:
                self._heard_at = asyncio.get_running_loop().time()
                return state

    def _hand_on_one(self, message: Msg, place: Delivery) -> None:
        sequence = place.stream_sequence
        if sequence != self._hub.position + 1:
            # All subjects of the stream are read, so its sequence has no holes but for what was removed from it.
            log.warning("changes removed unread", after=self._hub.position, before=sequence)
            self._hub.lose_until(sequence)
        published = published_change(message, place)
        if published is None:
            self._hub.pass_over(sequence)
        else:
            self._hub.advance(published)


class _StreamReplaced(Exception):
    """The stream was deleted and made anew, or lost its newest messages."""


class Keeper:
    """Ends watches that must not go on."""

    def __init__(
        self, hub: Hub, follower: Follower, callers: CallerSource, broker_silence_max_s: float
    ) -> None:
        self._hub = hub
        self._follower = follower
        self._callers = callers
        self._broker_silence_max_s = broker_silence_max_s
        self._interrupted = False

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self.end_revoked()
            self.end_interrupted()
            await asyncio.sleep(KEEPER_INTERVAL_S)

    def end_revoked(self) -> None:
        """End the watches of keys that are not valid any more, or for another project or without the scope."""
        watchers = self._hub.watchers
        valid: dict[tuple[str, str], bool] = {}
        for watcher in watchers:
            key = (watcher.credential, watcher.project_id)
            if key not in valid:
                valid[key] = self._may_watch(*key)
            if not valid[key]:
                self._hub.end(watcher, CredentialInvalid("the API key was revoked"))

    def end_interrupted(self) -> None:
        """End all watches while the broker is silent for too long: heartbeats that go on would say that nothing
        changes, and another process may see the broker."""
        interrupted = self._follower.silence_s() > self._broker_silence_max_s
        if interrupted == self._interrupted:
            return
        self._interrupted = interrupted
        if not interrupted:
            self._hub.refuse(None)
            return

        def make_error() -> WatchInterrupted:
            return WatchInterrupted("score changes can't be read at the moment")

        log.warning("broker silent: watchers are sent away", watchers=len(self._hub.watchers))
        self._hub.refuse(make_error)
        self._hub.end_all(make_error)

    def _may_watch(self, credential: str, project_id: str) -> bool:
        caller = self._callers.find(credential)
        return (
            caller is not None
            and caller.project_id == project_id
            and scope_pb2.SCOPE_READ in caller.scopes
        )
