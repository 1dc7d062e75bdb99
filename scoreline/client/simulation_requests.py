"""The requests behind simulations and comparisons: one place for both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scoreline.client.requests import stamp
from scoreline.rules.v1.rule_set_pb2 import RuleSet
from scoreline.scoring.v1.simulation_service_pb2 import (
    CompareRuleSetsRequest,
    SimulateRuleSetRequest,
    Variant,
)

Variants = Mapping[str, RuleSet | None]
"""Rule sets by the names of their variants; None: the one in force."""


def simulate(
    rule_set: RuleSet | None,
    sample: float,
    stages: Sequence[str],
    lead_ids: Sequence[str],
    as_of: datetime | None,
    changed_only: bool,
    summary_only: bool,
    days: int,
) -> SimulateRuleSetRequest:
    """A simulation of these leads."""
    return SimulateRuleSetRequest(
        rule_set=rule_set,
        sample=sample,
        stages=stages,
        lead_ids=lead_ids,
        as_of=stamp(as_of),
        changed_only=changed_only,
        summary_only=summary_only,
        days=days,
    )


def compare(
    variants: Variants,
    conversion_types: Sequence[str],
    weights: Mapping[str, int] | None,
    seed: str,
    as_of: datetime | None,
) -> CompareRuleSetsRequest:
    """A comparison. Raises ValueError for a weight of no variant."""
    shares = weights or {}
    unknown = shares.keys() - variants.keys()
    if unknown:
        raise ValueError(f"no such variant: {', '.join(sorted(unknown))}")
    made: list[Any] = [
        Variant(name=name, rule_set=rule_set, weight=shares.get(name, 0))
        for name, rule_set in variants.items()
    ]
    return CompareRuleSetsRequest(
        variants=made, seed=seed, conversion_types=conversion_types, as_of=stamp(as_of)
    )
