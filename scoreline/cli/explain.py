"""`scoreline score` and `explain`: a lead's score at any time, and where each point of it came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreline.cli.effects import milli, why
from scoreline.cli.output import bar, effect_style, plain, points, print_json, stage, when
from scoreline.cli.session import session_of
from scoreline.scoring.v1.scoring_service_pb2 import (
    Contribution,
    ExplainScoreResponse,
    Fading,
    GetScoreResponse,
    GroupTotal,
    NextStage,
)

BAR_WIDTH: Final = 24
SHOWN: Final = 20
"""The newest fill a screen; totals are always over all."""

_NO_GROUP: Final = "no group"
_TOTAL: Final = "*"

LeadReference = Annotated[
    str, typer.Argument(metavar="LEAD", help="An id or a reference: email:ada@example.com")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="As of this time of events, e.g. 2026-03-01T09:30:00Z; without a zone: local time.",
    ),
]
KnownAt = Annotated[
    str | None, typer.Option(metavar="TIME", help="With what had been recorded by this time.")
]


def score(
    context: typer.Context, lead_id: LeadReference, as_of: AsOf = None, known_at: KnownAt = None
) -> None:
    """A lead's score as of any time, as known at any time."""
    session = session_of(context)
    times = {"as_of": instant("--as-of", as_of), "known_at": instant("--known-at", known_at)}
    with session.client() as client:
        found = client.leads.score(lead_id, **times)
    if session.as_json:
        print_json(found)
        return
    show_score(session.out, found)
    parts = [one for one in found.group_scores if one.score]
    for one in parts if len(parts) > 1 else ():
        session.out.print(
            f"{points(one.score, sign=True):>10}  {group_name(one.group)}", markup=False
        )


def explain(
    context: typer.Context,
    lead_id: LeadReference,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Annotated[
        int, typer.Option(help="Contributions to show, the newest.", min=1, max=1_000)
    ] = SHOWN,
) -> None:
    """Why a lead's score is what it is: by group, by rule, by event, and the way to the next stage."""
    session = session_of(context)
    times = {"as_of": instant("--as-of", as_of), "known_at": instant("--known-at", known_at)}
    with session.client() as client:
        found = client.leads.explain(lead_id, limit=limit, **times)
    if session.as_json:
        print_json(found)
        return
    show_explanation(session.out, found)


def show_score(console: Console, found: GetScoreResponse) -> None:
    """The headline."""
    title = Text.assemble(plain(found.lead_id), "  ", (points(found.score), "bold"), " points  ")
    title.append_text(stage(found.stage))
    console.print(title)
    known = f", known {when(found.known_at)}" if found.HasField("known_at") else ""
    console.print(
        f"as of {when(found.as_of)}{known}, {found.event_count:,} events, rules {found.rule_set_version}",
        style="dim",
        markup=False,
    )


def show_explanation(console: Console, found: ExplainScoreResponse) -> None:
    """An explanation on a screen."""
    show_score(console, found.score)
    if found.HasField("next_stage"):
        console.print(next_stage_line(found.next_stage))
    console.print()
    if len(found.group_totals) > 1:
        console.print(_groups(found.group_totals))
        console.print()
    if found.rule_totals:
        console.print(_rules(found))
        console.print()
    if found.contributions:
        earlier = found.contribution_count - len(found.contributions)
        if earlier > 0:
            console.print(f"... {earlier:,} earlier contributions", style="dim")
        console.print(_contributions(found.contributions, found.fadings))
    console.print(sum_line(found))


def next_stage_line(found: NextStage) -> Text:
    """The way to the next stage, as a sentence."""
    text = Text.assemble(
        (points(found.missing_points), "bold"), " points to ", stage(found.stage), ": "
    )
    if not found.HasField("step"):
        return text.append("no rule gives any more points")
    step = found.step
    event = "any event" if step.event_type == "*" else f"one {step.event_type}"
    text.append_text(plain(f"{event} gives {points(step.points, sign=True)}"))
    text.append("" if step.sufficient else ", the most that one event can give")
    return text.append_text(plain(f" (if {step.when})" if step.when else ""))


def sum_line(found: ExplainScoreResponse) -> Text:
    """The proof: everything sums to the score."""
    given = sum(milli(one.rule_points) for one in found.group_totals)
    clipped = -sum(milli(one.clipped_points) for one in found.group_totals)
    limited = -sum(milli(one.limited_points) for one in found.group_totals)
    faded = sum(milli(one.faded_points) for one in found.group_totals)
    text = f"rules gave {points(given / 1000, sign=True)}"
    for amount, name in ((clipped, "bounds"), (limited, "limits"), (faded, "time")):
        if amount:
            text += f", {name} {points(amount / 1000, sign=True)}"
    total = given + clipped + limited + faded
    text += f" = {points(total / 1000)}"
    if total == milli(found.score.score):
        return Text(f"{text}, which is the score", "green")
    return Text(f"{text}; the score is {points(found.score.score)}", "red")


def group_name(group: str) -> str:
    """What to call a group."""
    return {"": _NO_GROUP, _TOTAL: "decay of the total"}.get(group, plain(group).plain)


def _groups(totals: Sequence[GroupTotal]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("group", no_wrap=True)
    for name in ("score", "", "given", "clipped", "limited", "faded"):
        table.add_column(name, justify="left" if name == "" else "right", no_wrap=True)
    greatest = max(abs(one.score) for one in totals)
    for one in totals:
        length = Text(bar(abs(one.score), greatest, BAR_WIDTH), "cyan" if one.score > 0 else "red")
        table.add_row(
            group_name(one.group), points(one.score), length, _amount(one.rule_points),
            _amount(-one.clipped_points), _amount(-one.limited_points), _amount(one.faded_points),
        )  # fmt: skip
    return table


def _rules(found: ExplainScoreResponse) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("rule", no_wrap=True)
    for name in ("points", "", "events", "clipped", "limited"):
        table.add_column(name, justify="left" if name == "" else "right", no_wrap=True)
    ordered = sorted(found.rule_totals, key=lambda one: -abs(one.points))
    greatest = abs(ordered[0].points)
    for one in ordered:
        length = Text(bar(abs(one.points), greatest, BAR_WIDTH), effect_style(one.points))
        table.add_row(
            plain(one.rule_id or "by hand"), points(one.points, sign=True), length, f"{one.event_count:,}",
            f"{one.clipped_count or ''}", f"{one.limited_count or ''}",
        )  # fmt: skip
    return table


def _contributions(contributions: Sequence[Contribution], fadings: Sequence[Fading]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("time", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("points", justify="right")
    table.add_column("why")
    # Fadings listed are the newest of their own: those before the first contribution shown say nothing about it.
    first = contributions[0].occur_time
    begin = (first.seconds, first.nanos)
    lines: list[tuple[tuple[int, int], tuple[str | Text, ...]]] = []
    for one in contributions:
        at = (one.occur_time.seconds, one.occur_time.nanos)
        effect = Text(points(one.effect.points, sign=True), effect_style(one.effect.points))
        lines.append(
            (at, (when(one.occur_time), plain(one.event_type), effect, plain(why(one.effect))))
        )
    for fading in fadings:
        at = (fading.time.seconds, fading.time.nanos)
        if at >= begin:
            taken = Text(points(fading.points, sign=True), effect_style(fading.points))
            name = group_name(fading.group)
            lines.append((at, (when(fading.time), Text("faded", "dim"), taken, name)))
    for _, row in sorted(lines, key=lambda line: line[0]):
        table.add_row(*row)
    return table


def _amount(value: float) -> Text:
    return Text(points(value, sign=True) if value else "", effect_style(value))


def instant(option: str, text: str | None) -> datetime | None:
    """A time somebody typed; raises BadParameter."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            "not a time: write 2026-03-01, 2026-03-01T09:30 or 2026-03-01T09:30:00Z",
            param_hint=option,
        ) from error
