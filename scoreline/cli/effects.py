"""What a rule did to an event, in words."""

from __future__ import annotations

from scoreline.cli.output import points
from scoreline.scoring.v1.scoring_service_pb2 import Effect, EffectReason


def why(effect: Effect) -> str:
    """Why an event counted as it did."""
    name = effect.rule_id or "an adjustment by hand"
    worth = points(effect.rule_points, sign=True)
    reasons = {
        EffectReason.EFFECT_REASON_CLIPPED: f"{name} gives {worth}, the bounds the rest",
        EffectReason.EFFECT_REASON_LIMITED: (
            f"{name} would give {worth}, but has counted as often as it may"
        ),
        EffectReason.EFFECT_REASON_RETRACTED: "retracted: it counts for nothing",
        EffectReason.EFFECT_REASON_DISCARDED: "came late and was discarded, as the rules say",
        EffectReason.EFFECT_REASON_SUSPECT: "suspect, says the event: it counts for nothing",
        EffectReason.EFFECT_REASON_LEFT_OUT: "too many attributes: some of them were left out",
        EffectReason.EFFECT_REASON_TAKEN_BACK: f"{name} is true no more: its points are taken back",
    }
    return reasons.get(effect.reason, name)


def milli(value: float) -> int:
    """Points are multiples of 0.001: summed as whole numbers they stay exact."""
    return round(value * 1000)
