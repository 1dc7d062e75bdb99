"""What the broker must be like for an acknowledgement to mean "on disk": asked once, at start."""

import asyncio
import http.client
import json
import re
import urllib.request
from typing import Any

from services.shared import logs
from services.shared.retrying import until_available
from services.shared.service import StartRefused

log = logs.get("broker check")

VERSION_MIN = (2, 12)
"""Atomic batches and message counters came with it."""

ASK_TIMEOUT_S = 2.0
"""One request to the broker's monitoring."""

ALLOW_SETTING = "SCORELINE_INGEST_ALLOW_UNSYNCED_BROKER"
MONITOR_SETTING = "SCORELINE_INGEST_NATS_MONITOR_URL"


async def require_durable(monitor_url: str | None, allow_unsynced: bool, timeout_s: float) -> None:
    """Check that the broker fsyncs every write and has atomic batches; waits for it up to `timeout_s` seconds.

    Raises StartRefused with one line that says what to change. `allow_unsynced` waives the fsync, not the version.
    """
    if monitor_url is None:
        if not allow_unsynced:
            raise StartRefused(
                f"can't check that the broker fsyncs every write: set {MONITOR_SETTING} to its monitoring address, "
                f"or {ALLOW_SETTING}=true to accept that acknowledged events may be lost"
            )
        log.warning("broker not checked: acknowledged events may be lost with the power")
        return
    state = await _ask(monitor_url, timeout_s)
    version = str(state.get("version", ""))
    if _parsed(version) < VERSION_MIN:
        wanted = ".".join(map(str, VERSION_MIN))
        raise StartRefused(
            f"the broker is nats-server {version or 'of unknown version'}, which has no atomic batches: "
            f"run {wanted} or newer"
        )
    jetstream = state.get("jetstream", {}).get("config")
    if not jetstream:
        raise StartRefused("the broker runs without JetStream: enable it in its configuration")
    if jetstream.get("sync_always") is not True:
        if not allow_unsynced:
            raise StartRefused(
                "the broker does not fsync every write: set `sync_interval: always` in its jetstream block, "
                f"or {ALLOW_SETTING}=true to accept that acknowledged events may be lost"
            )
        log.warning("broker does not fsync every write: acknowledged events may be lost")


async def _ask(monitor_url: str, timeout_s: float) -> dict[str, Any]:
    """What /varz of the broker's monitoring says. Raises StartRefused when it can't be reached."""
    url = monitor_url.rstrip("/") + "/varz"
    # No proxy: the broker is a neighbour.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get() -> dict[str, Any]:
        with opener.open(url, timeout=ASK_TIMEOUT_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    # OSError: also what urllib raises. ValueError: neither a URL nor JSON.
    failures = (OSError, http.client.HTTPException, ValueError)
    try:
        return await until_available(
            "broker monitoring", lambda: asyncio.to_thread(get), failures, timeout_s
        )
    except failures as error:
        raise StartRefused(
            f"the broker's monitoring at {monitor_url} gave no answer ({type(error).__name__}): "
            f"correct {MONITOR_SETTING}"
        ) from error


def _parsed(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(int(part) for part in found.groups()) if found else ()
