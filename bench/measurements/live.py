"""How soon an event is acknowledged and seen, at a steady rate, and how many messages go out to many watchers."""

from typing import Any

from bench.children import child, python, result
from bench.run import Run, Samples
from bench.suite import suite
from scoreline.notify.v1.notify_service_pb2 import WatchScoresRequest
from stack import Stack

KEYS = (
    "ack_p50_ms",
    "ack_p99_ms",
    "visible_p50_ms",
    "visible_p99_ms",
    "visible_200_p99_ms",
    "watch_fanout_mps",
)

RATE = 500
PEERS_RATE = 200
HEARTBEAT_S = 60


def measure(run: Run) -> Samples:
    """All that are wanted, on one suite."""
    with suite() as stack:
        for number in run.repeat("latencies and watchers"):
            if run.wants(*KEYS[:4]):
                found = open_loop(run, stack, f"l{number}", RATE)
                yield from ((key, found[key]) for key in KEYS[:4])
            if run.wants("visible_200_p99_ms"):
                yield (
                    "visible_200_p99_ms",
                    open_loop(run, stack, f"p{number}", PEERS_RATE)["visible_p99_ms"],
                )
            if run.wants("watch_fanout_mps"):
                yield "watch_fanout_mps", fan_out(run, stack, f"f{number}")


def open_loop(run: Run, stack: Stack, name: str, rate: int) -> dict[str, Any]:
    """Percentiles in milliseconds."""
    return result(
        "generators.open_loop",
        ingest=stack.service_target("ingest"),
        notify=stack.service_target("notify"),
        api_key=stack.api_key,
        run=name,
        rate=rate,
        seconds=run.sizes.open_loop_s,
    )


def fan_out(run: Run, stack: Stack, name: str) -> float:
    """Messages a second that all watchers together get of one burst of changes."""
    request = WatchScoresRequest()
    request.heartbeat_interval.seconds = HEARTBEAT_S
    watchers = python(
        "generators.streams",
        target=stack.service_target("notify"),
        api_key=stack.api_key,
        request=request.SerializeToString().hex(),
        streams=run.sizes.watchers,
        greeted=True,
        messages=run.sizes.watched_changes,
    )
    events = python(
        "generators.batches",
        target=stack.service_target("ingest"),
        api_key=stack.api_key,
        run=name,
        events=run.sizes.watched_changes,
        leads=run.sizes.leads,
        in_flight=1,
        duplicates=0,
    )
    with child(watchers) as watching, child(events) as sender:
        watching.line()
        sender.line()
        sender.go()
        return float(watching.line()["mps"])
