"""Scenarios on the services, over gRPC and past the edge: ingest takes the events, rules the rules, scoring answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from scoreline.rules.v1 import rule_set_pb2, rules_service_pb2, rules_service_pb2_grpc
from scoreline.scoring.v1 import (
    facts_pb2,
    lead_pb2,
    scoring_service_pb2,
    scoring_service_pb2_grpc,
    simulation_service_pb2,
    simulation_service_pb2_grpc,
)
from services.rules import yaml_reading
from services.rules.domain.checks import Problems
from services.scoring.domain.identity import lead_id_of, subject_of
from services.shared import structs
from services.shared.times import to_timestamp
from stack import Stack
from tests.scenarios.answers import looked, simulated
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
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.grpc_calls import Keyed
from tests.support.projects import TestProject

WITNESS = "witness"
"""A lead of the test's own. Events are scored in the order they were accepted, so when its newest one has been scored
every earlier one has."""

WHY = "A scenario says so"


class ServiceLevel:
    """A project of a running suite, through the clients of its contracts."""

    settle_s = TIMEOUT_S

    def __init__(self, stack: Stack, project: TestProject, channels: ExitStack) -> None:
        def stub(service: str, factory: type) -> Keyed:
            channel = channels.enter_context(grpc.insecure_channel(stack.service_target(service)))
            return Keyed(factory(channel), project.api_key)

        self._ingest = stub("ingest", ingest_service_pb2_grpc.IngestServiceStub)
        self._rules = stub("rules", rules_service_pb2_grpc.RulesServiceStub)
        self._scoring = stub("scoring", scoring_service_pb2_grpc.ScoringServiceStub)
        self._simulation = stub("scoring", simulation_service_pb2_grpc.SimulationServiceStub)
        self._barriers = 0
        self._marks: dict[str, Timestamp] = {}
        self._scoring.CreateLead(
            scoring_service_pb2.CreateLeadRequest(lead=lead_pb2.Lead(lead_id=WITNESS))
        )
        self._await_rules(1)

    def activate(self, rules: RulesData) -> None:
        """Make the draft what `rules` says, put it in force, and wait until scoring has it."""
        if rules.preset:
            applied = rules_service_pb2.ApplyPresetRequest(preset=rules.preset)
            draft = self._rules.ApplyPreset(applied).rule_set
        else:
            text = rules_service_pb2.ImportRuleSetRequest(yaml=rules.text, replace_draft=True)
            draft = self._rules.ImportRuleSet(text).rule_set
        made = self._rules.ActivateRuleSet(
            rules_service_pb2.ActivateRuleSetRequest(
                version=draft.version,
                effective_time=to_timestamp(rules.effective) if rules.effective else None,
            )
        )
        self._await_rules(made.activation.version)

    def send(self, events: Sequence[EventData]) -> None:
        """Send the events in one batch, and wait until they have been scored."""
        answer = self._ingest.BatchIngestEvents(
            ingest_service_pb2.BatchIngestEventsRequest(events=[_event(event) for event in events])
        )
        assert answer.accepted_count == len(events), answer
        self._await_scored()

    def adjust(self, fact: Adjust) -> None:
        """Give points by hand."""
        self._scoring.AdjustScore(
            facts_pb2.AdjustScoreRequest(
                lead_id=fact.who,
                points=fact.points,
                reason=WHY,
                group=fact.group,
                occur_time=to_timestamp(fact.at),
                adjustment_id=fact.adjustment_id,
            )
        )

    def retract(self, fact: Retract) -> None:
        """Make events count for nothing."""
        ids = facts_pb2.EventIds(event_ids=fact.event_ids)
        request = facts_pb2.RetractEventsRequest(event_ids=ids, reason=WHY)
        assert self._scoring.RetractEvents(request).retracted_count == len(fact.event_ids)

    def merge(self, fact: Merge) -> None:
        """Make two leads one."""
        self._scoring.MergeLeads(
            facts_pb2.MergeLeadsRequest(lead_id=fact.into, merged_lead_id=fact.who, reason=WHY)
        )

    def unmerge(self, fact: Unmerge) -> None:
        """Undo that."""
        request = facts_pb2.UnmergeLeadsRequest(merged_lead_id=own_id(fact.who), reason=WHY)
        self._scoring.UnmergeLeads(request)

    def mark(self, name: str) -> None:
        """Remember what is known."""
        request = scoring_service_pb2.GetScoreRequest(lead_id=WITNESS)
        self._marks[name] = self._scoring.GetScore(request).known_at

    def lead(self, reference: str) -> LeadState | None:
        """What a lead is now."""
        try:
            lead = self._lead(reference)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:  # type: ignore[attr-defined]
                raise
            return None
        timeline = self._scoring.ListTimeline(
            scoring_service_pb2.ListTimelineRequest(lead_id=reference)
        )
        return LeadState(
            score=lead.score,
            stage=lead.stage,
            version=lead.version,
            event_count=lead.event_count,
            timeline=tuple(
                TimelineStep(
                    entry.event_id,
                    # Each is the double nearest to a multiple of 0.001; so is their sum, once rounded.
                    round(sum(effect.points for effect in entry.effects), 3),
                    entry.score,
                    entry.stage,
                )
                for entry in timeline.entries
            ),
        )

    def look(self, reference: str, at: datetime, known: str) -> Mapping[str, Any]:
        """What a lead came to then, as far as was known at the mark."""
        asked = {
            "lead_id": reference,
            "as_of": to_timestamp(at),
            "known_at": self._marks[known] if known else None,
        }
        found = self._scoring.GetIntelligence(scoring_service_pb2.GetIntelligenceRequest(**asked))
        why = self._scoring.ExplainScore(scoring_service_pb2.ExplainScoreRequest(**asked))
        return looked(_plain(found.intelligence), _plain(why))

    def simulate(self, draft: RulesData, reference: str, at: datetime) -> Mapping[str, Any]:
        """What a lead would come to then, were the draft in force."""
        request = simulation_service_pb2.SimulateRuleSetRequest(
            rule_set=rule_set_message(draft), lead_ids=[reference], as_of=to_timestamp(at)
        )
        answers = [_plain(answer) for answer in self._simulation.SimulateRuleSet(request)]
        return simulated(answers)

    def _lead(self, reference: str) -> lead_pb2.Lead:
        request = scoring_service_pb2.GetLeadRequest(lead_id=reference)
        return self._scoring.GetLead(request).lead

    def _await_rules(self, version: int) -> None:
        eventually(lambda: self._lead(WITNESS).rule_set_version == version)

    def _await_scored(self) -> None:
        self._barriers += 1
        event = event_pb2.Event(
            event_id=f"barrier-{self._barriers}", type="barrier", lead_id=WITNESS
        )
        self._ingest.IngestEvent(ingest_service_pb2.IngestEventRequest(event=event))
        eventually(lambda: self._lead(WITNESS).event_count == self._barriers)


def own_id(reference: str) -> str:
    """The id that the lead of a reference had before anything was merged."""
    return lead_id_of(subject_of(reference))


def rule_set_message(rules: RulesData) -> rule_set_pb2.RuleSet:
    """A rule set as it is sent to be simulated."""
    problems = Problems()
    message = yaml_reading.read(rules.text, problems)
    assert not problems.found, problems.found
    return message


def _plain(message: Message) -> dict[str, Any]:
    """As the edge gives it."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _event(event: EventData) -> event_pb2.Event:
    return event_pb2.Event(
        event_id=event.event_id,
        type=event.type,
        occur_time=to_timestamp(event.at),
        properties=structs.from_dict(event.properties) if event.properties else None,
        **event.references,
    )
