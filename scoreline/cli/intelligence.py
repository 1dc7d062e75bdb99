"""`scoreline intelligence`: what a lead's history says about what to do next."""

from __future__ import annotations

from typing import Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreline.cli.explain import AsOf, KnownAt, LeadReference, instant
from scoreline.cli.output import plain, points, print_json, stage, when
from scoreline.cli.session import session_of
from scoreline.scoring.v1.intelligence_pb2 import Intelligence, RiskLevel, Transition, Trend

_RISKS: Final = {
    RiskLevel.RISK_LEVEL_UNSPECIFIED: ("", ""),
    RiskLevel.RISK_LEVEL_LOW: ("low", "green"),
    RiskLevel.RISK_LEVEL_MEDIUM: ("medium", "yellow"),
    RiskLevel.RISK_LEVEL_HIGH: ("high", "bold red"),
}
_TRENDS: Final = {
    Trend.TREND_UNSPECIFIED: "",
    Trend.TREND_STEADY: "→ steady",
    Trend.TREND_INCREASING: "↑ increasing",
    Trend.TREND_DECREASING: "↓ decreasing",
}


def intelligence(
    context: typer.Context, lead_id: LeadReference, as_of: AsOf = None, known_at: KnownAt = None
) -> None:
    """What to do about a lead: its grade, velocity, trend, risk and next action, and what time alone will change."""
    session = session_of(context)
    times = {"as_of": instant("--as-of", as_of), "known_at": instant("--known-at", known_at)}
    with session.client() as client:
        found = client.leads.intelligence(lead_id, **times)
    if session.as_json:
        print_json(found)
        return
    show_intelligence(session.out, found)


def show_intelligence(console: Console, found: Intelligence) -> None:
    """A lead's intelligence on a screen."""
    title = Text.assemble(plain(found.lead_id), "  ", (points(found.score), "bold"), " points  ")
    console.print(title.append_text(stage(found.stage)))
    console.print(
        f"as of {when(found.as_of)}, rules {found.rule_set_version}", style="dim", markup=False
    )
    table = Table(box=None, show_header=False)
    for name, value in _facts(found):
        table.add_row(Text(name, "dim"), value)
    console.print(table)


def _facts(found: Intelligence) -> list[tuple[str, Text]]:
    facts = [("next action", Text(found.next_action or "none", "bold"))]
    if found.grade:
        facts.append(("grade", plain(found.grade)))
    facts.append(("risk", Text(*_RISKS[found.risk])))
    facts.append(("velocity", plain(points(found.velocity))))
    recent, earlier = points(found.recent_points), points(found.earlier_points)
    facts.append(
        ("trend", plain(f"{_TRENDS[found.trend]}  ({recent} points in 7 days, {earlier} before)"))
    )
    if found.HasField("engagement_score"):
        facts.append(("engagement", plain(f"{found.engagement_score:.1f} of 10")))
    if found.HasField("inactivity_index"):
        facts.append(("inactivity", plain(f"{found.inactivity_index} %")))
    if found.HasField("last_event_time"):
        facts.append(("first seen", plain(when(found.first_event_time))))
        facts.append(("last active", plain(when(found.last_event_time))))
    if found.HasField("next_transition"):
        facts.append(("by itself", _transition(found, found.next_transition)))
    return facts


def _transition(now: Intelligence, then: Transition) -> Text:
    """What time alone will change next."""
    changes = []
    if then.score != now.score:
        changes.append(f"{points(then.score)} points")
    if then.stage != now.stage:
        changes.append(then.stage)
    if then.velocity != now.velocity:
        changes.append(f"velocity {points(then.velocity)}")
    if then.risk != now.risk:
        changes.append(f"risk {_RISKS[then.risk][0]}")
    return plain(f"{', '.join(changes)} at {when(then.time)}")
