"""What the pure fold says of a lead at an instant, in the words of a scenario's `look`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.scoring.domain.explanation import Account, Explanation, group_scores
from services.scoring.domain.intelligence import Observation, Transition
from services.scoring.domain.model import MILLI, RuleSet, instant


def looked(
    rules: RuleSet, observation: Observation, account: Account, at: int
) -> Mapping[str, Any]:
    """All that can be looked at. Both have had every entry that counts by then."""
    found = observation.intelligence(at)
    why = account.explain(at)
    measures = found.measures
    return {
        "score": measures.score / MILLI,
        "stage": measures.stage,
        "grade": found.grade,
        "fit_grade": found.fit_grade,
        "engagement_grade": found.engagement_grade,
        "velocity": measures.velocity / MILLI,
        "trend": found.trend.value,
        "recent_points": found.recent_points / MILLI,
        "earlier_points": found.earlier_points / MILLI,
        "risk": measures.risk,
        "inactivity_index": found.inactivity_index,
        "engagement_score": (
            None if found.engagement_tenths is None else found.engagement_tenths / 10
        ),
        "next_action": found.next_action,
        "next_transition": _transition(observation.transition(at)),
        "events": why.state.event_count,
        "groups": {name: score / MILLI for name, score in group_scores(rules, why.state)},
        **_reasons(why),
    }


def _transition(found: Transition | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    measures = found.measures
    return {
        "at": instant(found.at),
        "score": measures.score / MILLI,
        "stage": measures.stage,
        "velocity": measures.velocity / MILLI,
        "risk": measures.risk,
    }


def _reasons(why: Explanation) -> Mapping[str, Any]:
    nearest = why.next_stage
    return {
        "effects": [
            [
                one.entry.event_id,
                one.effect.rule_id,
                one.effect.rule_points / MILLI,
                one.effect.points / MILLI,
                one.effect.reason.value,
            ]
            for one in why.contributions
        ],
        "clipped": {one.group: one.clipped / MILLI for one in why.groups if one.clipped},
        "limited": {one.group: one.limited / MILLI for one in why.groups if one.limited},
        "faded": {one.group: one.faded / MILLI for one in why.groups if one.faded},
        "next_stage": nearest
        and [
            nearest.stage.name,
            nearest.missing / MILLI,
            nearest.step and nearest.step.rule.rule_id,
        ],
    }
