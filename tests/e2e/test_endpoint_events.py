"""Webhooks of what other services do, through the whole suite: rules puts rules in force, notify tells of it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.support.eventually import eventually


def test_activations_of_rules_are_told(http: httpx.Client) -> None:
    # Disabled: what happens is planned for it, and waits.
    wanted = {
        "url": "https://hooks.example.com/",
        "event_types": ["rules.activated"],
        "disabled": True,
    }
    made = http.post("/v1/webhookEndpoints", json={"webhook_endpoint": wanted}).raise_for_status()
    endpoint_id = made.json()["webhook_endpoint"]["endpoint_id"]
    activations = []
    for points in (77, 78):
        http.patch("/v1/rules/signup", json={"points": points}).raise_for_status()
        done = http.post("/v1/ruleSets/0:activate", json={}).raise_for_status()
        activations.append(done.json()["activation"])

    def told() -> list[dict[str, Any]]:
        found = http.get(f"/v1/webhookEndpoints/{endpoint_id}/deliveries").raise_for_status()
        return [json.loads(one["payload"]) for one in found.json()["deliveries"]]

    def newest() -> list[dict[str, Any]]:
        return told()[: len(activations)][::-1]

    numbers = [activation["number"] for activation in activations]
    eventually(lambda: [body["data"]["number"] for body in newest()] == numbers)
    for body, activation in zip(newest(), activations, strict=True):
        assert (body["type"], body["timestamp"]) == ("rules.activated", activation["activate_time"])
        for name in ("number", "version", "activate_time", "effective_time", "actor"):
            assert body["data"][name] == activation[name]
