"""Examples of what endpoints are told, for SendTestDelivery: of each type a body with all that a real one has."""

from datetime import datetime, timedelta

from scoreline.rules.v1.rule_set_pb2 import Activation, RuleSet
from scoreline.scoring.v1 import score_change_pb2
from services.notify.activations import activated
from services.notify.domain.endpoints import (
    AUTOMATION_EXECUTED,
    ENDPOINT_DISABLED,
    FAILING,
    MERGED,
    RULES_ACTIVATED,
    Definition,
    Endpoint,
    Told,
)
from services.notify.endpoint_judging import FAILING_MAX, Verdict, disabled_event
from services.notify.endpoint_plan import change_payload
from services.notify.telling import told_payload
from services.shared.times import to_timestamp

EXAMPLE_LEAD = "lead_example"
EXAMPLE_PROJECT = "example"


def example(event_type: str, now: datetime) -> str:
    """The body of an example."""
    makers = {
        RULES_ACTIVATED: _activated,
        AUTOMATION_EXECUTED: _executed,
        ENDPOINT_DISABLED: _disabled,
    }
    if event_type in makers:
        return told_payload(makers[event_type](now))
    return _changed(event_type, now)


def _activated(now: datetime) -> Told:
    return activated(
        Activation(
            number=3,
            project_id=EXAMPLE_PROJECT,
            version=2,
            activate_time=to_timestamp(now),
            actor="key_example",
            rule_set=RuleSet(description="Demo requests weigh more"),
            effective_time=to_timestamp(now - timedelta(days=30)),
        )
    )


def _executed(now: datetime) -> Told:
    data = {
        "automation_id": "aut_example",
        "automation_name": "Hot leads to sales",
        "execution_id": "exe_example",
        "lead_id": EXAMPLE_LEAD,
        "trigger": "stage_entered",
        "bucket": now.date().isoformat(),
        "state": "failed",
        "actions": [
            {"kind": "assign_owner", "state": "succeeded", "error": ""},
            {"kind": "slack", "state": "failed", "error": "timeout"},
        ],
        "execute_time": to_timestamp(now).ToJsonString(),
    }
    return Told(EXAMPLE_PROJECT, AUTOMATION_EXECUTED, EXAMPLE_LEAD, "example", now, data)


def _disabled(now: datetime) -> Told:
    since = now - FAILING_MAX
    endpoint = Endpoint(
        "whe_example",
        EXAMPLE_PROJECT,
        "https://crm.example.com/hooks",
        "The CRM",
        Definition(()),
        True,
        FAILING,
        since,
        2,
        since,
        now,
    )
    return disabled_event(endpoint, Verdict(since, FAILING), endpoint.revision, now)


def _changed(event_type: str, now: datetime) -> str:
    change = score_change_pb2.ScoreChange(
        lead_id=EXAMPLE_LEAD,
        version=7,
        cause=score_change_pb2.SCORE_CHANGE_CAUSE_EVENT,
        event_id="example",
        event_type="demo_request",
        previous_score=45,
        score=85,
        delta=40,
        previous_stage="engaged",
        stage="qualified",
        rule_set_version=1,
        occur_time=to_timestamp(now),
        change_time=to_timestamp(now),
    )
    if event_type == MERGED:
        change.cause = score_change_pb2.SCORE_CHANGE_CAUSE_MERGE
        change.merged_into = "lead_other_example"
        change.event_id = change.event_type = ""
        change.score, change.delta = 0, -45
    return change_payload(event_type, change)
