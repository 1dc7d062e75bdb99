"""The background loops: one follows the SCORES stream into the hub, one ends watches that must not go on (revoked
keys, a broker silent for too long)."""

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

WARM_UP_MAX_S = 10.0
"""The ring may stay colder than asked for, if the broker is so slow."""

HEALTHY_SILENCE_S = 6.0
"""A quiet broker sends a heartbeat every 2 s, and a lost pull request is renewed after 5 s."""


class Reader(Protocol):
    """Follows a stream; services.shared.consuming.StreamReader is one."""

    openings: int

    @property
    def heard_at(self) -> float:
        """When the broker last showed that it serves this reader."""
        ...

    async def start(self) -> int:
        """Open; returns how many messages wait."""
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
    """Reads the stream into the hub, from the hub's position on, whatever fails in between."""

    def __init__(self, hub: Hub, stream: Stream) -> None:
        self._hub = hub
        self._stream = stream
        self._reader: Reader | None = None
        self._verified_openings = 0
        self._heard_at = 0.0

    async def warm_up(self, messages: int) -> None:
        """Begin so many messages before the live edge and read up to it."""
        state = await self._stream.state()
        oldest = state.first_sequence - 1
        self._hub.begin(state.stream_id, max(oldest, state.last_sequence - messages))
        reader = self._open()
        try:
            async with asyncio.timeout(WARM_UP_MAX_S):
                waiting = await reader.start()
                while waiting:
                    waiting = await self._read_batch(reader)
        except TimeoutError:
            log.warning("warm-up cut short", behind=state.last_sequence - self._hub.position)
        finally:
            await self._close(reader)

    async def run(self) -> None:
        """Follow the stream for ever. After a failure, call it again: nothing is skipped."""
        reader = self._open()
        try:
            while True:
                await self._read_batch(reader)
        except _StreamReplaced:
            log.warning("another stream of that name: watchers are sent away")
        finally:
            await self._close(reader)
        state = await self._state()
        self._hub.begin(state.stream_id, state.last_sequence)
        self._hub.end_all(lambda: ResumeTokenExpired("the changes are in another stream now"))

    async def follow(self) -> None:
        """`run`, again for each stream of that name."""
        while True:
            await self.run()

    def silence_s(self) -> float:
        """How long the broker has shown no sign that it serves the reader."""
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

    async def _read_batch(self, reader: Reader) -> int:
        messages = await self._take(reader)
        await self._verify(reader)
        for message, place in messages:
            self._hand_on(message, place)
            if self._hub.turn_is_due:
                await self._hub.let_watchers_read()
        await self._hub.let_watchers_read()
        return messages[-1][1].pending

    async def _take(self, reader: Reader) -> Sequence[tuple[Msg, Delivery]]:
        taking = asyncio.create_task(reader.take(READ_BATCH))
        try:
            while not taking.done():
                await asyncio.wait({taking}, timeout=VERIFY_INTERVAL_S)
                if not taking.done():
                    await self._verify(reader)
        finally:
            taking.cancel()
        return taking.result()

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
                return await self._stream.state()
            except DependencyUnavailable as error:
                log.info("waiting for the broker", error=str(error))
                await asyncio.sleep(STATE_RETRY_S)

    def _hand_on(self, message: Msg, place: Delivery) -> None:
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
