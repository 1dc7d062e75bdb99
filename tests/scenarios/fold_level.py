"""Scenarios on the pure fold: no process, no network. Events are brought to their normal form by ingest's domain, rule
sets read by rules and both scored by scoring's domain; what is played here is only what the services do with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal

from services.ingest.domain.events import AcceptedEvent, IncomingEvent, accept
from services.rules import convert, yaml_reading
from services.rules.domain.activation import Effective, effective_time
from services.rules.domain.checks import Problems
from services.scoring import rule_conversion
from services.scoring.domain.binding import bound
from services.scoring.domain.course import advance, needs_history
from services.scoring.domain.explanation import Account
from services.scoring.domain.fold import in_order, trace
from services.scoring.domain.identity import (
    are_different,
    email_of,
    lead_id_of,
    linking,
    subject_of,
)
from services.scoring.domain.intelligence import Observation
from services.scoring.domain.lead import Cause, RulesInForce, Snapshot, new_snapshot
from services.scoring.domain.model import (
    ADJUSTMENT,
    MILLI,
    RETRACTION,
    Activated,
    Entry,
    microseconds,
)
from services.scoring.facts import adjustment_event_id
from services.shared.times import to_timestamp
from tests.scenarios.fold_looks import looked
from tests.scenarios.reading import preset
from tests.scenarios.scenario import (
    Adjust,
    EventData,
    LeadState,
    Merge,
    Retract,
    RulesData,
    TimelineStep,
    Unmerge,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECORDING = datetime(2027, 1, 1, tzinfo=UTC)
"""When the first of a scenario is recorded: behind everything that happens in one, as it is for the services."""

NOW = 0
"""Snapshots are as of the newest event, whenever the tests run; what fades later is looked at as of its own time."""

Arrival = Literal["as written", "reversed", "one by one"]

ARRIVALS: tuple[Arrival, ...] = ("as written", "reversed", "one by one")


class FoldLevel:
    """Leads in memory."""

    settle_s = 0.0

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self._seconds = count()
        self._sequence = count(1)
        self._payloads: dict[str, bytes] = {}
        self._histories: dict[str, list[Entry]] = {}
        """By the lead that the entries arrived for."""
        self._snapshots: dict[str, Snapshot] = {}
        self._merged: dict[str, str] = {}
        self._attached: dict[str, str] = {}
        """References of leads that they don't stand for by themselves."""
        self._known: set[str] = set()
        """References that somebody has sent."""
        self._marks: dict[str, datetime] = {}
        self._activations: list[Activated] = []
        self._activate(preset())

    def activate(self, rules: RulesData) -> None:
        """Put rules in force and score everyone anew."""
        self._activate(rules)
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

    def adjust(self, fact: Adjust) -> None:
        """Give points by hand."""
        properties = {"points": round(fact.points * MILLI), "group": fact.group}
        entry_id = adjustment_event_id(fact.adjustment_id)
        self._advance(self._lead(fact.who), [Entry(entry_id, ADJUSTMENT, fact.at, properties)])

    def retract(self, fact: Retract) -> None:
        """Make events count for nothing, lead by lead."""
        for lead_id in list(self._snapshots):
            there = {one.event_id for one in self._histories.get(lead_id, [])}
            found = [event_id for event_id in fact.event_ids if event_id in there]
            if found:
                number = next(self._seconds)
                entry = Entry(f"scoreline:{number}", RETRACTION, RECORDING, {"event_ids": found})
                self._advance(self._owner(lead_id), [entry], arrived_for=lead_id)

    def merge(self, fact: Merge) -> None:
        """Two leads are one from the beginning."""
        into, merged = self._lead(fact.into), self._lead(fact.who)
        self._merged[merged] = into
        self._become(into, Cause.MERGE)
        self._become(merged, Cause.MERGE, into)

    def unmerge(self, fact: Unmerge) -> None:
        """As if they had never been one."""
        merged = lead_id_of(subject_of(fact.who))
        into = self._merged.pop(merged)
        self._become(into, Cause.UNMERGE)
        self._become(merged, Cause.UNMERGE)

    def mark(self, name: str) -> None:
        """Remember what is known."""
        self._marks[name] = self._next_record_time()

    def lead(self, reference: str) -> LeadState | None:
        """What a lead is now."""
        lead_id = self._lead(reference)
        if lead_id not in self._snapshots:
            return None
        snapshot = self._snapshots[lead_id]
        rule_set = self._rules().rule_set
        timeline = tuple(
            TimelineStep(
                step.entry.event_id,
                sum(effect.points for effect in step.outcome.effects) / MILLI,
                step.state.score / MILLI,
                rule_set.stage_of(step.state.score),
            )
            for step in trace(in_order(self._history(lead_id), rule_set), rule_set)
            if step.entry.type != RETRACTION
        )
        return LeadState(
            score=snapshot.score / MILLI,
            stage=snapshot.stage,
            version=snapshot.version,
            event_count=snapshot.state.event_count,
            timeline=timeline,
        )

    def look(self, reference: str, at: datetime, known: str) -> Mapping[str, Any]:
        """What a lead came to then, as far as was known at the mark."""
        known_at = self._marks[known] if known else self._next_record_time()
        return self._look(self._activations, reference, at, known_at)

    def simulate(self, draft: RulesData, reference: str, at: datetime) -> Mapping[str, Any]:
        """What a lead would come to then, were the draft put in force now."""
        known_at = self._next_record_time()
        activations = [*self._activations, self._activation(draft, known_at)]
        return self._look(activations, reference, at, known_at)

    def _look(
        self, activations: Sequence[Activated], reference: str, at: datetime, known_at: datetime
    ) -> Mapping[str, Any]:
        known = [one for one in activations if one.recorded_at <= microseconds(known_at)]
        rules = bound(known[::-1])
        entries = in_order(
            (
                one
                for one in self._history(self._lead(reference))
                if one.recorded_at is not None
                and one.recorded_at <= known_at
                and (one.occurred_at <= at or one.type == RETRACTION)
            ),
            rules,
        )
        observation, account = Observation(rules), Account(rules, 1_000)
        for entry in entries:
            observation.apply(entry)
            account.apply(entry)
        return looked(rules, observation, account, microseconds(at))

    def _activate(self, rules: RulesData) -> None:
        self._activations.append(self._activation(rules, self._next_record_time()))

    def _activation(self, rules: RulesData, now: datetime) -> Activated:
        """The next one."""
        problems = Problems()
        _, content = yaml_reading.content(rules.text, problems)
        assert not problems.found, problems.found
        number = len(self._activations) + 1
        since = effective_time(Effective(rules.effective), content.binding, now)
        read = rule_conversion.rule_set(convert.content_message(content))
        version = replace(read, version=number)
        return Activated(number, version, microseconds(since), microseconds(now))

    def _rules(self) -> RulesInForce:
        return RulesInForce(len(self._activations), bound(self._activations[::-1]))

    def _lead(self, reference: str) -> str:
        return self._owner(self._home(subject_of(reference)))

    def _home(self, subject: str) -> str:
        return self._attached.get(subject) or lead_id_of(subject)

    def _owner(self, lead_id: str) -> str:
        while lead_id in self._merged:
            lead_id = self._merged[lead_id]
        return lead_id

    def _history(self, lead_id: str) -> list[Entry]:
        """Of the lead and of those merged into it; what was recorded first is first."""
        found = [
            entry
            for arrived_for, entries in self._histories.items()
            if self._owner(arrived_for) == lead_id
            for entry in entries
        ]
        return sorted(found, key=lambda entry: entry.sequence or 0)

    def _score(self, batch: Sequence[AcceptedEvent]) -> None:
        arrivals: dict[str, list[Entry]] = {}
        for event in batch:
            if event.event_id in self._payloads:
                continue  # a duplicate or a conflict: neither counts
            self._payloads[event.event_id] = event.payload_hash
            properties = json.loads(event.properties or b"{}")
            at = _instant(event)
            if event.linked:
                self._advance_all(arrivals)
                arrivals = {}
                self._link([event.subject, *event.linked_subjects])
                for address in filter(None, map(email_of, (event.subject, *event.linked_subjects))):
                    properties.setdefault("email", address)
            self._known.add(event.subject)
            entry = Entry(event.event_id, event.type, at, properties, subject=event.subject)
            arrivals.setdefault(self._home(event.subject), []).append(entry)
        self._advance_all(arrivals)

    def _link(self, references: Sequence[str]) -> None:
        """Make references one lead's, unless they say that they are different people's."""
        leads = {one: self._owner(self._home(one)) for one in references if one in self._known}
        plan = linking(references, leads)
        of_leads = [
            [one for one in self._known if self._owner(self._home(one)) == lead_id]
            for lead_id in (plan.lead_id, *plan.merged)
        ]
        if are_different([*of_leads, *([one] for one in plan.added)]):
            return
        self._attached |= dict.fromkeys(plan.added, plan.lead_id)
        self._known |= set(plan.added)
        self._snapshots.setdefault(plan.lead_id, new_snapshot(self._rules()))
        for merged in plan.merged:
            self._merged[merged] = plan.lead_id
            self._become(merged, Cause.MERGE, plan.lead_id)
        self._become(plan.lead_id, Cause.MERGE)

    def _advance_all(self, arrivals: Mapping[str, Sequence[Entry]]) -> None:
        for lead_id, entries in arrivals.items():
            self._advance(self._owner(lead_id), entries, arrived_for=lead_id)

    def _advance(self, lead_id: str, arrivals: Sequence[Entry], arrived_for: str = "") -> None:
        rules = self._rules()
        snapshot = self._snapshots.get(lead_id) or new_snapshot(rules)
        history = self._history(lead_id)
        known = history if needs_history(snapshot, rules, arrivals) else []
        self._snapshots[lead_id], _ = advance(snapshot, rules, known, arrivals, NOW)
        own = self._histories.setdefault(arrived_for or lead_id, [])
        for entry in arrivals:
            at = self._next_record_time()
            own.append(replace(entry, sequence=next(self._sequence), recorded_at=at))

    def _become(self, lead_id: str, cause: Cause, merged_into: str = "") -> None:
        snapshot = replace(self._snapshots[lead_id], merged_into=merged_into)
        history = self._history(lead_id)
        moved = advance(snapshot, self._rules(), history, [], NOW, cause)
        self._snapshots[lead_id] = moved[0]

    def _next_record_time(self) -> datetime:
        return RECORDING + timedelta(seconds=next(self._seconds))


def arrivals_of(order_matters: bool) -> Iterator[Arrival]:
    """The ways in which events may arrive."""
    for arrival in ARRIVALS:
        if arrival != "reversed" or not order_matters:
            yield arrival


def _normal(event: EventData) -> AcceptedEvent:
    references = dict.fromkeys(("lead_id", "email", "anonymous_id", "external_id"), "")
    stamp = to_timestamp(event.at)
    properties = json.dumps(dict(event.properties), sort_keys=True) if event.properties else ""
    incoming = IncomingEvent(
        event_id=event.event_id,
        type=event.type,
        **{**references, **event.references},
        occur_time=(stamp.seconds, stamp.nanos),
        source="",
        properties=properties.encode(),
        properties_problem=None,
    )
    return accept(incoming, stamp.seconds * 1_000_000)


def _instant(event: AcceptedEvent) -> datetime:
    return EPOCH + timedelta(microseconds=event.occur_us)
