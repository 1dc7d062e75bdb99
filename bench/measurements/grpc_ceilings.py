"""What grpc.aio, and Envoy before it, do at most: a server that answers at once, asked by the same generators as the
suite."""

from bench.children import result
from bench.run import Run, Samples
from stack import Stack, StackConfig

KEYS = ("grpc_unary_rps", "envoy_unary_rps", "grpc_server_stream_rps")

IN_FLIGHT = 64
CONNECTIONS = 64


def measure(run: Run) -> Samples:
    """All that are wanted."""
    config = StackConfig(services=("ingest",), module="bench.stand_ins.ingest")
    with Stack(config) as stack:
        target = stack.service_target("ingest")
        for number in run.repeat("gRPC ceilings"):
            if run.wants("grpc_unary_rps"):
                yield "grpc_unary_rps", unary(run, target, stack.api_key, f"e{number}")
            if run.wants("envoy_unary_rps"):
                yield "envoy_unary_rps", http(run, stack, f"h{number}")
            if run.wants("grpc_server_stream_rps"):
                count = run.sizes.watched_changes
                yield (
                    "grpc_server_stream_rps",
                    result(
                        "generators.streams",
                        target=target,
                        api_key=stack.api_key,
                        request=str(count).encode().hex(),
                        streams=run.sizes.watchers,
                        greeted=False,
                        messages=count,
                    )["mps"],
                )


def unary(run: Run, target: str, api_key: str, name: str) -> float:
    """IngestEvent calls a second, straight to a server."""
    return float(
        result(
            "generators.unary",
            target=target,
            api_key=api_key,
            run=name,
            seconds=run.sizes.call_s,
            in_flight=IN_FLIGHT,
        )["rps"]
    )


def http(run: Run, stack: Stack, name: str) -> float:
    """The same as JSON through Envoy."""
    host, _, port = stack.grpc_target.rpartition(":")
    return float(
        result(
            "generators.http",
            host=host,
            port=int(port),
            api_key=stack.api_key,
            run=name,
            seconds=run.sizes.call_s,
            connections=CONNECTIONS,
        )["rps"]
    )
