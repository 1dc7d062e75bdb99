"""Corrections through the edge: adjustments, retractions, merges and unmerges, and `identify` events that link leads,
all as JSON; watchers see each of them."""

from __future__ import annotations

from typing import Any

import grpc
import httpx

from scoreline.scoring.v1 import score_change_pb2 as changes
from tests.e2e.test_journeys import watched
from tests.support.eventually import eventually
from tests.support.projects import TestProject


def post(http: httpx.Client, path: str, **content: Any) -> Any:
    answer = http.post(path, json=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def score(http: httpx.Client, reference: str) -> float | None:
    answer = http.get(f"/v1/leads/{reference}")
    return answer.json()["lead"]["score"] if answer.status_code == 200 else None


def sent(http: httpx.Client, event_id: str, event_type: str, **reference: str) -> None:
    post(http, "/v1/events", event_id=event_id, type=event_type, **reference)


def test_points_are_given_and_events_retracted(
    channel: grpc.Channel, project: TestProject, http: httpx.Client
) -> None:
    with watched(channel, project) as seen:
        sent(http, "e1", "demo_request", lead_id="ada")
        demo = next(seen).score
        adjusted = post(
            http,
            "/v1/leads/ada:adjust",
            points=12.5,
            reason="met at a fair",
            adjustment_id="fair-1",
        )
        assert adjusted["score_change"]["score"] == demo + 12.5
        assert adjusted["event_id"] == "scoreline:adjustment:fair-1"
        change = next(seen)
        assert (change.cause, change.delta) == (changes.SCORE_CHANGE_CAUSE_ADJUSTMENT, 12.5)
        again = {"points": 1, "reason": "met at a fair", "adjustment_id": "fair-1"}
        refused = http.post("/v1/leads/ada:adjust", json=again)
        assert (refused.status_code, refused.json()["code"]) == (409, 6)
        refused = http.post("/v1/leads/ada:adjust", json={"points": 1, "reason": "r", "group": "x"})
        assert refused.status_code == 400

        would = post(
            http,
            "/v1/events:retract",
            event_ids={"event_ids": ["e1", "e2"]},
            reason="a test",
            validate_only=True,
        )
        assert (would["retracted_count"], would["unknown_event_ids"]) == (1, ["e2"])
        post(http, "/v1/events:retract", filter={"types": ["demo_request"]}, reason="a test")
        change = next(seen)
        assert (change.cause, change.score) == (changes.SCORE_CHANGE_CAUSE_RETRACTION, 12.5)
    assert score(http, "ada") == 12.5


def test_leads_are_merged_and_unmerged(
    channel: grpc.Channel, project: TestProject, http: httpx.Client
) -> None:
    sent(http, "e1", "demo_request", lead_id="ada")
    sent(http, "e2", "signup", anonymous_id="v-1")
    visitor = eventually(lambda: http.get("/v1/leads/anonymous:v-1").json().get("lead"))
    eventually(lambda: score(http, "ada"))
    apart = score(http, "ada")
    with watched(channel, project) as seen:
        merged = post(http, "/v1/leads/ada:merge", merged_lead_id="anonymous:v-1", reason="r")
        lead = merged["lead"]
        assert (lead["lead_id"], lead["merged_lead_ids"]) == ("ada", [visitor["lead_id"]])
        assert lead["score"] == apart + visitor["score"]
        both = {change.lead_id: change for change in (next(seen), next(seen))}
        assert both[visitor["lead_id"]].merged_into == "ada"
        assert {one.cause for one in both.values()} == {changes.SCORE_CHANGE_CAUSE_MERGE}
        refused = http.post("/v1/leads/ada:merge", json={"merged_lead_id": visitor["lead_id"]})
        assert (refused.status_code, refused.json()["code"]) == (400, 9)
        assert refused.json()["details"][0]["reason"] == "LEADS_MERGED"
        # Its id and its references lead to the other; what comes for them counts there.
        assert score(http, visitor["lead_id"]) == lead["score"]
        sent(http, "e3", "page_view", anonymous_id="v-1")
        assert next(seen).lead_id == "ada"
        unmerged = post(http, f"/v1/leads/{visitor['lead_id']}:unmerge", reason="not the same")
    assert unmerged["lead"]["score"] == apart
    assert unmerged["unmerged_lead"]["event_count"] == 2
    refused = http.post(f"/v1/leads/{visitor['lead_id']}:unmerge", json={})
    assert refused.json()["details"][0]["reason"] == "LEAD_NOT_MERGED"


def test_an_identify_event_makes_leads_one(http: httpx.Client) -> None:
    sent(http, "e1", "signup", anonymous_id="v-1")
    sent(http, "e2", "demo_request", email="ada@example.com")
    sent(http, "i1", "identify", email="ada@example.com", anonymous_id="v-1", external_id="crm-9")

    def one_lead() -> Any:
        found = [
            http.get(f"/v1/leads/{one}").json().get("lead", {})
            for one in ("anonymous:v-1", "email:ada@example.com", "external:crm-9")
        ]
        return found[0] if all(one == found[0] for one in found) and found[0] else None

    lead = eventually(one_lead)
    assert (lead["email"], lead["event_count"]) == ("ada@example.com", 3)
    (listed,) = http.get("/v1/leads").json()["leads"]
    # Lists leave out what events have said.
    assert listed | {"event_attributes": None} == lead | {"event_attributes": None}
    refused = http.post(
        "/v1/events",
        json={"event_id": "x", "type": "page_view", "email": "a@example.com", "lead_id": "b"},
    )
    assert refused.status_code == 400
    reserved = {"event_id": "scoreline:link:i1", "type": "page_view", "lead_id": "b"}
    assert http.post("/v1/events", json=reserved).status_code == 400
