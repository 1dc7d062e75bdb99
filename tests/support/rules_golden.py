"""Who runs golden tests, for tests of the rules service: a stand-in for the port, and SimulationService as a real
server that runs them as scoring does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from scoreline.scoring.v1 import simulation_service_pb2_grpc
from services.rules.domain.golden import Expectation, GoldenResult
from services.rules.domain.model import Content
from services.scoring import simulation_conversion, simulation_requests
from services.scoring.domain import golden


class FakeTests:
    """A ports.GoldenTests: every test passes unless its name is in `failing`, and nobody is there while `away`."""

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.away: Exception | None = None
        self.asked: list[Content] = []
        self.meanwhile: Callable[[], Any] | None = None
        """Awaited during the next run."""

    async def run(self, content: Content) -> list[GoldenResult]:
        self.asked.append(content)
        if self.away is not None:
            raise self.away
        if self.meanwhile is not None:
            interrupt, self.meanwhile = self.meanwhile, None
            await interrupt()
        return [
            GoldenResult(test.name, False, Expectation(score_milli=1), ("score is 0.001, not 5",))
            if test.name in self.failing
            else GoldenResult(test.name, True, test.expected)
            for test in content.tests
        ]


def results(rule_set: rule_set_pb2.RuleSet) -> list[golden_test_pb2.GoldenTestResult]:
    """How a rule set's golden tests come out in scoring, without its server."""
    request = pb.TestRuleSetRequest(rule_set=rule_set)
    rules, tests = simulation_requests.golden_tests(request)
    return [simulation_conversion.golden_result(golden.run(test, rules)) for test in tests]


class FakeSimulation(simulation_service_pb2_grpc.SimulationServiceServicer):
    """Runs golden tests, or refuses to."""

    def __init__(self) -> None:
        self.refusal: grpc.StatusCode | None = None
        self.metadata: list[dict[str, str]] = []
        """That came with each call."""

    def TestRuleSet(
        self, request: pb.TestRuleSetRequest, context: grpc.ServicerContext
    ) -> pb.TestRuleSetResponse:
        self.metadata.append(
            {str(name): str(value) for name, value in context.invocation_metadata()}
        )
        if self.refusal is not None:
            context.abort(self.refusal, "refused")
        return pb.TestRuleSetResponse(results=results(request.rule_set))


@contextmanager
def serving(simulation: FakeSimulation) -> Iterator[str]:
    """The address that SimulationService answers at."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    simulation_service_pb2_grpc.add_SimulationServiceServicer_to_server(simulation, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
