"""What other rules would make of the leads, blocking."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime

from scoreline.client import simulation_requests, streaming
from scoreline.client.calls import Calls
from scoreline.client.simulation_requests import Variants
from scoreline.rules.v1.golden_test_pb2 import GoldenTestResult
from scoreline.rules.v1.rule_set_pb2 import RuleSet
from scoreline.scoring.v1.simulation_service_pb2 import (
    CompareRuleSetsResponse,
    SimulateRuleSetResponse,
    TestRuleSetRequest,
)
from scoreline.scoring.v1.simulation_service_pb2_grpc import SimulationServiceStub


class Simulations:
    """Rule sets tried on the leads' real history. Nothing here changes anything."""

    def __init__(self, calls: Calls, stub: SimulationServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def simulate(
        self,
        rule_set: RuleSet | None = None,
        *,
        sample: float = 0,
        stages: Sequence[str] = (),
        lead_ids: Sequence[str] = (),
        as_of: datetime | None = None,
        changed_only: bool = False,
        summary_only: bool = False,
        days: int = 0,
    ) -> Generator[SimulateRuleSetResponse, None, None]:
        """Each lead under the rules in force and under `rule_set`, progress after each batch, and a summary at the end;
        a stream without one was broken off. `client.rules.validate(yaml=...)` makes a rule set of a text."""
        request = simulation_requests.simulate(
            rule_set, sample, stages, lead_ids, as_of, changed_only, summary_only, days
        )
        call = self._stub.SimulateRuleSet(request, metadata=self._calls.settings.metadata)
        return streaming.messages(call)

    def compare(
        self,
        variants: Variants,
        *,
        conversion_types: Sequence[str],
        weights: Mapping[str, int] | None = None,
        seed: str = "",
        as_of: datetime | None = None,
    ) -> Generator[CompareRuleSetsResponse, None, None]:
        """Leads split over the variants, each scored by its variant's rules up to its conversion: progress after each
        batch, and at the end how well scores told who would convert."""
        request = simulation_requests.compare(variants, conversion_types, weights, seed, as_of)
        call = self._stub.CompareRuleSets(request, metadata=self._calls.settings.metadata)
        return streaming.messages(call)

    def test(self, rule_set: RuleSet) -> Sequence[GoldenTestResult]:
        """How the rule set's golden tests come out."""
        request = TestRuleSetRequest(rule_set=rule_set)
        return self._calls.repeated(self._stub.TestRuleSet, request).results
