"""The whole way: events in batches through ingest, the broker, scoring and its ledger to score changes in the stream.
On an empty suite each time; with the memory that each process has had at most."""

from bench.catalogue import PROCESSES_RSS
from bench.run import Run, Samples
from bench.suite import end_to_end, suite
from stack import Stack

KEYS = ("end_to_end_eps", *(f"rss_{name}_mb" for name in PROCESSES_RSS))

KIB_PER_MB = 1_000_000 / 1024


def measure(run: Run) -> Samples:
    """Events a second, then megabytes."""
    for number in run.repeat("end to end"):
        with suite() as stack:
            yield (
                "end_to_end_eps",
                end_to_end(stack, f"w{number}", run.sizes.events, run.sizes.leads),
            )
            for name in PROCESSES_RSS:
                yield f"rss_{name}_mb", most_memory_mb(stack, name)


def most_memory_mb(stack: Stack, name: str) -> float:
    """The kernel's high-water mark of a process."""
    with open(f"/proc/{stack.pid(name)}/status", encoding="ascii") as status:
        (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / KIB_PER_MB
