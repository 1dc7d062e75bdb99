"""Simulations and comparisons as a sales manager reads them: a sentence, then tables and bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreline.cli.output import bar, effect_style, plain, points, stage, when
from scoreline.scoring.v1.simulation_service_pb2 import (
    ComparisonSummary,
    DailyChanges,
    HistogramBin,
    SimulatedLead,
    SimulatedScore,
    SimulationSummary,
    StageFlow,
    StageMigration,
    VariantOutcome,
)

BAR_WIDTH: Final = 20
CHART_WIDTH: Final = 60
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_NONE: Final = "·"
"""Nobody, in a table where most cells are empty."""

_GUESSING: Final = 0.5


def show_simulation(console: Console, found: SimulationSummary) -> None:
    """What a simulation found, on a screen."""
    console.print(headline(found))
    console.print(
        f"as of {when(found.as_of)}, beside version {found.rule_set_version}, over {found.event_count:,} events",
        style="dim",
        markup=False,
    )
    if not found.lead_count:
        return
    _titled(console, "From stage (rows) to stage (columns)", migration_table(found))
    _titled(console, "Leads by stage", _flows(found.stage_flows))
    _titled(console, "Leads by score", _histogram(found.histogram))
    if found.largest_movers:
        _titled(console, "Largest changes", _movers(found.largest_movers))
    _titled(console, "Changes of stage a day", _days(found.changes_per_day))


def headline(found: SimulationSummary) -> Text:
    """The whole of it in a sentence."""
    leads = found.lead_count
    if not found.changed_count and not found.action_changed_count and leads:
        return Text(f"{leads:,} leads: nothing changes", "bold green")
    total = points(found.score_sum_after - found.score_sum_before, sign=True)
    return Text.assemble(
        (f"{leads:,} leads: ", "bold"),
        (f"{found.changed_count:,} scores", "bold yellow"),
        f" ({_percent(found.changed_count, leads)}), {found.stage_changed_count:,} stages and "
        f"{found.action_changed_count:,} next actions change; all scores together "
        f"{points(found.score_sum_before)} -> {points(found.score_sum_after)} ({total})",
    )


def migration_table(found: SimulationSummary) -> Table:
    """How many leads go from where to where; those that stay are dim."""
    table = Table(box=None, header_style="bold")
    table.add_column("")
    names = [flow.stage for flow in found.stage_flows]
    counts = {(one.from_stage, one.to_stage): one for one in found.migrations}
    targets = [one for one in names if any(pair[1] == one for pair in counts)]
    for name in targets:
        table.add_column(_stage(name), justify="right")
    for name in names:
        if any(pair[0] == name for pair in counts):
            cells = (_migration(counts.get((name, target))) for target in targets)
            table.add_row(_stage(name), *cells)
    return table


def lead_line(lead: SimulatedLead) -> Text:
    """A lead in a line."""
    moved = lead.after.score - lead.before.score
    line = Text.assemble(plain(lead.lead_id), f": {points(lead.before.score)} ")
    line.append_text(_stage(lead.before.stage)).append(f" -> {points(lead.after.score)} ")
    line.append_text(_stage(lead.after.stage))
    line.append(f" ({points(moved, sign=True)})", effect_style(moved))
    return line.append_text(_action(lead.before, lead.after, "; "))


def show_comparison(console: Console, found: ComparisonSummary) -> None:
    """What a comparison found, on a screen."""
    console.print(verdict(found.variants))
    console.print(f"as of {when(found.as_of)}", style="dim", markup=False)
    console.print()
    table = Table(box=None, header_style="bold")
    table.add_column("variant")
    for name in ("leads", "converted", "rate", "mean score", "of converted", "told apart"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in found.variants:
        known = one.HasField("discrimination")
        table.add_row(
            plain(one.name), f"{one.lead_count:,}", f"{one.converted_count:,}",
            _percent(one.converted_count, one.lead_count), points(one.mean_score),
            points(one.mean_score_converted), f"{one.discrimination:.3f}" if known else "-",
            Text(bar(one.discrimination, 1, BAR_WIDTH), _told_style(one)),
        )  # fmt: skip
    console.print(table)
    console.print(
        "told apart: how often a lead that converted had a higher score than one that did not, before it did; "
        "0.5 is no better than guessing",
        style="dim",
        soft_wrap=True,
    )
    for one in found.variants:
        if one.lead_count and any(outcome.stage for outcome in one.stages):
            _titled(console, f"{plain(one.name).plain}: who converted, by stage", _outcomes(one))


def verdict(variants: Sequence[VariantOutcome]) -> Text:
    """Which variant tells best who converts."""
    known = [one for one in variants if one.HasField("discrimination")]
    if len(known) < len(variants):
        return Text(
            "Too few leads that converted, or that did not, to tell the variants apart", "yellow"
        )
    ranked = sorted(known, key=lambda one: -one.discrimination)
    best, second = ranked[0], ranked[1]
    if best.discrimination == second.discrimination:
        return Text("No variant tells better than the next one who converts", "yellow")
    return Text.assemble(
        plain(best.name),
        f" tells best who converts: {best.discrimination:.3f}, before ",
        plain(second.name),
        f" with {second.discrimination:.3f}",
        style="bold",
    )


def _titled(console: Console, title: str, table: Table) -> None:
    console.print()
    console.print(Text(title, "bold underline"))
    console.print(table)


def _stage(name: str) -> Text:
    return stage(name) if name else Text("no stage", "dim")


def _migration(found: StageMigration | None) -> Text:
    if found is None:
        return Text(_NONE, "dim")
    stays = found.from_stage == found.to_stage
    return Text(f"{found.lead_count:,}", "dim" if stays else "bold")


def _flows(flows: Sequence[StageFlow]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("stage")
    for name in ("before", "", "after", "", "more or less", "enter", "leave"):
        table.add_column(name, justify="left" if name == "" else "right")
    greatest = max(max(one.before_count, one.after_count) for one in flows)
    for one in flows:
        more = one.after_count - one.before_count
        table.add_row(
            _stage(one.stage), f"{one.before_count:,}",
            Text(bar(one.before_count, greatest, BAR_WIDTH), "dim"), f"{one.after_count:,}",
            Text(bar(one.after_count, greatest, BAR_WIDTH), "cyan"),
            Text(f"{more:+,}" if more else "", effect_style(more)),
            f"{one.entering_count or ''}", f"{one.leaving_count or ''}",
        )  # fmt: skip
    return table


def _histogram(bins: Sequence[HistogramBin]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("score", justify="right")
    for name in ("before", "", "after", ""):
        table.add_column(name, justify="left" if name == "" else "right")
    greatest = max(max(one.before_count, one.after_count) for one in bins)
    for one in bins:
        table.add_row(
            f"{points(one.min_score)} to {points(one.max_score)}", f"{one.before_count:,}",
            Text(bar(one.before_count, greatest, BAR_WIDTH), "dim"), f"{one.after_count:,}",
            Text(bar(one.after_count, greatest, BAR_WIDTH), "cyan"),
        )  # fmt: skip
    return table


def _movers(leads: Sequence[SimulatedLead]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("lead", overflow="fold")
    for name in ("before", "after", "more or less"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stage")
    table.add_column("next action")
    for one in leads:
        moved = one.after.score - one.before.score
        stays = one.before.stage == one.after.stage
        stages = _stage(one.before.stage)
        if not stays:
            stages = Text.assemble(stages, " -> ", _stage(one.after.stage))
        table.add_row(
            plain(one.lead_id), points(one.before.score), points(one.after.score),
            Text(points(moved, sign=True), effect_style(moved)), stages,
            _action(one.before, one.after, "") or plain(one.after.next_action),
        )  # fmt: skip
    return table


def _action(before: SimulatedScore, after: SimulatedScore, lead_in: str) -> Text:
    """How the next action changes; empty where it does not."""
    if before.next_action == after.next_action:
        return Text()
    one, other = before.next_action or "none", after.next_action or "none"
    return Text.assemble(lead_in, plain(one), " -> ", plain(other))


def _days(days: Sequence[DailyChanges]) -> Table:
    """A column for each day, both rule sets to one scale; of many days, a column for several."""
    table = Table(box=None, show_header=False)
    table.add_column("")
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right")
    width = min(len(days), CHART_WIDTH)
    shares = [
        days[place * len(days) // width : (place + 1) * len(days) // width]
        for place in range(width)
    ]
    rows = {
        "before": [sum(day.before_count for day in share) for share in shares],
        "after": [sum(day.after_count for day in share) for share in shares],
    }
    greatest = max(max(values) for values in rows.values())
    for name, values in rows.items():
        chart = "".join(_LEVELS[-(-value * 8 // greatest) if greatest else 0] for value in values)
        table.add_row(name, Text(chart, "dim" if name == "before" else "cyan"), f"{sum(values):,}")
    table.add_row("", Text(f"{days[0].day} to {days[-1].day}", "dim"), "")
    return table


def _outcomes(variant: VariantOutcome) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("stage")
    for name in ("leads", "converted", "rate"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in variant.stages:
        share = one.converted_count / one.lead_count if one.lead_count else 0
        table.add_row(
            _stage(one.stage), f"{one.lead_count:,}", f"{one.converted_count:,}",
            _percent(one.converted_count, one.lead_count),
            Text(bar(share, 1, BAR_WIDTH), "green"),
        )  # fmt: skip
    return table


def _told_style(variant: VariantOutcome) -> str:
    return "green" if variant.discrimination > _GUESSING else "red"


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else "-"
