"""python -m bench [--quick] [--only KEY,...] [--repetitions N]: measure, print the table, and write it and the charts
to bench/results. With --only, the other figures stay as they were measured last."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench import report
from bench.catalogue import BY_KEY
from bench.measurements import (
    big,
    broker_ceilings,
    database_ceilings,
    end_to_end,
    growth,
    grpc_ceilings,
    history,
    ingest,
    live,
    peers,
    start,
)
from bench.run import Run, Samples
from bench.sizes import FULL, QUICK
from bench.stats import summarise

MEASUREMENTS: tuple[tuple[tuple[str, ...], Callable[[Run], Samples]], ...] = tuple(
    (module.KEYS, module.measure)
    for module in (
        grpc_ceilings,
        broker_ceilings,
        database_ceilings,
        ingest,
        end_to_end,
        live,
        start,
        growth,
        history,
        big,
        peers,
    )
)  # fmt: skip
"""In the order in which they run, with the figures of each."""


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in minutes")
    parser.add_argument("--only", default="", help="comma-separated keys, or beginnings of keys")
    parser.add_argument("--repetitions", type=int, help="of each figure")
    parser.add_argument("--results", type=Path, help="the file that is written")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else FULL
    if arguments.repetitions:
        sizes = replace(sizes, repetitions=arguments.repetitions)
    wanted = _wanted(arguments.only)
    if not wanted:
        parser.error(f"no figure is called so: {arguments.only}")
    path = arguments.results or report.RESULTS / (
        "quick.json" if arguments.quick else "latest.json"
    )
    console = Console(stderr=True)
    run = Run(sizes, wanted, lambda text: console.print(text, style="dim"))
    values: dict[str, list[float]] = defaultdict(list)
    for keys, measure in MEASUREMENTS:
        if run.wants(*keys):
            for key, value in measure(run):
                run.say(f"  {key} {report.number(value)} {BY_KEY[key].unit}")
                values[key].append(value)
    found = {key: summarise(values[key]) for key in values if key in wanted}
    everything = report.write(path, found, " ".join(["python -m bench", *sys.argv[1:]]))
    report.show(Console(width=150), everything)


def _wanted(only: str) -> frozenset[str]:
    beginnings = tuple(part.strip() for part in only.split(",") if part.strip())
    return frozenset(key for key in BY_KEY if not beginnings or key.startswith(beginnings))


if __name__ == "__main__":
    main()
