"""`scoreline analytics`: what all leads together did and became, as tables and bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Final

import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, Group
from rich.text import Text

from scoreline.cli.explain import instant
from scoreline.cli.movers import movers
from scoreline.cli.output import (
    area_chart,
    bar,
    effect_style,
    plain,
    points,
    print_json,
    stage,
    table_of,
)
from scoreline.cli.session import session_of
from scoreline.scoring.v1.analytics_service_pb2 import (
    Cohort,
    GetActivityResponse,
    GetCohortsResponse,
    GetCompanyDistributionResponse,
    GetFunnelResponse,
    GetRuleImpactResponse,
    GetScoreTrendResponse,
)

app = typer.Typer(no_args_is_help=True, help="What all leads together did and became.")

BAR_WIDTH: Final = 30
CHART_WIDTH: Final = 72
CHART_HEIGHT: Final = 6
TYPES_SHOWN: Final = 3
"""Of an hour or a day, the most frequent; the totals name all."""
COHORT_WEEKS_SHOWN: Final = 12

_SHADES: Final = " ░▒▓█"

_Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="From then on, e.g. 2026-03-01; local time."),
]
_Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Until then; now when absent.")
]
_Lead = Annotated[str, typer.Option("--lead", help="Only this lead, an id or a reference.")]


@app.command("activity")
def activity(
    context: typer.Context,
    since: _Since = None,
    until: _Until = None,
    hourly: Annotated[bool, typer.Option("--hourly", help="By hour; by day when absent.")] = False,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; repeatable.")
    ] = None,
    lead_id: _Lead = "",
) -> None:
    """Events by day or hour and by type, of the last 30 days unless said otherwise. Days are UTC's."""
    session = session_of(context)
    times = {"start": instant("--since", since), "end": instant("--until", until)}
    with session.client() as client:
        found = client.analytics.activity(
            **times, hourly=hourly, types=types or (), lead_id=lead_id
        )
    if session.as_json:
        print_json(found)
        return
    show_activity(session.out, found, hourly)


@app.command("trend")
def trend(
    context: typer.Context, since: _Since = None, until: _Until = None, lead_id: _Lead = ""
) -> None:
    """Scores day by day, of all leads together or of one."""
    session = session_of(context)
    times = {"start": instant("--since", since), "end": instant("--until", until)}
    with session.client() as client:
        found = client.analytics.score_trend(**times, lead_id=lead_id)
    if session.as_json:
        print_json(found)
        return
    show_trend(session.out, found, one_lead=bool(lead_id))


@app.command("funnel")
def funnel(context: typer.Context, since: _Since = None, until: _Until = None) -> None:
    """How leads go from stage to stage. With times, only leads first seen then."""
    session = session_of(context)
    times = {"start": instant("--since", since), "end": instant("--until", until)}
    with session.client() as client:
        found = client.analytics.funnel(**times)
    if session.as_json:
        print_json(found)
        return
    show_funnel(session.out, found)


@app.command("cohorts")
def cohorts(
    context: typer.Context,
    since: _Since = None,
    until: _Until = None,
    goal: Annotated[
        str, typer.Option("--stage", help="The stage to reach; the highest when absent.")
    ] = "",
) -> None:
    """What became of the leads first seen in each week: how many stayed active, how many reached a stage."""
    session = session_of(context)
    times = {"start": instant("--since", since), "end": instant("--until", until)}
    with session.client() as client:
        found = client.analytics.cohorts(**times, stage=goal)
    if session.as_json:
        print_json(found)
        return
    show_cohorts(session.out, found)


@app.command("companies")
def companies(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000)] = 20,
) -> None:
    """Which companies the leads work for, most leads first."""
    session = session_of(context)
    with session.client() as client:
        found = client.analytics.companies(limit=limit)
    if session.as_json:
        print_json(found)
        return
    show_companies(session.out, found)


@app.command("rules")
def rules(context: typer.Context, since: _Since = None, until: _Until = None) -> None:
    """What each rule in force gives. Reads the whole ledger, which may take minutes."""
    session = session_of(context)
    times = {"start": instant("--since", since), "end": instant("--until", until)}
    with session.client() as client:
        found = client.analytics.rule_impact(**times)
    if session.as_json:
        print_json(found)
        return
    show_rules(session.out, found)


app.command("movers")(movers)


def show_activity(console: Console, found: GetActivityResponse, hourly: bool) -> None:
    """A bar for each hour or day, then the totals."""
    if not found.points:
        console.print("no events", style="dim")
        return
    table = table_of("hour" if hourly else "day", "events:r", "", "most frequent")
    greatest = max(one.event_count for one in found.points)
    for one in found.points:
        most = ", ".join(f"{kind.type} {kind.event_count:,}" for kind in one.types[:TYPES_SHOWN])
        table.add_row(
            _day(one.time, hourly), f"{one.event_count:,}",
            Text(bar(one.event_count, greatest, BAR_WIDTH), "cyan"), plain(most),
        )  # fmt: skip
    console.print(table)
    totals = table_of("type", "events:r", "")
    for total in found.totals:
        length = bar(total.event_count, found.totals[0].event_count, BAR_WIDTH)
        totals.add_row(plain(total.type), f"{total.event_count:,}", Text(length, "cyan"))
    console.print()
    console.print(totals)


def show_trend(console: Console, found: GetScoreTrendResponse, one_lead: bool) -> None:
    """A chart of the scores, then the days on which something changed."""
    chart = area_chart([one.score_sum for one in found.points], CHART_WIDTH, CHART_HEIGHT)
    console.print(Group(*(Text(line, "cyan") for line in chart)))
    headings = ("day", "score:r") if one_lead else ("day", "leads:r", "sum of scores:r", "mean:r")
    table = table_of(*headings, "changes:r")
    for one in found.points:
        if not one.change_count:
            continue
        mean = one.score_sum / one.lead_count if one.lead_count else 0.0
        score = points(one.score_sum)
        cells = (score,) if one_lead else (f"{one.lead_count:,}", score, f"{mean:,.1f}")
        table.add_row(_day(one.time), *cells, f"{one.change_count:,}")
    console.print(table)


def show_funnel(console: Console, found: GetFunnelResponse) -> None:
    """A bar for each stage: who ever reached it."""
    table = table_of("stage", "reached:r", "", "went on:r", "median time:r", "now:r")
    for number, one in enumerate(found.stages):
        median = duration(one.median_time) if one.HasField("median_time") else ""
        table.add_row(
            stage(one.stage), f"{one.reached_count:,}",
            Text(bar(one.reached_count, found.lead_count, BAR_WIDTH), "cyan"),
            f"{one.conversion:.1%}" if number else "", median, f"{one.current_count:,}",
        )  # fmt: skip
    console.print(table)
    console.print(f"{found.lead_count:,} leads", style="dim")


def show_cohorts(console: Console, found: GetCohortsResponse) -> None:
    """A line for each week, with the share of its leads that were active in each week since."""
    if not found.cohorts:
        console.print("no leads first seen then", style="dim")
        return
    table = table_of(
        "week of", "leads:r", f"{found.stage or 'no stage'}:r", "active in the weeks since"
    )
    for one in found.cohorts:
        reached = f"{one.reached_count:,} ({one.reached_count / one.lead_count:.0%})"
        table.add_row(_day(one.week), f"{one.lead_count:,}", reached, Text(_weeks(one), "cyan"))
    console.print(table)


def show_companies(console: Console, found: GetCompanyDistributionResponse) -> None:
    """A bar for each company."""
    table = table_of("company", "leads:r", "", "mean score:r", "highest:r")
    greatest = found.companies[0].lead_count if found.companies else 0
    for one in found.companies:
        table.add_row(
            plain(one.company), f"{one.lead_count:,}",
            Text(bar(one.lead_count, greatest, BAR_WIDTH), "cyan"),
            points(one.mean_score), points(one.max_score),
        )  # fmt: skip
    console.print(table)
    others = found.company_count - len(found.companies)
    more = f"{others:,} more companies, " if others else ""
    console.print(f"{more}{found.unknown_count:,} leads without one", style="dim")


def show_rules(console: Console, found: GetRuleImpactResponse) -> None:
    """A bar for each rule, in the rule set's order."""
    table = table_of("rule", "points:r", "", "events:r", "leads:r", "clipped:r", "limited:r")
    greatest = max((abs(one.points) for one in found.rules), default=0.0)
    for one in found.rules:
        length = bar(abs(one.points), greatest, BAR_WIDTH)
        table.add_row(
            plain(one.rule_id), points(one.points, sign=True),
            Text(length, effect_style(one.points)), f"{one.event_count:,}", f"{one.lead_count:,}",
            f"{one.clipped_count or ''}", f"{one.limited_count or ''}",
        )  # fmt: skip
    console.print(table)
    given = sum(round(one.points * 1_000) for one in found.rules) / 1_000
    text = f"rules {points(given, sign=True)}, by hand {points(found.adjusted_points, sign=True)}, "
    text += (
        f"time {points(found.faded_points, sign=True)}; rule set version {found.rule_set_version}"
    )
    console.print(text, style="dim", markup=False)


def duration(value: Duration) -> str:
    """A time span with its two greatest units."""
    seconds = value.seconds
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def _day(stamp: Timestamp, hourly: bool = False) -> str:
    """Days and hours are UTC's, as the service counts them."""
    return stamp.ToDatetime(UTC).strftime("%Y-%m-%d %H:%M" if hourly else "%Y-%m-%d")


def _weeks(cohort: Cohort) -> str:
    shown: Sequence[int] = cohort.active_counts[:COHORT_WEEKS_SHOWN]
    more = " ..." if len(cohort.active_counts) > COHORT_WEEKS_SHOWN else ""
    return " ".join(f"{_shade(count, cohort.lead_count)}{count:>3,}" for count in shown) + more


def _shade(count: int, of: int) -> str:
    """Darker for a greater share; blank only for none."""
    return _SHADES[0] if not count else _SHADES[max(1, round(count / of * (len(_SHADES) - 1)))]
