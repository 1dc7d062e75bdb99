"""Scenarios through Envoy, as JSON over HTTP: what a program without any of our code sends and reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from tests.scenarios.scenario import EventData, LeadState, RulesData, TimelineStep
from tests.scenarios.service_level import WITNESS
from tests.support.eventually import TIMEOUT_S, eventually


class EdgeLevel:
    """A project of a running suite, at the other end of an HTTP connection."""

    settle_s = TIMEOUT_S

    def __init__(self, http: httpx.Client) -> None:
        """`http` knows the suite's URL and the project's key."""
        self._http = http
        self._barriers = 0
        self._call("POST", "/v1/leads", {"lead_id": WITNESS})
        self._await_rules(1)

    def activate(self, rules: RulesData) -> None:
        """Make the draft what `rules` says, put it in force, and wait until scoring has it."""
        for rule in self._call("GET", "/v1/rules")["rules"]:
            self._call("DELETE", f"/v1/rules/{rule['rule_id']}")
        for rule in rules.rules:
            self._call(
                "POST",
                "/v1/rules",
                {
                    "rule_id": rule.rule_id,
                    "event_type": rule.event_type,
                    "points": rule.points,
                    "enabled": rule.enabled,
                },
            )
        bounds = {"min_score": rules.min_score, "max_score": rules.max_score}
        self._call(
            "PATCH",
            "/v1/ruleSets:draft?update_mask=stages,bounds",
            {
                "stages": [{"name": name, "min_score": least} for name, least in rules.stages],
                "bounds": {name: value for name, value in bounds.items() if value is not None},
            },
        )
        made = self._call("POST", "/v1/ruleSets/0:activate", {})
        self._await_rules(made["activation"]["version"])

    def send(self, events: Sequence[EventData]) -> None:
        """Send the events one request each, and wait until they have been scored."""
        for event in events:
            self._call("POST", "/v1/events", _event(event))
        self._barriers += 1
        barrier = {"event_id": f"barrier-{self._barriers}", "type": "barrier", "lead_id": WITNESS}
        self._call("POST", "/v1/events", barrier)
        eventually(lambda: self._witness()["event_count"] == self._barriers)

    def lead(self, reference: str) -> LeadState | None:
        """What a lead is now."""
        path = f"/v1/leads/{quote(reference, safe='')}"
        answer = self._http.get(path)
        if answer.status_code == 404:
            return None
        lead = _content(answer)["lead"]
        return LeadState(
            score=lead["score"],
            stage=lead["stage"],
            version=lead["version"],
            event_count=lead["event_count"],
            timeline=tuple(
                TimelineStep(
                    entry["event_id"],
                    round(sum(effect["points"] for effect in entry["effects"]), 3),
                    entry["score"],
                    entry["stage"],
                )
                for entry in self._call("GET", f"{path}/timeline")["entries"]
            ),
        )

    def _witness(self) -> Any:
        return self._call("GET", f"/v1/leads/{WITNESS}")["lead"]

    def _await_rules(self, version: int) -> None:
        eventually(lambda: self._witness()["rule_set_version"] == version)

    def _call(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        return _content(self._http.request(method, path, json=content))


def _content(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def _event(event: EventData) -> dict[str, Any]:
    field, value = event.reference
    return {
        "event_id": event.event_id,
        "type": event.type,
        field: value,
        "occur_time": event.at.isoformat().replace("+00:00", "Z"),
        **({"properties": dict(event.properties)} if event.properties else {}),
    }
