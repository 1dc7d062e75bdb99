"""What the services say of a lead at an instant, in the words of a scenario's `look`. JSON with the contracts' field
names in, as the edge gives it; the service level brings its messages into the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def looked(intelligence: Mapping[str, Any], why: Mapping[str, Any]) -> Mapping[str, Any]:
    """All that can be looked at, of GetIntelligence's and ExplainScore's answers, unset fields included."""
    score = why["score"]
    totals = why["group_totals"]
    return {
        "score": score["score"],
        "stage": score["stage"],
        "grade": intelligence["grade"],
        "fit_grade": intelligence["fit_grade"],
        "engagement_grade": intelligence["engagement_grade"],
        "velocity": intelligence["velocity"],
        "trend": _word(intelligence["trend"]),
        "recent_points": intelligence["recent_points"],
        "earlier_points": intelligence["earlier_points"],
        "risk": _word(intelligence["risk"]),
        "inactivity_index": intelligence.get("inactivity_index"),
        "engagement_score": intelligence.get("engagement_score"),
        "next_action": intelligence["next_action"],
        "next_transition": _transition(intelligence.get("next_transition")),
        "events": score["event_count"],
        "groups": {one["group"]: one["score"] for one in score["group_scores"]},
        "effects": [
            [
                one["event_id"],
                one["effect"]["rule_id"],
                one["effect"]["rule_points"],
                one["effect"]["points"],
                _word(one["effect"]["reason"]),
            ]
            for one in why["contributions"]
        ],
        "clipped": _unless_zero(totals, "clipped_points"),
        "limited": _unless_zero(totals, "limited_points"),
        "faded": _unless_zero(totals, "faded_points"),
        "next_stage": _next_stage(why.get("next_stage")),
    }


def simulated(answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What SimulateRuleSet's answers say of the one lead that was asked about."""
    assert "summary" in answers[-1]
    (found,) = [answer["lead"]["after"] for answer in answers if "lead" in answer]
    return {**found, "risk": _word(found["risk"])}


_PREFIXES = ("TREND_", "RISK_LEVEL_", "EFFECT_REASON_")


def _word(value: str) -> str:
    """What an enum's value says; empty where it says nothing."""
    for prefix in _PREFIXES:
        value = value.removeprefix(prefix)
    return "" if value == "UNSPECIFIED" else value.lower()


def _transition(found: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return {
        "at": datetime.fromisoformat(found["time"]),
        "score": found["score"],
        "stage": found["stage"],
        "velocity": found["velocity"],
        "risk": _word(found["risk"]),
    }


def _unless_zero(totals: list[Mapping[str, Any]], field: str) -> Mapping[str, float]:
    return {one["group"]: one[field] for one in totals if one[field]}


def _next_stage(found: Mapping[str, Any] | None) -> list[Any] | None:
    if found is None:
        return None
    step = found.get("step")
    return [found["stage"], found["missing_points"], step and step["rule_id"]]
