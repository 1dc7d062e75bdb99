"""When a delivery is tried again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SCHEDULE_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""After the first, second ... failed attempt; about 75 hours altogether. As Standard Webhooks recommends."""

AUTOMATION_SCHEDULE_S = (5.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0)
"""After failed attempts of automations; about 20 hours altogether: what is to be done for a lead is to be done soon."""

JITTER = 0.2
"""Up to so much of a delay is added, so that those that failed together do not come back together."""

RETRY_AFTER_S_MAX = 86_400.0
"""A receiver can't ask for more."""

ASKS_TO_WAIT = (429, 503)
"""Statuses with which `Retry-After` counts."""


def delay_s(
    schedule: Sequence[float], failed_count: int, retry_after_s: float, draw: float
) -> float | None:
    """Seconds until the next attempt when `failed_count` have failed; None when there is none any more. `draw` is a
    random number from 0 to 1."""
    if failed_count > len(schedule):
        return None
    return max(schedule[failed_count - 1] * (1 + JITTER * draw), retry_after_s)


def retry_after_s(status: int, header: str, now: datetime) -> float:
    """How long a receiver asked to be left alone; 0 when it did not (RFC 9110, 10.2.3: seconds, or a date)."""
    text = header.strip()
    if status not in ASKS_TO_WAIT or not text:
        return 0.0
    if text.isascii() and text.isdigit():
        # Digits without end must not become a number without end.
        return min(float(text[:9]), RETRY_AFTER_S_MAX)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)
