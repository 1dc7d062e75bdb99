"""Many server streams read at once, the messages counted and not looked at. Prints `ready` when every stream has had
its first message, where there is one before it begins, then messages a second from the first one behind that to the
last."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import grpc
import uvloop

from bench.children import say, task

METHOD = "/scoreline.notify.v1.NotifyService/WatchScores"
STREAMS_PER_CHANNEL = 100

READ_TIMEOUT_S = 300.0
"""Long enough for any number of messages that a bench sends; a stream that broke off makes it pass."""


class Count:
    """Messages of all streams."""

    def __init__(self, streams: int, greeted: bool, messages: int) -> None:
        self.ready = asyncio.Event()
        self._greetings = streams if greeted else 0
        self._left = messages
        self._first = self._last = 0.0
        self._messages = messages

    def greeting(self) -> None:
        """A stream is there."""
        self._greetings -= 1
        if not self._greetings:
            self.ready.set()

    def message(self) -> bool:
        """One more; whether it was the last."""
        self._last = time.perf_counter()
        self._first = self._first or self._last
        self._left -= 1
        return not self._left

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return (self._messages - 1) / (self._last - self._first)


async def read(call: Any, greeted: bool, count: Count, done: asyncio.Event) -> None:
    """One stream to its end."""
    async for _ in call:
        if greeted:
            greeted = False
            count.greeting()
        elif count.message():
            done.set()


async def run(
    target: str, api_key: str, request: str, streams: int, greeted: bool, messages: int
) -> float:
    """Messages a second. `request` is hexadecimal; `messages` are those of each stream."""
    count, done = Count(streams, greeted, streams * messages), asyncio.Event()
    metadata = (("x-api-key", api_key),)
    async with AsyncExitStack() as channels:
        readers = []
        for number in range(streams):
            if number % STREAMS_PER_CHANNEL == 0:
                options = [("grpc.use_local_subchannel_pool", 1)]
                channel = grpc.aio.insecure_channel(target, options=options)
                await channels.enter_async_context(channel)
                method: Any = channel.unary_stream(METHOD)
            call = method(bytes.fromhex(request), metadata=metadata)
            readers.append(asyncio.create_task(read(call, greeted, count, done)))
        if greeted:
            await count.ready.wait()
            say(ready=True)
        async with asyncio.timeout(READ_TIMEOUT_S):
            await done.wait()
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
    return count.per_second


if __name__ == "__main__":
    say(mps=uvloop.run(run(**task())))
