"""A receiver of webhooks that behaves badly: fails, stalls, redirects, asks to wait, cuts connections, breaks off."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Receipt:
    """A delivery that arrived whole."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["data"]
        return found

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])


Behaviour = Callable[[Receipt], str]
"""What to do about a delivery: a word of `_answer`."""


class Receiver:
    """Serves on 127.0.0.1 or where it is told; what a path does is set in `behaviours`, otherwise it answers 204."""

    def __init__(self) -> None:
        self.receipts: dict[str, list[Receipt]] = defaultdict(list)
        self.behaviours: dict[str, Behaviour] = {}
        self.connections = 0
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def first_receipts(self, path: str) -> dict[tuple[str, str], list[int]]:
        """Versions of each lead and type in the order in which they first arrived."""
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for receipt in self.receipts[path]:
            versions = found[receipt.data["lead_id"], receipt.type]
            if receipt.data["version"] not in versions:
                versions.append(receipt.data["version"])
        return dict(found)

    @asynccontextmanager
    async def serve(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> AsyncIterator[Receiver]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connection(reader, writer))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        server = await asyncio.start_server(accept, host, port, ssl=tls)
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
            while (receipt := await _request(reader)) is not None:
                self.receipts[receipt.path].append(receipt)
                how = self.behaviours.get(receipt.path)
                if not await _answer(writer, how(receipt) if how else "204"):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Receipt | None:
    line = (await reader.readline()).decode()
    if not line:
        return None
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Receipt(line.split()[1], headers, body.decode())


async def _answer(writer: asyncio.StreamWriter, how: str) -> bool:
    """Whether the connection goes on."""
    match how:
        case "stall":
            # Until the other side gives up, or this one closes.
            await writer.wait_closed()
            return False
        case "cut":
            writer.transport.abort()
            return False
        case "break off":
            # Says 200 and that more follows, which never does.
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthanks")
            await writer.drain()
            return False
        case "redirect":
            extra = "Location: /redirected\r\n"
            status = "302 Found"
        case "wait":
            extra = "Retry-After: 1\r\n"
            status = "429 Too Many Requests"
        case _:
            extra = ""
            status = f"{how} Whatever"
    body = "" if how == "204" else f"answer {how}"
    length = "" if how == "204" else f"Content-Length: {len(body)}\r\n"
    writer.write(f"HTTP/1.1 {status}\r\n{extra}{length}\r\n{body}".encode())
    await writer.drain()
    return True
