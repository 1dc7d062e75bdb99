"""What test_tenancy.py checks of corrections, intelligence and simulations: two projects that use the same ids."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from scoreline.rules.v1 import rule_set_pb2
from scoreline.scoring.v1 import (
    facts_pb2,
    scoring_service_pb2,
    simulation_service_pb2,
    simulation_service_pb2_grpc,
)
from tests.support.eventually import eventually
from tests.support.grpc_calls import CALL_TIMEOUT_S, Refusal


def score(tenant: Any, lead_id: str) -> float:
    request = scoring_service_pb2.GetLeadRequest(lead_id=lead_id)
    return float(tenant("scoring", "GetLead", request).lead.score)


def both_have(tenants: Any, lead_id: str) -> tuple[Any, Any]:
    """One event of each project under the same event id: 100 points here, 20 there."""
    mine, theirs, *_ = tenants
    for tenant, event_type, points in ((mine, "purchase", 100), (theirs, "signup", 20)):
        tenant.send(f"{lead_id}-1", event_type, lead_id)
        listing = scoring_service_pb2.ListLeadsRequest(query=lead_id, min_score=points)
        eventually(
            lambda tenant=tenant, listing=listing: tenant("scoring", "ListLeads", listing).leads  # type: ignore[misc]
        )
    return mine, theirs


def get_intelligence(tenants: Any) -> None:
    mine, theirs, *_ = tenants
    request = scoring_service_pb2.GetIntelligenceRequest(lead_id="ada")
    found = [one("scoring", "GetIntelligence", request).intelligence for one in (mine, theirs)]
    assert [one.score for one in found] == [300, 80]


def adjust_score(tenants: Any) -> None:
    mine, theirs = both_have(tenants, "hank")
    request = facts_pb2.AdjustScoreRequest(
        lead_id="hank", points=5, reason="a test", adjustment_id="a-1"
    )
    assert mine("scoring", "AdjustScore", request).score_change.score == 105
    assert score(theirs, "hank") == 20
    # The same id there is another adjustment.
    assert theirs("scoring", "AdjustScore", request).score_change.score == 25


def retract_events(tenants: Any) -> None:
    mine, theirs = both_have(tenants, "ivy")
    request = facts_pb2.RetractEventsRequest(reason="a test")
    request.event_ids.event_ids.append("ivy-1")
    assert mine("scoring", "RetractEvents", request).retracted_count == 1
    assert [score(one, "ivy") for one in (mine, theirs)] == [0, 20]
    everything = facts_pb2.RetractEventsRequest(reason="a test", validate_only=True)
    everything.filter.types.append("signup")
    assert mine("scoring", "RetractEvents", everything).retracted_count == 0
    # An event that counts: analytics count leads that have one.
    mine.send("ivy-2", "purchase", "ivy")
    eventually(lambda: score(mine, "ivy") == 100)


def merge_leads(tenants: Any) -> None:
    mine, theirs = both_have(tenants, "jon")
    both_have(tenants, "kim")
    request = facts_pb2.MergeLeadsRequest(lead_id="jon", merged_lead_id="kim", reason="a test")
    assert mine("scoring", "MergeLeads", request).lead.score == 200
    assert [score(theirs, one) for one in ("jon", "kim")] == [20, 20]


def unmerge_leads(tenants: Any) -> None:
    mine, theirs = both_have(tenants, "lea")
    both_have(tenants, "mia")
    merging = facts_pb2.MergeLeadsRequest(lead_id="lea", merged_lead_id="mia", reason="a test")
    mine("scoring", "MergeLeads", merging)
    request = facts_pb2.UnmergeLeadsRequest(merged_lead_id="mia", reason="a test")
    with pytest.raises(grpc.RpcError) as refused:
        theirs("scoring", "UnmergeLeads", request)
    assert Refusal(refused.value).reason == "LEAD_NOT_MERGED"
    assert mine("scoring", "UnmergeLeads", request).unmerged_lead.score == 100


def simulations(tenants: Any) -> None:
    """All methods of the simulation service."""
    mine, theirs, *_ = tenants
    for tenant, points in ((mine, 300), (theirs, 80)):
        stub = simulation_service_pb2_grpc.SimulationServiceStub(tenant._channel)
        metadata = tenant.project.metadata
        one = simulation_service_pb2.SimulateRuleSetRequest(lead_ids=["ada"])
        answers = list(stub.SimulateRuleSet(one, metadata=metadata, timeout=CALL_TIMEOUT_S))
        leads = [answer.lead for answer in answers if answer.HasField("lead")]
        assert [(lead.lead_id, lead.after.score) for lead in leads] == [("ada", points)]
        comparing = simulation_service_pb2.CompareRuleSetsRequest(conversion_types=["purchase"])
        for name in ("a", "b"):
            comparing.variants.add(name=name)
        *_, last = stub.CompareRuleSets(comparing, metadata=metadata, timeout=CALL_TIMEOUT_S)
        counted = tenant("scoring", "GetStageCounts", scoring_service_pb2.GetStageCountsRequest())
        compared = sum(variant.lead_count for variant in last.summary.variants)
        assert compared == counted.total_count
        # Knows no leads at all.
        rule_set = rule_set_pb2.RuleSet(rules=[rule_set_pb2.Rule(rule_id="a", event_type="a")])
        testing = simulation_service_pb2.TestRuleSetRequest(rule_set=rule_set)
        assert not stub.TestRuleSet(testing, metadata=metadata, timeout=CALL_TIMEOUT_S).results
