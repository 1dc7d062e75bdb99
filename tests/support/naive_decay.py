"""How points fade in the naive model (naive_scoring.py): every instant at which anything could, one by one."""

from __future__ import annotations

from fractions import Fraction

from services.scoring.domain.decay import Decay, HalfLife, IdleAmount, IdleFactor, PerContribution
from services.scoring.domain.model import RuleSet
from tests.support.naive_account import DAY, Account, Contribution

MILLION = 1_000_000


def fade(account: Account, start: int, end: int) -> None:
    """Every step later than `start` and not later than `end`. A lead without events is not idle."""
    idle_since = max((one.at for one in account.applied), default=0)
    decays = [
        (group, decay)
        for group, decay in decays_of(account.rules)
        if account.applied or not isinstance(decay, IdleFactor | IdleAmount)
    ]
    instants: set[int] = set()
    for group, decay in decays:
        instants |= _instants(account, group, decay, idle_since, start, end)
    for instant in sorted(instants):
        if not any(_due(account, group, decay, idle_since, instant) for group, decay in decays):
            continue
        for group, decay in decays:
            before = len(account.movements)
            if isinstance(decay, PerContribution):
                for one in account.contributions:
                    if one.group == group:
                        points = account.allowed(group, _left(decay, one, instant) - one.left)
                        one.left += points
                        account.move(instant, group, points)
            else:
                wanted = _wanted(account, group, decay, idle_since, instant)
                account.move(instant, group, account.allowed(group, wanted))
            faded = sum(points for _, _, points in account.movements[before:])
            if faded:
                account.fadings.append((instant, group, faded))


def decays_of(rules: RuleSet) -> list[tuple[str, Decay]]:
    """What fades, in order: rules' points outside of groups, the groups, the total. A total whose contributions fade
    one by one is groups whose contributions do, where they don't fade in a way of their own."""
    found: list[tuple[str, Decay]] = []
    each = rules.decay if isinstance(rules.decay, PerContribution) else None
    if each:
        found.append(("", each))
    for group in rules.groups:
        decay = group.decay or each
        if decay:
            found.append((group.name, decay))
    if rules.decay and not each:
        found.append(("*", rules.decay))
    return found


def _instants(
    account: Account, group: str, decay: Decay, idle_since: int, start: int, end: int
) -> set[int]:
    if isinstance(decay, IdleFactor | IdleAmount):
        first = idle_since + decay.after_idle + decay.every
        passed = max(0, (start - first) // decay.every)
        candidates = list(range(first + passed * decay.every, end + 1, decay.every))
    elif isinstance(decay, HalfLife):
        candidates = [day * DAY for day in range(start // DAY, end // DAY + 1)]
    else:
        candidates = [
            step
            for one in account.contributions
            if one.group == group and one.original
            for step in _steps(decay, one)
        ]
    return {instant for instant in candidates if start < instant <= end}


def _steps(decay: PerContribution, one: Contribution) -> list[int]:
    """When a contribution loses something, the end included."""
    on_the_way = range(one.at + decay.every, one.at + decay.gone_after, decay.every)
    return [*on_the_way, one.at + decay.gone_after]


def _due(account: Account, group: str, decay: Decay, idle_since: int, instant: int) -> bool:
    """Whether the instant is a step: a living contribution's, or one that changes a score. At a step, everything is
    brought to where it should be, also what a bound held back before."""
    if isinstance(decay, PerContribution):
        return any(
            instant in _steps(decay, one)
            for one in account.contributions
            if one.group == group and one.left
        )
    return account.allowed(group, _wanted(account, group, decay, idle_since, instant)) != 0


def _wanted(account: Account, group: str, decay: Decay, idle_since: int, instant: int) -> int:
    score = account.total if group == "*" else account.group(group)
    if isinstance(decay, HalfLife):
        return _product(score, _daily_factor(decay.days)) - score if instant % DAY == 0 else 0
    assert isinstance(decay, IdleFactor | IdleAmount)
    beyond = instant - idle_since - decay.after_idle
    if beyond <= 0 or beyond % decay.every:
        return 0
    if isinstance(decay, IdleFactor):
        return _product(score, decay.factor) - score
    return -min(decay.points, score - decay.floor) if score > decay.floor else 0


def _left(decay: PerContribution, one: Contribution, instant: int) -> int:
    age = instant - one.at
    if age >= decay.gone_after:
        return 0
    percent = max(0, 100 - decay.percent * (age // decay.every))
    return round(Fraction(one.original * percent, 100))


def _product(score: int, millionths: int) -> int:
    return round(Fraction(score * millionths, MILLION))


def _daily_factor(days: int) -> int:
    """The millionths nearest to the `days`-th root of a half: the first f with (f + 1/2)^days beyond it."""
    low, high = 0, MILLION
    while low < high:
        middle = (low + high) // 2
        if 2 * (2 * middle + 1) ** days > (2 * MILLION) ** days:
            high = middle
        else:
            low = middle + 1
    return low
