"""Watching across broken connections: where to resume, what was shown already, when to give up. The two loops are here;
how a stream is opened is up to the clients."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from types import TracebackType
from typing import Any, Final, Protocol

import grpc
import grpc.aio
from google.protobuf.message import Message

from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest, WatchScoresResponse

SILENCE_HEARTBEATS: Final = 3.0
"""A stream silent for so many heartbeat intervals is taken for dead and opened anew."""
SILENCE_MIN_S: Final = 10.0
"""... but never sooner than this: a loaded service answers late before it answers never."""

_TOO_SLOW = "WATCHER_TOO_SLOW"
# What a proxy or a broken connection makes of a stream, next to UNAVAILABLE.
TRANSPORT_CODES: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
)


class Position(Protocol):
    """Where a watch of whatever kind is."""

    def request(self) -> Any:
        """What to ask for now."""
        ...

    def take(self, message: Any) -> bool:
        """Move on past a message; whether the caller is to see it."""
        ...

    def may_resume(self, error: errors.ScorelineError) -> bool:
        """Whether the watch can go on after an error."""
        ...


class FeedPosition:
    """Of a watch that has none: it begins anew with what is so then."""

    def __init__(self, request: Message) -> None:
        self._request = request

    def request(self) -> Any:
        """What to ask for: the same every time."""
        return self._request

    def take(self, message: Any) -> bool:
        """Everything is shown."""
        return True

    def may_resume(self, error: errors.ScorelineError) -> bool:
        """Whether asking again can help."""
        return isinstance(error, errors.Unavailable) or (
            error.from_transport and error.code in TRANSPORT_CODES
        )


class WatchPosition:
    """Where a watch of score changes is. Says what to request next and which messages the caller has not seen."""

    def __init__(self, request: WatchScoresRequest, *, resync: bool) -> None:
        self._first = request
        self._token = request.resume_token
        self._snapshot = request.include_snapshot
        self._resync = resync
        # Versions of the snapshot's leads shown so far: a snapshot that breaks off starts again from its beginning.
        self._shown: dict[str, int] = {}

    def request(self) -> WatchScoresRequest:
        """What to ask for now."""
        request = WatchScoresRequest()
        request.CopyFrom(self._first)
        request.resume_token = self._token
        request.include_snapshot = self._snapshot and not self._token
        return request

    def take(self, message: WatchScoresResponse) -> bool:
        """Move on past a message; whether the caller is to see it."""
        kind = message.WhichOneof("message")
        seen = False
        if kind == "snapshot_lead":
            lead = message.snapshot_lead
            seen = self._shown.get(lead.lead_id) == lead.version
            self._shown[lead.lead_id] = lead.version
        else:
            self._shown.clear()
        if message.resume_token:
            self._token = message.resume_token
        return not seen

    def may_resume(self, error: errors.ScorelineError) -> bool:
        """Whether the watch can go on after an error; arranges for a snapshot where that is the way."""
        if isinstance(error, errors.ResumeTokenExpired) and self._resync:
            self._token = ""
            self._snapshot = True
            return True
        if isinstance(error, errors.ResourceExhausted):
            return error.reason == _TOO_SLOW
        if isinstance(error, errors.Unavailable):
            return True
        return error.from_transport and error.code in TRANSPORT_CODES


def silence_s(heartbeat_s: float) -> float:
    """How long a stream may be silent."""
    return max(SILENCE_MIN_S, SILENCE_HEARTBEATS * heartbeat_s)


class Outage:
    """Counts failures in a row and says how long to wait; ends when it lasts too long."""

    def __init__(self, retry: RetryPolicy, give_up_after_s: float | None) -> None:
        self._retry = retry
        self._give_up_after_s = give_up_after_s
        self._failures = 0
        self._since: float | None = None

    def over(self) -> None:
        """A message came."""
        self._failures, self._since = 0, None

    def wait_s(self, error: errors.ScorelineError) -> float:
        """How long to wait before the next attempt. Raises `error` when it has lasted too long."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        self._failures += 1
        wait = self._retry.wait_s(self._failures, error.retry_after_s)
        if self._give_up_after_s is not None and now + wait - self._since > self._give_up_after_s:
            raise error
        return wait


def watch(
    open_stream: Callable[[Any], Any],
    position: Position,
    *,
    retry: RetryPolicy,
    give_up_after_s: float | None,
    heartbeat_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Any, None, None]:
    """Messages as they come, heartbeats included, each change once, for as long as the caller reads.

    `open_stream` makes a call of a request of the position and gives grpc's response iterator.
    Raises ScorelineError when the watch can't go on.
    """
    outage = Outage(retry, give_up_after_s)
    while True:
        error: errors.ScorelineError = _unavailable("the service ended the stream")
        call = open_stream(position.request())
        try:
            with _Watchdog(call, silence_s(heartbeat_s)) as watchdog:
                for message in call:
                    outage.over()
                    if position.take(message):
                        # The caller may take its time; only the stream's own silence counts.
                        watchdog.pause()
                        yield message
                    watchdog.seen()
        except grpc.RpcError as failure:
            error = errors.from_rpc_error(failure)
        finally:
            call.cancel()
        if not position.may_resume(error):
            raise error
        sleep(outage.wait_s(error))


async def watch_async(
    open_stream: Callable[[Any], Any],
    position: Position,
    *,
    retry: RetryPolicy,
    give_up_after_s: float | None,
    heartbeat_s: float,
) -> AsyncGenerator[Any, None]:
    """Like `watch`, in an event loop; `open_stream` gives grpc.aio's UnaryStreamCall."""
    outage = Outage(retry, give_up_after_s)
    while True:
        error: errors.ScorelineError = _unavailable("the service ended the stream")
        call = open_stream(position.request())
        try:
            while True:
                async with asyncio.timeout(silence_s(heartbeat_s)):
                    message = await call.read()
                if message is grpc.aio.EOF:
                    break
                outage.over()
                if position.take(message):
                    yield message
        except TimeoutError:
            error = _unavailable(f"the stream was silent for {silence_s(heartbeat_s):g} s")
        except grpc.RpcError as failure:
            error = errors.from_rpc_error(failure)
        finally:
            call.cancel()
        if not position.may_resume(error):
            raise error
        await asyncio.sleep(outage.wait_s(error))


def _unavailable(message: str) -> errors.Unavailable:
    return errors.Unavailable(message, code=grpc.StatusCode.UNAVAILABLE)


class _Watchdog:
    """Cancels a blocking stream that has been silent for too long, which a blocking read can't do by itself."""

    def __init__(self, call: Any, limit_s: float) -> None:
        self._call = call
        self._limit_s = limit_s
        self._last = time.monotonic()
        self._paused = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scoreline-watch", daemon=True)

    def __enter__(self) -> _Watchdog:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def seen(self) -> None:
        """The stream is alive; its silence counts from now on."""
        self._last = time.monotonic()
        self._paused = False

    def pause(self) -> None:
        """Nobody reads the stream until `seen`."""
        self._paused = True

    def _run(self) -> None:
        while True:
            left = self._last + self._limit_s - time.monotonic()
            if self._paused:
                left = self._limit_s
            if left <= 0:
                # Reads as CANCELLED without a reason, which `may_resume` takes for a broken connection.
                self._call.cancel()
                return
            if self._done.wait(left):
                return
