"""Who the simulated leads are and what they do: personas with a funnel, in working hours, in visits of a few events.
When the suite hears of it is in arrivals.py."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scoreline.simulator import words
from scoreline.simulator.draws import between, chance, pick, source, weighted
from scoreline.simulator.plan import Plan

Mix = Sequence[tuple[str, int]]

# What leads do in each phase of the funnel, by weight.
_AWARENESS: Mix = (
    ("page_view", 58),
    ("email_open", 27),
    ("email_click", 8),
    ("download", 5),
    ("webinar_attended", 2),
)
_CONSIDERATION: Mix = (
    ("page_view", 42),
    ("email_open", 20),
    ("email_click", 15),
    ("download", 11),
    ("webinar_attended", 6),
    ("form_submit", 6),
)
_DECISION: Mix = (
    ("page_view", 52),
    ("email_open", 16),
    ("email_click", 18),
    ("download", 6),
    ("form_submit", 8),
)
_CUSTOMER: Mix = (
    ("page_view", 60),
    ("email_open", 25),
    ("email_click", 10),
    ("webinar_attended", 5),
)


@dataclass(frozen=True, slots=True, eq=False)
class Persona:
    """A way to behave."""

    name: str
    share: int
    """So many of a hundred leads."""
    events: tuple[int, int]
    phases: Sequence[Mix]
    """Each lasts for an equal part of the journey."""
    milestones: Mapping[str, int]
    """Happen once, at so many percent of the journey, in most of its leads."""


PERSONAS = (
    Persona("passer-by", 34, (2, 8), (_AWARENESS,), {}),
    Persona("researcher", 27, (8, 22), (_AWARENESS, _CONSIDERATION), {"signup": 80}),
    Persona("evaluator", 18, (16, 36), (_AWARENESS, _CONSIDERATION, _DECISION), {"signup": 45, "demo_request": 85}),
    Persona("buyer", 9, (24, 54), (_AWARENESS, _CONSIDERATION, _DECISION, _CUSTOMER),
            {"signup": 30, "demo_request": 55, "purchase": 75}),
    Persona("enterprise buyer", 4, (30, 64), (_AWARENESS, _CONSIDERATION, _DECISION, _CUSTOMER),
            {"demo_request": 50, "contract_signed": 80}),
    Persona("regretful", 3, (14, 30), (_AWARENESS, _CONSIDERATION, _DECISION),
            {"signup": 40, "purchase": 70, "refund": 95}),
    Persona("annoyed", 5, (4, 14), (_AWARENESS,), {"unsubscribe": 100}),
)  # fmt: skip
_MILESTONE_PERCENT = 85
# What may end the journey of a passer-by.
_ENDINGS = (("", 91), ("bounce", 6), ("spam_complaint", 3))

_WEEKDAY_WEIGHTS = (18, 21, 21, 20, 14, 3, 3)
_HOUR_WEIGHTS = (1, 1, 1, 1, 1, 2, 4, 8, 16, 22, 22, 18, 12, 18, 22, 20, 16, 10, 6, 5, 4, 3, 2, 1)
_VISIT_EVENTS = (1, 5)
_STEP_S = (8, 420)
# Days between two visits, at most; shorter where the journey must end with the plan.
_GAP_DAYS = (0, 6)


@dataclass(frozen=True, slots=True)
class Lead:
    """Who acts. Every event of a lead carries the same one reference."""

    reference: tuple[str, str]
    """Field of the event, value."""
    persona: Persona


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as it happened."""

    lead: Lead
    event_id: str
    type: str
    time: datetime
    properties: Mapping[str, Any]


def journeys(plan: Plan, scale: float) -> Iterator[list[Happening]]:
    """The events of each lead in event time; `scale` makes journeys longer or shorter."""
    taken: set[str] = set()
    for index in range(plan.leads):
        rng = source(plan.seed, "lead", index)
        lead = _lead(rng, index, taken)
        yield _journey(rng, plan, index, lead, scale)


def _lead(rng: random.Random, index: int, taken: set[str]) -> Lead:
    first, last = pick(rng, words.FIRST_NAMES), pick(rng, words.LAST_NAMES)
    company = pick(rng, words.COMPANIES)
    persona = weighted(rng, [(one, one.share) for one in PERSONAS])
    kind = weighted(rng, (("email", 55), ("lead_id", 30), ("external_id", 15)))
    if kind == "email":
        plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode()
        value = f"{plain}@{company}.example"
        if value in taken:
            value = f"{plain}{index}@{company}.example"
        taken.add(value)
    elif kind == "lead_id":
        value = f"{company}-{index:05d}"
    else:
        value = f"crm-{100_000 + index * 7}"
    return Lead((kind, value), persona)


def _journey(
    rng: random.Random, plan: Plan, index: int, lead: Lead, scale: float
) -> list[Happening]:
    types = _types(rng, lead.persona, scale)
    times = _times(rng, plan, len(types))
    return [
        Happening(
            lead,
            f"sim-{plan.run}-{index:05d}-{number:03d}",
            type_,
            time,
            _properties(rng, type_, index, number),
        )
        for number, (type_, time) in enumerate(zip(types, times, strict=True))
    ]


def _types(rng: random.Random, persona: Persona, scale: float) -> list[str]:
    count = max(1, int(between(rng, *persona.events) * scale + 0.5))
    types = [
        weighted(rng, persona.phases[position * len(persona.phases) // count])
        for position in range(count)
    ]
    for milestone, percent in persona.milestones.items():
        if chance(rng, _MILESTONE_PERCENT):
            types.insert(len(types) * percent // 100, milestone)
    if persona.name == "passer-by":
        ending = weighted(rng, _ENDINGS)
        types += [ending] if ending else []
    return types


def _times(rng: random.Random, plan: Plan, count: int) -> list[datetime]:
    """Ascending instants in visits of a few events each."""
    visits: list[int] = []
    while sum(visits) < count:
        visits.append(min(between(rng, *_VISIT_EVENTS), count - sum(visits)))
    days = _visit_days(rng, plan, len(visits))
    times: list[datetime] = []
    for day, events in zip(days, visits, strict=True):
        hour = weighted(rng, list(enumerate(_HOUR_WEIGHTS)))
        moment = plan.start_time + timedelta(
            days=day, hours=hour, milliseconds=between(rng, 0, 3_599_999)
        )
        for _ in range(events):
            times.append(moment)
            moment += timedelta(seconds=between(rng, *_STEP_S), milliseconds=between(rng, 0, 999))
    # Two visits of one day may overlap, and the last of a plan may run past its end.
    last = plan.end_time - timedelta(milliseconds=1)
    return sorted(min(time, last) for time in times)


def _visit_days(rng: random.Random, plan: Plan, visits: int) -> list[int]:
    gap_max = max(0, min(_GAP_DAYS[1], plan.days // max(1, visits)))
    gaps = [between(rng, _GAP_DAYS[0], gap_max) for _ in range(visits - 1)]
    span = sum(gaps)
    day = between(rng, 0, max(0, plan.days - 1 - span))
    days = [day]
    for gap in gaps:
        day = min(day + gap, plan.days - 1)
        days.append(day)
    return [_working_day(rng, plan, day) for day in days]


def _working_day(rng: random.Random, plan: Plan, day: int) -> int:
    """The same day or a better one of its week."""
    weekday = (plan.start_time + timedelta(days=day)).weekday()
    wanted = weighted(rng, list(enumerate(_WEEKDAY_WEIGHTS)))
    return min(max(day + wanted - weekday, 0), plan.days - 1)


def _properties(rng: random.Random, type_: str, index: int, number: int) -> dict[str, Any]:
    if type_ == "page_view":
        page = pick(rng, words.LATE_PAGES if chance(rng, 30) else words.PAGES)
        return {"path": page, "referrer": pick(rng, words.REFERRERS)}
    if type_ in ("email_open", "email_click", "bounce", "unsubscribe", "spam_complaint"):
        campaign = pick(rng, words.CAMPAIGNS)
        return {"campaign": campaign, "message_id": f"{campaign}-{index}-{number // 3}"}
    if type_ == "download":
        return {"asset": pick(rng, words.ASSETS)}
    if type_ == "webinar_attended":
        return {"webinar": pick(rng, words.WEBINARS), "minutes": between(rng, 5, 60)}
    if type_ == "form_submit":
        return {"form": pick(rng, words.FORMS)}
    if type_ in ("signup", "demo_request"):
        return {"plan": pick(rng, words.PLANS), "seats": between(rng, 1, 250)}
    # purchase, contract_signed, refund
    return {
        "order_id": f"ord-{index:05d}-{number:03d}",
        "amount": between(rng, 9, 900) * 100,
        "currency": "EUR" if chance(rng, 60) else "USD",
    }
