"""Scenarios through Envoy, as JSON over HTTP: what a program without any of our code sends and reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
from google.protobuf.json_format import MessageToDict

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
from tests.scenarios.service_level import WHY, WITNESS, own_id, rule_set_message
from tests.support.event_source import messages
from tests.support.eventually import TIMEOUT_S, eventually


class EdgeLevel:
    """A project of a running suite, at the other end of an HTTP connection."""

    settle_s = TIMEOUT_S

    def __init__(self, http: httpx.Client) -> None:
        """`http` knows the suite's URL and the project's key."""
        self._http = http
        self._barriers = 0
        self._marks: dict[str, str] = {}
        self._call("POST", "/v1/leads", {"lead_id": WITNESS})
        self._await_rules(1)

    def activate(self, rules: RulesData) -> None:
        """Make the draft what `rules` says, put it in force, and wait until scoring has it."""
        if rules.preset:
            made = self._call("POST", f"/v1/presets/{rules.preset}:apply", {})
        else:
            draft = {"yaml": rules.text, "replace_draft": True}
            made = self._call("POST", "/v1/ruleSets:import", draft)
        version = made["rule_set"]["version"]
        since = {"effective_time": _stamp(rules.effective)} if rules.effective else {}
        self._call("POST", f"/v1/ruleSets/{version}:activate", since)
        self._await_rules(version)

    def send(self, events: Sequence[EventData]) -> None:
        """Send the events one request each, and wait until they have been scored."""
        for event in events:
            self._call("POST", "/v1/events", _event(event))
        self._barriers += 1
        barrier = {"event_id": f"barrier-{self._barriers}", "type": "barrier", "lead_id": WITNESS}
        self._call("POST", "/v1/events", barrier)
        eventually(lambda: self._witness()["event_count"] == self._barriers)

    def adjust(self, fact: Adjust) -> None:
        """Give points by hand."""
        content = {
            "points": fact.points,
            "reason": WHY,
            "group": fact.group,
            "occur_time": _stamp(fact.at),
            "adjustment_id": fact.adjustment_id,
        }
        self._call("POST", f"{_path(fact.who)}:adjust", content)

    def retract(self, fact: Retract) -> None:
        """Make events count for nothing."""
        content = {"event_ids": {"event_ids": list(fact.event_ids)}, "reason": WHY}
        answer = self._call("POST", "/v1/events:retract", content)
        assert answer["retracted_count"] == len(fact.event_ids)

    def merge(self, fact: Merge) -> None:
        """Make two leads one."""
        content = {"merged_lead_id": fact.who, "reason": WHY}
        self._call("POST", f"{_path(fact.into)}:merge", content)

    def unmerge(self, fact: Unmerge) -> None:
        """Undo that."""
        self._call("POST", f"{_path(own_id(fact.who))}:unmerge", {"reason": WHY})

    def mark(self, name: str) -> None:
        """Remember what is known."""
        self._marks[name] = self._call("GET", f"{_path(WITNESS)}/score")["known_at"]

    def lead(self, reference: str) -> LeadState | None:
        """What a lead is now."""
        path = _path(reference)
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

    def look(self, reference: str, at: datetime, known: str) -> Mapping[str, Any]:
        """What a lead came to then, as far as was known at the mark."""
        query = f"?as_of={_stamp(at)}" + (f"&known_at={self._marks[known]}" if known else "")
        found = self._call("GET", f"{_path(reference)}/intelligence{query}")
        why = self._call("GET", f"{_path(reference)}:explain{query}")
        return looked(found["intelligence"], why)

    def simulate(self, draft: RulesData, reference: str, at: datetime) -> Mapping[str, Any]:
        """What a lead would come to then, were the draft in force."""
        content = {
            "rule_set": MessageToDict(rule_set_message(draft), preserving_proto_field_name=True),
            "lead_ids": [reference],
            "as_of": _stamp(at),
        }
        with self._http.stream("POST", "/v1/ruleSets:simulate", json=content) as answer:
            return simulated([json.loads(text) for text in messages(answer.iter_lines())])

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
    return {
        "event_id": event.event_id,
        "type": event.type,
        **event.references,
        "occur_time": _stamp(event.at),
        **({"properties": dict(event.properties)} if event.properties else {}),
    }


def _path(reference: str) -> str:
    return f"/v1/leads/{quote(reference, safe='')}"


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
