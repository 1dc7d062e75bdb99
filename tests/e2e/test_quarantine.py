"""Quarantine and identities as an administrator sees them, over HTTP: an event that contradicts another, a delivery
whose mapping was wrong, and two people who were said to be one."""

from __future__ import annotations

import base64
from typing import Any

import httpx

from scoreline.events.v1.event_pb2 import AcceptedEvent
from tests.support.eventually import eventually


def post(http: httpx.Client, path: str, **content: Any) -> Any:
    answer = http.post(path, json=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(http: httpx.Client, path: str, **query: Any) -> Any:
    answer = http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def items(http: httpx.Client, **query: Any) -> Any:
    return get(http, "/v1/quarantine", **query)["items"]


def score(http: httpx.Client, reference: str) -> float | None:
    answer = http.get(f"/v1/leads/{reference}")
    return answer.json()["lead"]["score"] if answer.status_code == 200 else None


def test_the_same_id_with_another_payload(http: httpx.Client) -> None:
    for event_type in ("signup", "purchase"):
        post(http, "/v1/events", event_id="e1", type=event_type, lead_id="ada")
    (item,) = eventually(lambda: items(http, **{"filter.reason": "QUARANTINE_REASON_CONFLICT"}))
    assert (item["event_id"], item["seen_count"]) == ("e1", 1)
    assert item["payload"] == ""
    path = f"/v1/quarantine/{item['item_id']}"
    whole = get(http, path)["item"]
    kept = AcceptedEvent.FromString(base64.b64decode(whole["payload"]))
    assert kept.event.type == "purchase"
    assert score(http, "ada") == 20

    # Once more it contradicts itself once more.
    redriven = post(http, "/v1/quarantine:redrive", item_id=item["item_id"])
    assert (redriven["redriven_count"], redriven["failed_count"]) == (1, 0)
    back = eventually(lambda: items(http))
    assert [(one["item_id"], one["seen_count"]) for one in back] == [(item["item_id"], 2)]
    assert back[0]["first_seen_time"] == item["first_seen_time"]
    assert score(http, "ada") == 20

    counts = get(http, "/v1/quarantine:count")["counts"]
    assert [(one["reason"], one["item_count"], one["seen_count"]) for one in counts] == [
        ("QUARANTINE_REASON_CONFLICT", "1", "2")
    ]
    assert post(http, "/v1/quarantine:discard", filter={})["discarded_count"] == 1
    assert items(http) == []
    assert http.get(path).status_code == 404
    assert http.post("/v1/quarantine:redrive", json={}).status_code == 400


def test_a_delivery_whose_mapping_was_wrong(http: httpx.Client) -> None:
    rules = [{"type": '"signup"', "email": "body.mail", "event_id": "body.id"}]
    made = post(
        http,
        "/v1/webhookSources",
        webhook_source={
            "display_name": "forms",
            "verification": {"kind": "KIND_NONE"},
            "mapping": {"events": rules},
        },
    )
    source = made["webhook_source"]
    delivery = {"id": "d-1", "email": "ada@example.com"}
    answer = http.post(f"/v1/webhooks/{source['source_id']}", json=delivery)
    assert answer.status_code == 200, answer.text
    (item,) = items(http, **{"filter.source_id": source["source_id"]})
    assert item["reason"] == "QUARANTINE_REASON_MAPPING_FAILED"

    everything = {"filter": {"source_id": source["source_id"]}}
    failing = post(http, "/v1/quarantine:redrive", **everything)
    assert (failing["redriven_count"], failing["failed_count"]) == (0, 1)
    assert failing["first_failure"]
    rules[0]["email"] = "body.email"
    changed = http.patch(
        f"/v1/webhookSources/{source['source_id']}",
        params={"update_mask": "mapping"},
        json={"mapping": {"events": rules}},
    )
    assert changed.status_code == 200, changed.text
    assert post(http, "/v1/quarantine:redrive", **everything)["redriven_count"] == 1
    assert items(http) == []
    assert eventually(lambda: score(http, "email:ada@example.com")) == 20


def test_two_people_who_were_said_to_be_one(http: httpx.Client) -> None:
    def identify(event_id: str, **references: str) -> None:
        post(http, "/v1/events", event_id=event_id, type="identify", **references)

    post(http, "/v1/events", event_id="v1", type="page_view", anonymous_id="v-1")
    identify("i1", email=" Ada@Example.com ", anonymous_id="v-1", external_id="crm-1")
    identify("i2", external_id="crm-2", email="ada@example.com")
    (conflict,) = eventually(lambda: get(http, "/v1/identityConflicts")["conflicts"])
    assert (conflict["event_id"], conflict["resolved"]) == ("i2", False)
    assert [one["value"] for one in conflict["references"]] == ["crm-2", "ada@example.com"]
    assert conflict["lead_ids"][0] == ""

    # One lead, whichever of its references finds it.
    leads = [
        get(http, f"/v1/leads/{reference}/identities")
        for reference in ("email:ADA@example.com", "anonymous:v-1", "external:crm-1")
    ]
    assert leads[0] == leads[1] == leads[2]
    assert conflict["lead_ids"][1] == leads[0]["lead_id"]
    known = {one["identity"]["value"]: one["event_count"] for one in leads[0]["identities"]}
    assert {key: known[key] for key in ("ada@example.com", "v-1", "crm-1")} == {
        "ada@example.com": 0,
        "v-1": 1,
        "crm-1": 1,
    }
    of_lead = get(http, "/v1/identityConflicts", lead_id="anonymous:v-1")["conflicts"]
    assert of_lead == [conflict]

    post(http, f"/v1/leads/{leads[0]['lead_id']}:merge", merged_lead_id="external:crm-2")
    (resolved,) = get(http, "/v1/identityConflicts")["conflicts"]
    assert resolved["resolved"]
