"""Golden tests, run by scoring over gRPC in the name of whoever asks. The only place that translates scoring's
errors."""

from typing import NoReturn

import grpc

from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from scoreline.scoring.v1 import simulation_service_pb2_grpc
from services.rules import convert
from services.rules.domain.checks import MILLI
from services.rules.domain.golden import Expectation, GoldenResult
from services.rules.domain.model import Content
from services.shared import context
from services.shared.context import Request
from services.shared.errors import DependencyUnavailable
from services.shared.interceptor import CredentialInvalid, ScopeMissing

CALL_TIMEOUT_S = 20.0
"""The most tests of the most events take some seconds; the caller's own deadline is often 30 s."""

KEEPALIVE_TIME_MS = 30_000
"""A scoring process that vanished without a word is noticed this soon."""

RECONNECT_FIRST_MS = 100
RECONNECT_MAX_MS = 2_000
"""gRPC's own pauses between attempts grow to two minutes: activations would fail long after scoring is back."""


def connect(target: str) -> grpc.aio.Channel:
    """A channel to scoring. It connects when it is used, and again whenever that is needed."""
    return grpc.aio.insecure_channel(
        target,
        options=[
            ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_FIRST_MS),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ],
    )


class ScoringTests:
    """`ports.GoldenTests` on scoring's SimulationService."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = simulation_service_pb2_grpc.SimulationServiceStub(channel)

    async def run(self, content: Content) -> list[GoldenResult]:
        """How the tests come out."""
        try:
            answer = await self._stub.TestRuleSet(
                pb.TestRuleSetRequest(rule_set=convert.content_message(content)),
                metadata=_metadata(context.request()),
                timeout=CALL_TIMEOUT_S,
            )
        except grpc.aio.AioRpcError as error:
            _raise(error)
        return [_result(result) for result in answer.results]


def _result(message: golden_test_pb2.GoldenTestResult) -> GoldenResult:
    return GoldenResult(
        message.name,
        message.passed,
        _outcome(message.actual),
        tuple(message.differences),
    )


def _outcome(actual: rule_set_pb2.GoldenExpectation) -> Expectation:
    said = {name: getattr(actual, name) if actual.HasField(name) else None for name in _OUTCOMES}
    score, velocity = said["score"], said["velocity"]
    return Expectation(
        None if score is None else round(score * MILLI),
        said["stage"],
        said["grade"],
        None if velocity is None else round(velocity * MILLI),
        said["risk"],
        said["next_action"],
    )


_OUTCOMES = ("score", "stage", "grade", "velocity", "risk", "next_action")


def _metadata(request: Request) -> tuple[tuple[str, str], ...]:
    metadata = (("x-api-key", request.credential), ("x-request-id", request.request_id))
    if request.traceparent:
        return (*metadata, ("traceparent", request.traceparent))
    return metadata


_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    # A scoring of an older release, soon to be replaced.
    grpc.StatusCode.UNIMPLEMENTED,
)


def _raise(error: grpc.aio.AioRpcError) -> NoReturn:
    code = error.code()
    if code in _PASSING:
        raise DependencyUnavailable("golden tests can't be run: scoring is away") from error
    if code == grpc.StatusCode.UNAUTHENTICATED:
        raise CredentialInvalid("the API key was revoked") from error
    if code == grpc.StatusCode.PERMISSION_DENIED:
        raise ScopeMissing(
            "golden tests are run in your name: the API key needs the scope `read` too",
            metadata={"required_scope": "read"},
        ) from error
    raise error
