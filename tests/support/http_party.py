"""The other side of actions that speak HTTP: a server on 127.0.0.1 that answers as a test tells it to."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest


@dataclass(frozen=True)
class Asked:
    """A request that arrived whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: value for name, (value,) in parse_qs(self.body).items()}


@dataclass(frozen=True)
class Reply:
    """What is answered. `stall`, `cut` and `break off` instead of a body: never, not at all, half."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    how: str = ""


def patience_s(request: pytest.FixtureRequest) -> float:
    """How long a test waits for answers: not long where its `reply` never comes, otherwise as long as a busy machine
    may need."""
    callspec = getattr(request.node, "callspec", None)
    reply = callspec.params.get("reply") if callspec is not None else None
    return 0.3 if isinstance(reply, Reply) and reply.how == "stall" else 20.0


class Party:
    """Serves; `replies` decides what is answered."""

    def __init__(self, replies: Callable[[Asked], Reply]) -> None:
        self.replies = replies
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    def url(self, path: str = "", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Party]:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connection(reader, writer))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (asked := await _request(reader)) is not None:
                self.asked.append(asked)
                if not await _answer(writer, self.replies(asked)):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    line = (await reader.readline()).decode()
    if not line:
        return None
    method, path, _ = line.split()
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body.decode())


async def _answer(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Whether the connection goes on."""
    if reply.how == "stall":
        await writer.wait_closed()
        return False
    if reply.how == "cut":
        writer.transport.abort()
        return False
    body = reply.body
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    length = len(body) + (100 if reply.how == "break off" else 0)
    headers = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    # 204 has no body, and no length.
    framing = "" if reply.status == 204 else f"Content-Length: {length}\r\n"
    writer.write(f"HTTP/1.1 {reply.status} Said\r\n{headers}{framing}\r\n".encode() + body)
    await writer.drain()
    return reply.how != "break off"
