"""The figures as pictures: throughput beside ceilings and peers, latencies, and growth. SVG, so that a repository shows
them; drawn anew from the JSON by each run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt  # after the choice of what draws
from matplotlib.axes import Axes

from bench.catalogue import BY_KEY, CEILINGS, PEERS
from bench.stats import Summary

# The same file for the same figures: no dates, no random ids; text as text.
mpl.rcParams.update({"svg.hashsalt": "scoreline", "svg.fonttype": "none", "font.size": 9})

COLOURS = {CEILINGS: "#9aa5b1", PEERS: "#d08a4e"}
SUITE_COLOUR = "#2f6f9f"

CHARTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ingest": (
        "Acknowledged events",
        "events/s",
        ("grpc_unary_rps", "ingest_unary_rps", "envoy_unary_rps", "ingest_http_rps"),
    ),
    "batches": (
        "Events in batches, and their whole way",
        "events/s",
        (
            "js_atomic_publish_eps",
            "ingest_batch_eps",
            "js_pull_ack_eps",
            "pg_copy_eps",
            "end_to_end_eps",
            "end_to_end_big_eps",
        ),
    ),
    "peers": (
        "End to end beside what a team would assemble",
        "events/s",
        ("end_to_end_eps", "peer_eventsourcing_eps", "peer_faststream_eps", "peer_bullmq_eps"),
    ),
    "history": (
        "Histories folded anew",
        "events/s",
        ("pg_ordered_read_eps", "replay_eps", "simulate_eps"),
    ),
    "visible": (
        "Sent to seen at 200 events/s, p99",
        "ms",
        (
            "visible_200_p99_ms",
            "peer_eventsourcing_visible_200_p99_ms",
            "peer_faststream_visible_200_p99_ms",
            "peer_bullmq_visible_200_p99_ms",
        ),
    ),
}
"""By file name: title, axis, figures."""

GROWTH: dict[str, tuple[str, dict[int, str]]] = {
    "growth-processes": (
        "scoring processes",
        {1: "end_to_end_eps", 2: "grow_processes_2_eps", 4: "grow_processes_4_eps"},
    ),
    "growth-leads": (
        "leads in the ledger",
        {count: f"grow_leads_{count}_eps" for count in (10_000, 100_000, 1_000_000)},
    ),
}


def draw(folder: Path, found: Mapping[str, Summary]) -> list[Path]:
    """Draw what there are figures to compare for; the files."""
    drawn = []
    for name, (title, unit, keys) in CHARTS.items():
        known = [key for key in keys if key in found]
        if len(known) > 1:
            figure, axes = plt.subplots(figsize=(7, 0.5 * len(known) + 1.2))
            _bars(axes, known, found)
            axes.set(title=title, xlabel=unit)
            drawn.append(_save(figure, folder / f"{name}.svg"))
    for name, (label, by_count) in GROWTH.items():
        counts = [count for count, key in by_count.items() if key in found]
        if len(counts) > 1:
            figure, axes = plt.subplots(figsize=(5, 3))
            _curve(axes, counts, [found[by_count[count]] for count in counts])
            axes.set(title="End to end", xlabel=label, ylabel="events/s")
            drawn.append(_save(figure, folder / f"{name}.svg"))
    return drawn


def _bars(axes: Axes, keys: Sequence[str], found: Mapping[str, Summary]) -> None:
    values = [found[key] for key in keys]
    bars = axes.barh(
        keys,
        [one.median for one in values],
        xerr=[
            [one.median - one.least for one in values],
            [one.most - one.median for one in values],
        ],
        color=[COLOURS.get(BY_KEY[key].section, SUITE_COLOUR) for key in keys],
        error_kw={"elinewidth": 0.8, "capsize": 2},
    )
    axes.bar_label(bars, [f"{one.median:,.0f}" for one in values], padding=6)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(axes: Axes, counts: Sequence[int], values: Sequence[Summary]) -> None:
    spread = [
        [one.median - one.least for one in values],
        [one.most - one.median for one in values],
    ]
    axes.errorbar(
        counts,
        [one.median for one in values],
        yerr=spread,
        marker="o",
        color=SUITE_COLOUR,
        capsize=3,
    )
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts], minor=False)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: plt.Figure, path: Path) -> Path:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return path
