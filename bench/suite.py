"""The whole suite while it is measured: started, fed, and looked at from the outside."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bench.children import child, python
from bench.run import until
from bench.workload import DUPLICATES
from stack import Stack, StackConfig

BATCHES_IN_FLIGHT = 4


@contextmanager
def suite() -> Iterator[Stack]:
    """Everything, with the rules in force that new projects begin with."""
    with Stack(StackConfig(log_level="warning")) as stack:
        until(lambda: stream(stack, "RULES")["messages"] > 0)
        yield stack


def stream(stack: Stack, name: str) -> dict[str, Any]:
    """The state of a JetStream stream: `messages`, `last_ts` ..."""
    with urllib.request.urlopen(f"{stack.nats_monitor_url}/jsz?streams=true") as answer:  # noqa: S310 - our own
        found = json.load(answer)
    for account in found["account_details"]:
        for one in account["stream_detail"]:
            if one["name"] == name:
                state: dict[str, Any] = one["state"]
                return state
    raise LookupError(name)


def end_to_end(
    stack: Stack,
    run: str,
    events: int,
    leads: int,
    duplicates: float = DUPLICATES,
    before: int = 0,
) -> float:
    """Events a second from the first call to the moment the broker had the last score change, those counted that were
    sent twice. So many events of these leads were sent before, in other runs."""
    command = python(
        "generators.batches",
        target=stack.service_target("ingest"),
        api_key=stack.api_key,
        run=run,
        events=events,
        leads=leads,
        in_flight=BATCHES_IN_FLIGHT,
        duplicates=duplicates,
        before=before,
    )
    with child(command) as sender:
        ready = sender.line()
        # Each event that is new makes one version, and nothing else does under rules without decay.
        expected = stream(stack, "SCORES")["messages"] + ready["unique"]
        sender.go()
        started = sender.line()["started"]
        until(lambda: stream(stack, "SCORES")["messages"] >= expected)
    state = stream(stack, "SCORES")
    if state["messages"] != expected:
        raise RuntimeError(f"{state['messages']} score changes instead of {expected}")
    return events / (datetime.fromisoformat(state["last_ts"]).timestamp() - started)
