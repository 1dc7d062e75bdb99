"""Scenarios on the pure fold: no process, no network. Events are brought to their normal form by ingest's domain and
scored by scoring's; what is played here is only what the services do with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.ingest.domain.events import AcceptedEvent, IncomingEvent, accept
from services.scoring.domain.fold import trace
from services.scoring.domain.identity import lead_id_of, subject_of
from services.scoring.domain.lead import (
    RulesInForce,
    Snapshot,
    advance,
    needs_history,
    new_snapshot,
)
from services.scoring.domain.model import MILLI, Bounds, Entry, Rule, RuleSet, Stage
from services.shared.times import to_timestamp
from tests.scenarios.scenario import EventData, LeadState, RulesData, TimelineStep, preset

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOW = 0
"""Scores as of the newest event, whenever the tests run: what fades later is no scenario's matter yet."""

Arrival = Literal["as written", "reversed", "one by one"]

ARRIVALS: tuple[Arrival, ...] = ("as written", "reversed", "one by one")


class FoldLevel:
    """Leads in memory."""

    settle_s = 0.0

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self._rules = _in_force(1, preset())
        self._payloads: dict[str, bytes] = {}
        self._histories: dict[str, list[Entry]] = {}
        self._snapshots: dict[str, Snapshot] = {}

    def activate(self, rules: RulesData) -> None:
        """Put rules in force and score everyone anew."""
        self._rules = _in_force(self._rules.activation + 1, rules)
        for lead_id in self._snapshots:
            self._advance(lead_id, [])

    def send(self, events: Sequence[EventData]) -> None:
        """Score what is new of the events."""
        arriving = [_normal(event) for event in events]
        if self._arrival == "reversed":
            arriving.reverse()
        batches = [[event] for event in arriving] if self._arrival == "one by one" else [arriving]
        for batch in batches:
            self._score(batch)

    def lead(self, reference: str) -> LeadState | None:
        """What a lead is now."""
        lead_id = lead_id_of(subject_of(reference))
        if lead_id not in self._snapshots:
            return None
        snapshot = self._snapshots[lead_id]
        rule_set = self._rules.rule_set
        timeline = tuple(
            TimelineStep(
                step.entry.event_id,
                sum(effect.points for effect in step.effects) / MILLI,
                step.state.score / MILLI,
                rule_set.stage_of(step.state.score),
            )
            for step in trace(self._histories[lead_id], rule_set)
        )
        return LeadState(
            score=snapshot.score / MILLI,
            stage=snapshot.stage,
            version=snapshot.version,
            event_count=snapshot.state.event_count,
            timeline=timeline,
        )

    def _score(self, batch: Sequence[AcceptedEvent]) -> None:
        arrivals: dict[str, list[Entry]] = {}
        for event in batch:
            if event.event_id in self._payloads:
                continue  # a duplicate or a conflict: neither counts
            self._payloads[event.event_id] = event.payload_hash
            properties = json.loads(event.properties or b"{}")
            entry = Entry(event.event_id, event.type, _instant(event), properties)
            arrivals.setdefault(lead_id_of(event.subject), []).append(entry)
        for lead_id, entries in arrivals.items():
            self._advance(lead_id, entries)

    def _advance(self, lead_id: str, arrivals: Sequence[Entry]) -> None:
        snapshot = self._snapshots.get(lead_id) or new_snapshot(self._rules)
        history = self._histories.setdefault(lead_id, [])
        known = history if needs_history(snapshot, self._rules, arrivals) else []
        self._snapshots[lead_id], _ = advance(snapshot, self._rules, known, arrivals, NOW)
        history += arrivals
        history.sort(key=lambda entry: entry.position)


def _normal(event: EventData) -> AcceptedEvent:
    field, value = event.reference
    references = dict.fromkeys(("lead_id", "email", "anonymous_id", "external_id"), "")
    stamp = to_timestamp(event.at)
    properties = json.dumps(dict(event.properties), sort_keys=True) if event.properties else ""
    incoming = IncomingEvent(
        event_id=event.event_id,
        type=event.type,
        **{**references, field: value},
        occur_time=(stamp.seconds, stamp.nanos),
        source="",
        properties=properties.encode(),
        properties_problem=None,
    )
    return accept(incoming, stamp.seconds * 1_000_000)


def _instant(event: AcceptedEvent) -> datetime:
    return EPOCH + timedelta(microseconds=event.occur_us)


def _in_force(number: int, rules: RulesData) -> RulesInForce:
    return RulesInForce(
        number,
        RuleSet(
            version=number,
            rules=tuple(
                Rule(rule.rule_id, rule.event_type, _milli(rule.points), rule.enabled)
                for rule in rules.rules
            ),
            stages=tuple(Stage(name, _milli(least)) for name, least in rules.stages),
            bounds=Bounds(
                None if rules.min_score is None else _milli(rules.min_score),
                None if rules.max_score is None else _milli(rules.max_score),
            ),
        ),
    )


def _milli(points: float) -> int:
    return round(points * MILLI)
