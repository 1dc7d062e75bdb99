"""Scenarios on the services, over gRPC and past the edge: ingest takes the events, rules the rules, scoring answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from scoreline.rules.v1 import rule_set_pb2, rules_service_pb2, rules_service_pb2_grpc
from scoreline.scoring.v1 import lead_pb2, scoring_service_pb2, scoring_service_pb2_grpc
from services.shared import structs
from services.shared.times import to_timestamp
from stack import Stack
from tests.scenarios.scenario import EventData, LeadState, RulesData, TimelineStep
from tests.support.eventually import TIMEOUT_S, eventually
from tests.support.grpc_calls import Keyed
from tests.support.projects import TestProject

WITNESS = "witness"
"""A lead of the test's own. Events are scored in the order they were accepted, so when its newest one has been scored
every earlier one has."""


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
        self._barriers = 0
        self._scoring.CreateLead(
            scoring_service_pb2.CreateLeadRequest(lead=lead_pb2.Lead(lead_id=WITNESS))
        )
        self._await_rules(1)

    def activate(self, rules: RulesData) -> None:
        """Make the draft what `rules` says, put it in force, and wait until scoring has it."""
        found = self._rules.ListRules(rules_service_pb2.ListRulesRequest())
        for rule in found.rules:
            self._rules.DeleteRule(rules_service_pb2.DeleteRuleRequest(rule_id=rule.rule_id))
        for rule in rules.rules:
            self._rules.CreateRule(
                rules_service_pb2.CreateRuleRequest(
                    rule=rule_set_pb2.Rule(
                        rule_id=rule.rule_id,
                        event_type=rule.event_type,
                        points=rule.points,
                        enabled=rule.enabled,
                    )
                )
            )
        draft = rule_set_pb2.RuleSet(
            stages=[rule_set_pb2.Stage(name=name, min_score=least) for name, least in rules.stages],
            bounds=rule_set_pb2.Bounds(min_score=rules.min_score, max_score=rules.max_score),
        )
        self._rules.UpdateRuleSet(
            rules_service_pb2.UpdateRuleSetRequest(
                rule_set=draft, update_mask=FieldMask(paths=["stages", "bounds"])
            )
        )
        made = self._rules.ActivateRuleSet(rules_service_pb2.ActivateRuleSetRequest())
        self._await_rules(made.activation.version)

    def send(self, events: Sequence[EventData]) -> None:
        """Send the events in one batch, and wait until they have been scored."""
        answer = self._ingest.BatchIngestEvents(
            ingest_service_pb2.BatchIngestEventsRequest(events=[_event(event) for event in events])
        )
        assert answer.accepted_count == len(events), answer
        self._await_scored()

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


def _event(event: EventData) -> event_pb2.Event:
    field, value = event.reference
    message = event_pb2.Event(
        event_id=event.event_id,
        type=event.type,
        occur_time=to_timestamp(event.at),
        properties=structs.from_dict(event.properties) if event.properties else None,
    )
    setattr(message, field, value)
    return message
