"""JSON requests over so many HTTP/1.1 connections, one after the other on each. Written on the event loop's own
protocols: an HTTP library would take more time than what is measured. Prints the requests a second that were answered
with 200."""

import asyncio
import time
from itertools import count
from typing import cast

import uvloop

from bench.children import say, task
from bench.generators import messages

WARM_UP_S = 1.0
ANSWER_TIMEOUT_S = 30.0
"""The last answers come well before."""


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the one before is complete."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._received = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.closed.set_exception(RuntimeError(self._received.decode()))
            self._transport.close()
            return
        self._received = b""
        if self._load.answered():
            self._transport.write(self._load.next())
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


class Load:
    """All connections together."""

    def __init__(self, template: messages.Template, seconds: float) -> None:
        self._template = template
        self._numbers = count()
        self._begin = time.perf_counter() + WARM_UP_S
        self._end = self._begin + seconds
        self.count = 0

    def next(self) -> bytes:
        """The next request."""
        return self._template.number(next(self._numbers))

    def answered(self) -> bool:
        """Count an answer; whether to go on."""
        now = time.perf_counter()
        self.count += self._begin <= now < self._end
        return now < self._end


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"an answer without a length: {head.decode()}")


async def run(
    host: str, port: int, api_key: str, run: str, seconds: float, connections: int
) -> float:
    """Requests answered a second after the warm-up. Any answer but 200 ends it."""
    load = Load(messages.http(run, f"{host}:{port}", api_key), seconds)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(load), host, port)
        for _ in range(connections)
    ]
    async with asyncio.timeout(WARM_UP_S + seconds + ANSWER_TIMEOUT_S):
        await asyncio.gather(*(connection.closed for _, connection in made))
    return load.count / seconds


if __name__ == "__main__":
    say(rps=uvloop.run(run(**task())))
