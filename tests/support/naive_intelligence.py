"""What a lead's history says besides its score, in the naive model (naive_scoring.py): each question answered by
looking at everything that counts, at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from services.scoring.domain.model import Activated, Entry, Grade
from tests.support.naive_account import DAY, Account, us
from tests.support.naive_scoring import evaluate, stage

WEEK = 7 * DAY
FIVE_POINTS = 5_000


@dataclass(frozen=True)
class Look:
    """What shows of a lead at an instant, and what a change of it is measured against."""

    score: int
    stage: str
    velocity: int
    """Thousandths."""
    risk: str
    """Empty without events, and where the rules see none."""


def look(account: Account, at: int) -> Look:
    """The lead at an instant behind its newest entry, up to which the account has faded."""
    score = account.total_at(at)
    return Look(score, stage(account.rules, score), velocity(account, at), risk(account, at))


def velocity(account: Account, at: int) -> int:
    measure = account.rules.velocity
    if measure is None:
        return 0
    n = sum(1 for one in account.applied if one.in_velocity and one.at + measure.window > at)
    if measure.per_event is None:
        return (10 * n) // (n + 5) * 1_000
    return min(n, 1_000) * measure.per_event


def risk(account: Account, at: int) -> str:
    sees = account.rules.risk
    if sees is None or not account.applied:
        return ""
    idle = at - max(one.at for one in account.applied)
    forced = [
        one.at
        for one in account.applied
        if one.entry.type in sees.high_event_types
        and (sees.high_for is None or at < one.at + sees.high_for)
    ]
    if forced or (sees.high_after is not None and idle > sees.high_after):
        return "high"
    if sees.medium_after is not None and idle > sees.medium_after:
        return "medium"
    return "low"


def points_between(account: Account, after: int, until: int) -> int:
    """Positive points that rules gave to events later than `after` and not later than `until`."""
    return sum(
        one.points
        for one in account.verdicts
        if one.gives and one.points > 0 and after < one.at <= until
    )


def trend(account: Account, at: int) -> str:
    if not account.applied:
        return ""
    recent = points_between(account, at - WEEK, at)
    earlier = points_between(account, at - 2 * WEEK, at - WEEK)
    if 100 * recent >= 125 * earlier and recent - earlier >= FIVE_POINTS:
        return "increasing"
    if earlier > 0 and 100 * recent <= 75 * earlier:
        return "decreasing"
    return "steady"


def grades(account: Account) -> tuple[str, str, str]:
    """Grade, fit grade, engagement grade."""
    grading = account.rules.grading
    if grading is None:
        return "", "", ""
    fit = _grade(grading.fit_grades, account.group(grading.fit_group))
    engagement = _grade(grading.engagement_grades, account.group(grading.engagement_group))
    return fit + engagement, fit, engagement


def _grade(listed: Sequence[Grade], score: int) -> str:
    for grade in listed:
        if grade.min_score <= score:
            return grade.name
    return listed[-1].name


def inactivity(account: Account, at: int) -> int | None:
    """Percent of 28 days, 99 at most."""
    if not account.applied:
        return None
    idle = max(0, at - max(one.at for one in account.applied))
    return min(99, 100 * idle // (28 * DAY))


def engagement(account: Account) -> Decimal | None:
    """The engagement group's score as a share of its upper bound, out of ten."""
    name = account.rules.engagement_group
    for group in account.rules.groups:
        if name and group.name == name and group.bounds.max_score:
            share = Decimal(account.group(name)) * 10 / Decimal(group.bounds.max_score)
            return share.quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)
    return None


def counts(account: Account) -> dict[str, int]:
    """Events by type."""
    types = [one.entry.type for one in account.applied]
    return {name: types.count(name) for name in sorted(set(types))}


def situation(account: Account, at: int) -> dict[str, Any]:
    """What conditions of next actions are about."""
    seen = look(account, at)
    grade, fit, engaged = grades(account)
    return {
        "score": seen.score / 1_000,
        "stage": seen.stage,
        "grade": grade,
        "fit_grade": fit,
        "engagement_grade": engaged,
        "velocity": seen.velocity / 1_000,
        "risk": seen.risk,
        "trend": trend(account, at),
        "events": counts(account),
        "lead": account.attributes,
    }


def next_action(account: Account, at: int) -> str:
    """The first whose condition holds."""
    about = situation(account, at)
    for one in account.rules.next_actions:
        if one.when is None or one.when(about):
            return one.action
    return ""


def first_event(account: Account) -> int | None:
    return min((us(one.entry.occurred_at) for one in account.applied), default=None)


def last_event(account: Account) -> int | None:
    return max((us(one.entry.occurred_at) for one in account.applied), default=None)


def differs(shown: Look, now: Look) -> bool:
    """Whether time alone has changed something that shows."""
    return abs(now.score - shown.score) >= 1_000 or (now.stage, now.velocity, now.risk) != (
        shown.stage,
        shown.velocity,
        shown.risk,
    )


def candidates(account: Account) -> set[int]:
    """Every instant at which anything of a lead may change by time alone, up to where the account was closed."""
    found = {at for at, _, _ in account.movements}
    if account.rules.velocity is not None:
        found |= {one.at + account.rules.velocity.window for one in account.applied}
    sees = account.rules.risk
    if sees is not None:
        waits = [wait for wait in (sees.medium_after, sees.high_after) if wait is not None]
        # Idle for longer: from the next microsecond on.
        found |= {one.at + wait + 1 for one in account.applied for wait in waits}
        if sees.high_for is not None:
            found |= {one.at + sees.high_for for one in account.applied}
    return {at for at in found if at <= account.at}


def next_transition(
    activations: Sequence[Activated], entries: Sequence[Entry], shown: Look, now: int, until: int
) -> tuple[int, Look] | None:
    """The first instant later than `now`, and not later than `until`, at which the lead differs from what was shown."""
    future = evaluate(activations, entries, until)
    for at in sorted(candidates(future)):
        if at > max(now, future.clock or 0):
            seen = look(future, at)
            if differs(shown, seen):
                return at, seen
    return None
