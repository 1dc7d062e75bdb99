"""How many events ingest acknowledges, each durable before it is. With accounts beside it and nobody who reads what it
stores: what the rest of the suite costs meanwhile is part of end_to_end."""

from bench.children import child, python
from bench.generators.batches import BATCH_EVENTS
from bench.measurements.grpc_ceilings import http, unary
from bench.run import Run, Samples
from stack import Stack, StackConfig

KEYS = ("ingest_unary_rps", "ingest_http_rps", "ingest_batch_eps")

BATCHES_IN_FLIGHT = 4
BATCHES_PER_S = 60
"""About so many are sent: what is sent has to be made before."""


def measure(run: Run) -> Samples:
    """All that are wanted."""
    with Stack(StackConfig(services=("accounts", "ingest"))) as stack:
        target = stack.service_target("ingest")
        for number in run.repeat("ingest"):
            if run.wants("ingest_unary_rps"):
                yield "ingest_unary_rps", unary(run, target, stack.api_key, f"u{number}")
            if run.wants("ingest_http_rps"):
                yield "ingest_http_rps", http(run, stack, f"j{number}")
            if run.wants("ingest_batch_eps"):
                yield "ingest_batch_eps", batches(run, stack, f"b{number}")


def batches(run: Run, stack: Stack, name: str) -> float:
    """Events a second of full batches without duplicates."""
    events = int(run.sizes.call_s * BATCHES_PER_S) * BATCH_EVENTS
    command = python(
        "generators.batches",
        target=stack.service_target("ingest"),
        api_key=stack.api_key,
        run=name,
        events=events,
        leads=run.sizes.leads,
        in_flight=BATCHES_IN_FLIGHT,
        duplicates=0,
    )
    with child(command) as sender:
        sender.line()
        sender.go()
        sent = sender.line()
    return events / (sent["ended"] - sent["started"])
