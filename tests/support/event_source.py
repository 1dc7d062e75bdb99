"""Server-sent events as a browser's EventSource reads them (https://html.spec.whatwg.org/multipage/server-sent-events.html),
but strict: whatever the standard would have a browser overlook is an error here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx


class NotAnEventStream(AssertionError):
    """The answer is not what an EventSource would take."""


def messages(lines: Iterable[str]) -> Iterator[str]:
    """The data of each message. `lines` come without their ends."""
    data: list[str] = []
    for line in lines:
        if line == "":
            if data:
                yield "\n".join(data)
            data = []
            continue
        field, colon, value = line.partition(":")
        if field == "" and colon:
            continue  # a comment
        if field != "data" or not colon:
            raise NotAnEventStream(f"unexpected line {line!r}")
        data.append(value.removeprefix(" "))
    if data:
        raise NotAnEventStream("the stream ends inside a message")


@contextmanager
def event_source(
    url: str, parameters: dict[str, Any], *, timeout_s: float
) -> Iterator[Iterator[dict[str, Any]]]:
    """Open `url` as EventSource does: a GET without any header of the caller's choice. Gives the messages as JSON;
    a silence of `timeout_s` seconds raises httpx.ReadTimeout."""
    with (
        httpx.Client(trust_env=False, timeout=timeout_s) as client,
        client.stream(
            "GET", url, params=parameters, headers={"accept": "text/event-stream"}
        ) as answer,
    ):
        if answer.status_code != 200:
            answer.read()
            raise NotAnEventStream(f"{answer.status_code} {answer.text}")
        kind = answer.headers["content-type"].partition(";")[0]
        if kind != "text/event-stream":
            raise NotAnEventStream(f"content-type is {kind}")
        yield (json.loads(message) for message in messages(answer.iter_lines()))
