"""Who runs golden tests, for tests of the rules service: a stand-in for the port, and SimulationService as a real server
that runs them in scoring's pure fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from scoreline.scoring.v1 import simulation_service_pb2_grpc
from services.rules.domain.golden import Expectation, GoldenResult
from services.rules.domain.model import Content
from services.scoring import rule_conversion
from services.scoring.domain.intelligence import Observation
from services.scoring.domain.model import Entry, LateEvents, microseconds
from services.shared import structs

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
"""What golden events count their times from."""


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


def played(
    rule_set: rule_set_pb2.RuleSet, test: rule_set_pb2.GoldenTest
) -> rule_set_pb2.GoldenExpectation:
    """What scoring's fold makes of a golden test's events under its rule set."""
    rules = rule_conversion.rule_set(rule_set)
    entries: dict[str, Entry] = {}
    at = BEGINNING
    for number, event in enumerate(test.events):
        if event.HasField("at"):
            at = BEGINNING + event.at.ToTimedelta()
        event_id = event.event_id or f"numbered-{number:03}"
        entry = Entry(
            event_id,
            event.type,
            at,
            structs.to_dict(event.properties),
            sequence=number,
            recorded_at=BEGINNING + timedelta(days=5_000, seconds=number),
        )
        entries.setdefault(event_id, entry)
    ordered = list(entries.values())
    if rules.late_events is LateEvents.REPLAY:
        ordered.sort(key=lambda one: one.position)
    times = [one.occurred_at for one in ordered]
    observed = Observation(rules)
    for entry in ordered:
        observed.apply(entry)
    seen_at = min(times) + test.after.ToTimedelta() if test.HasField("after") else max(times)
    found = observed.intelligence(microseconds(seen_at))
    return rule_set_pb2.GoldenExpectation(
        score=found.measures.score / 1000,
        stage=found.measures.stage,
        grade=found.grade,
        velocity=found.measures.velocity / 1000,
        risk=found.measures.risk,
        next_action=found.next_action,
    )


class FakeSimulation(simulation_service_pb2_grpc.SimulationServiceServicer):
    """Runs golden tests in the pure fold."""

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
        return pb.TestRuleSetResponse(
            results=[_result(request.rule_set, test) for test in request.rule_set.tests]
        )


def _result(
    rule_set: rule_set_pb2.RuleSet, test: rule_set_pb2.GoldenTest
) -> golden_test_pb2.GoldenTestResult:
    actual = played(rule_set, test)
    differences = [
        f"{field.name} is {getattr(actual, field.name)}, not {wanted}"
        for field, wanted in test.expected.ListFields()
        if getattr(actual, field.name) != wanted
    ]
    return golden_test_pb2.GoldenTestResult(
        name=test.name, passed=not differences, actual=actual, differences=differences
    )


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
