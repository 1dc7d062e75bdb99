"""python -m bench [--quick] [--only KEY,...] [--repetitions N]: measure, print the table, and write it and the charts
to bench/results. With --only, the other figures stay as they were measured last."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench import charts, report
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
from bench.sizes import FULL, QUICK, Sizes
from bench.stats import Summary, summarise

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


RESULTS = Path(__file__).parent / "results"
QUICK_RESULTS = RESULTS / "quick"
LATEST = "latest.json"
TABLE = "table.md"
TABLE_CHARACTERS = 170


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in minutes")
    parser.add_argument("--only", default="", help="comma-separated keys, or beginnings of keys")
    parser.add_argument("--repetitions", type=int, help="of each figure")
    parser.add_argument("--results", type=Path, help="the folder that is written")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else FULL
    if arguments.repetitions:
        sizes = replace(sizes, repetitions=arguments.repetitions)
    wanted = _wanted(arguments.only, sizes)
    if not wanted:
        parser.error(f"no figure is called so: {arguments.only}")
    folder = arguments.results or (QUICK_RESULTS if arguments.quick else RESULTS)
    console = Console(stderr=True)
    run = Run(sizes, wanted, lambda text: console.print(text, style="dim"))
    command = " ".join(["python -m bench", *sys.argv[1:]])
    for keys, measure in MEASUREMENTS:
        if run.wants(*keys):
            found = _measured(run, measure)
            # At once: what a later measurement stumbles over does not take this one along.
            report.write(folder / LATEST, found, command)
    everything = report.read(folder / LATEST)
    (folder / TABLE).write_text(report.markdown(everything), encoding="utf-8")
    charts.draw(folder, everything)
    report.show(Console(width=TABLE_CHARACTERS), everything)


def _measured(run: Run, measure: Callable[[Run], Samples]) -> dict[str, Summary]:
    values: dict[str, list[float]] = defaultdict(list)
    for key, value in measure(run):
        run.say(f"  {key} {report.number(value)} {BY_KEY[key].unit}")
        values[key].append(value)
    return {key: summarise(values[key]) for key in values if run.wants(key)}


def _wanted(only: str, sizes: Sizes) -> frozenset[str]:
    beginnings = tuple(part.strip() for part in only.split(",") if part.strip())
    if beginnings:
        return frozenset(key for key in BY_KEY if key.startswith(beginnings))
    return frozenset(key for key in BY_KEY if not key.startswith(sizes.left_out))


if __name__ == "__main__":
    main()
