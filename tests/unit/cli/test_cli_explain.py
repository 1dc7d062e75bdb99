"""`scoreline score`, `explain`, `ledger verify` and `ledger replay`: what people read, what scripts get, exit codes;
and the client methods behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner, Result

import scoreline
from scoreline.cli.effects import why
from scoreline.cli.main import app
from scoreline.client import errors
from scoreline.client.settings import RetryPolicy
from scoreline.scoring.v1 import intelligence_pb2, ledger_pb2
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

FAST = RetryPolicy(for_s=5.0, first_wait_s=0.0, max_wait_s=0.0)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


def run(edge: FakeEdge, *arguments: str, as_json: bool = False) -> Result:
    options = ["--target", edge.target, "--api-key", API_KEY, *(["--json"] if as_json else [])]
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, [*options, *arguments])


SCORE = pb.GetScoreResponse(
    lead_id="ada",
    score=42.5,
    stage="warm",
    rule_set_version=3,
    event_count=4,
    group_scores=[
        pb.GroupScore(group="engagement", score=50),
        pb.GroupScore(group="*", score=-7.5),
    ],
    as_of=Timestamp(seconds=1_772_000_000),
    known_at=Timestamp(seconds=1_772_000_001),
)


def explanation() -> pb.ExplainScoreResponse:
    made = pb.ExplainScoreResponse(score=SCORE, contribution_count=7, fading_count=1)
    for number, (points, reason) in enumerate(((20, 1), (30, 2), (0, 3))):
        one = made.contributions.add(event_id=f"e{number}", event_type="signup")
        one.occur_time.seconds = 1_771_000_000 + number
        effect = pb.Effect(rule_id="sign", rule_points=40, points=points, group="engagement")
        effect.reason = reason  # type: ignore[assignment]
        one.effect.CopyFrom(effect)
    made.fadings.add(group="*", points=-7.5).time.seconds = 1_771_000_001
    made.group_totals.add(
        group="engagement", rule_points=120, clipped_points=30, limited_points=40, score=50
    )
    made.group_totals.add(group="*", faded_points=-7.5, score=-7.5)
    made.rule_totals.add(
        rule_id="sign", group="engagement", event_count=3, clipped_count=1, limited_count=1,
        rule_points=120, points=50,
    )  # fmt: skip
    made.next_stage.stage = "hot"
    made.next_stage.missing_points = 17.5
    made.next_stage.step.CopyFrom(
        pb.RuleStep(
            rule_id="demo",
            event_type="demo_request",
            points=50,
            sufficient=True,
            when="event.properties.n > 3",
        )
    )
    return made


def test_an_explanation_that_people_can_read(edge: FakeEdge) -> None:
    edge.on("ExplainScore", lambda request, context: explanation())
    result = run(edge, "explain", "ada", "--as-of", "2026-03-01T09:30:00Z", "--limit", "3")
    assert result.exit_code == 0, result.output
    (request,) = edge.requests["ExplainScore"]
    assert (request.lead_id, request.limit) == ("ada", 3)
    assert request.as_of.ToDatetime(UTC) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert not request.HasField("known_at")
    said = " ".join(result.stdout.split())
    for part in (
        "ada 42.5 points warm",
        "17.5 points to hot: one demo_request gives +50 (if event.properties.n > 3)",
        "engagement 50 ████████████████████████ +120 -30 -40",
        "decay of the total -7.5",
        "sign +50 ████████████████████████ 3 1 1",
        "... 4 earlier contributions",
        "signup +30 sign gives +40, the bounds the rest",
        "signup 0 sign would give +40, but has counted as often as it may",
        "faded -7.5 decay of the total",
        "rules gave +120, bounds -30, limits -40, time -7.5 = 42.5, which is the score",
    ):
        assert part in said, (part, said)


def test_an_explanation_that_does_not_add_up_says_so(edge: FakeEdge) -> None:
    wrong = explanation()
    wrong.score.score = 99
    edge.on("ExplainScore", lambda request, context: wrong)
    assert "= 42.5; the score is 99" in " ".join(run(edge, "explain", "ada").stdout.split())


def test_an_explanation_of_nothing(edge: FakeEdge) -> None:
    empty = pb.ExplainScoreResponse(score=pb.GetScoreResponse(lead_id="ada"))
    edge.on("ExplainScore", lambda request, context: empty)
    result = run(edge, "explain", "ada")
    assert result.exit_code == 0, result.output
    assert "= 0, which is the score" in result.stdout


def test_a_score_at_a_time(edge: FakeEdge) -> None:
    edge.on("GetScore", lambda request, context: SCORE)
    result = run(edge, "score", "ada", "--known-at", "2026-03-01T09:30:00+01:00")
    assert result.exit_code == 0, result.output
    (request,) = edge.requests["GetScore"]
    assert request.known_at.ToDatetime(UTC) == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert "42.5 points" in result.stdout
    assert "+50  engagement" in result.stdout
    assert json.loads(run(edge, "score", "ada", as_json=True).stdout)["score"] == 42.5


def test_a_time_that_is_none(edge: FakeEdge) -> None:
    result = run(edge, "score", "ada", "--as-of", "yesterday")
    assert result.exit_code == 2
    assert "--as-of" in result.output


def mismatch() -> ledger_pb2.LedgerMismatch:
    return ledger_pb2.LedgerMismatch(
        kind=ledger_pb2.LEDGER_MISMATCH_KIND_ENTRY, position=6, event_id="e\x1b5", field="hash",
        expected="aa", found="bb",
    )  # fmt: skip


def verification(mismatches: int) -> list[ledger_pb2.VerifyLedgerResponse]:
    response = ledger_pb2.VerifyLedgerResponse
    return [
        *(response(mismatch=mismatch()) for _ in range(mismatches)),
        response(progress=ledger_pb2.VerifyProgress(entry_count=10, entry_total=10)),
        response(
            summary=ledger_pb2.VerifySummary(
                entry_count=10,
                block_count=3,
                lead_count=5,
                mismatch_count=mismatches,
                last_position=10,
                last_hash=b"\xab" * 32,
            )
        ),
    ]


def test_a_ledger_that_is_as_it_should_be(edge: FakeEdge) -> None:
    edge.on("VerifyLedger", lambda request, context: verification(0))
    result = run(edge, "ledger", "verify", "--from", "3", "--to", "9")
    assert result.exit_code == 0, result.output
    assert (edge.requests["VerifyLedger"][0].from_position) == 3
    assert "10 entries in 3 blocks and 5 scores: all as it should be" in result.stdout
    assert "chain at 10: " + "ab" * 32 in result.stdout


def test_a_ledger_that_is_not(edge: FakeEdge) -> None:
    edge.on("VerifyLedger", lambda request, context: verification(2))
    result = run(edge, "ledger", "verify")
    assert result.exit_code == 1
    line = "entry at position 6 (event e\ufffd5): hash should be aa, is bb"
    assert " ".join(result.stdout.split()).count(line) == 2
    assert "2 mismatches" in result.output
    result = run(edge, "ledger", "verify", as_json=True)
    assert result.exit_code == 1
    kinds = [next(iter(json.loads(line))) for line in result.stdout.splitlines()]
    assert kinds == ["mismatch", "mismatch", "progress", "summary"]


def test_a_verification_that_breaks_off_proves_nothing(edge: FakeEdge) -> None:
    edge.on("VerifyLedger", lambda request, context: verification(0)[:1])
    result = run(edge, "ledger", "verify")
    assert result.exit_code == 1
    assert "nothing is proven" in result.output

    def refused(request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, status(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"))

    edge.on("VerifyLedger", refused)
    with (
        scoreline.Client(edge.target, API_KEY) as client,
        pytest.raises(errors.PermissionDenied),
    ):
        list(client.ledger.verify())


def replayed(count: int, done: bool = False) -> ledger_pb2.ReplayLeadsResponse:
    return ledger_pb2.ReplayLeadsResponse(
        resume_token=f"t{count}", lead_count=count, lead_total=4, changed_count=1, done=done
    )


class Interrupted:
    """Gives half of a replay, breaks the stream, and gives the rest to who comes with the token."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def __call__(
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[ledger_pb2.ReplayLeadsResponse]:
        self.tokens.append(request.resume_token)
        if not request.resume_token:
            yield replayed(2)
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))
        yield replayed(4, done=True)


def test_a_replay_goes_on_after_a_break(edge: FakeEdge) -> None:
    service = Interrupted()
    edge.on("ReplayLeads", service)
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        assert [one.lead_count for one in client.ledger.replay(stages=["hot"])] == [2, 4]
    assert service.tokens == ["", "t2"]
    assert [list(one.stages) for one in edge.requests["ReplayLeads"]] == [["hot"], ["hot"]]


async def test_a_replay_goes_on_after_a_break_in_an_event_loop(edge: FakeEdge) -> None:
    service = Interrupted()
    edge.on("ReplayLeads", service)
    edge.on("VerifyLedger", lambda request, context: verification(1))
    edge.on("GetScore", lambda request, context: SCORE)
    edge.on("ExplainScore", lambda request, context: explanation())
    async with scoreline.AsyncClient(edge.target, API_KEY, retry=FAST) as client:
        assert [one.lead_count async for one in client.ledger.replay()] == [2, 4]
        kinds = [one.WhichOneof("message") async for one in client.ledger.verify(lead_id="ada")]
        assert (await client.leads.score("ada")).score == 42.5
        assert (await client.leads.explain("ada", limit=5)).contribution_count == 7
    assert service.tokens == ["", "t2"]
    assert kinds == ["mismatch", "progress", "summary"]


def test_a_replay_that_is_refused_is_not_repeated(edge: FakeEdge) -> None:
    def refused(request: Any, context: grpc.ServicerContext) -> Any:
        refuse(context, status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"))

    edge.on("ReplayLeads", refused)
    with scoreline.Client(edge.target, API_KEY, retry=FAST) as client:
        with pytest.raises(errors.NotFound):
            list(client.ledger.replay(lead_id="nobody"))
        with pytest.raises(ValueError, match="time zone"):
            client.leads.score("ada", as_of=datetime(2026, 3, 1))  # noqa: DTZ001 - that is the point
    assert len(edge.requests["ReplayLeads"]) == 1


def test_the_outcome_of_a_replay(edge: FakeEdge) -> None:
    last = replayed(4, done=True)
    last.changed_leads.add(
        lead_id="ada", previous_score=9, score=7, previous_stage="hot", stage="warm"
    )
    edge.on("ReplayLeads", lambda request, context: [replayed(2), last])
    result = run(edge, "ledger", "replay", "--stage", "hot")
    assert result.exit_code == 0, result.output
    assert "ada: 9 hot -> 7 warm" in result.stdout
    assert "4 leads replayed: 1 scores changed, 0 snapshots mended" in result.stdout


def test_intelligence_that_people_can_read(edge: FakeEdge) -> None:
    what = intelligence_pb2.Intelligence(
        lead_id="ada", score=75, stage="hot", grade="A2", velocity=3, recent_points=55,
        earlier_points=20, trend=intelligence_pb2.TREND_INCREASING,
        risk=intelligence_pb2.RISK_LEVEL_MEDIUM, inactivity_index=25, engagement_score=7.5,
        next_action="schedule_demo",
    )  # fmt: skip
    what.next_transition.CopyFrom(
        intelligence_pb2.Transition(
            score=70, stage="hot", velocity=3, risk=intelligence_pb2.RISK_LEVEL_HIGH
        )
    )
    response = pb.GetIntelligenceResponse(intelligence=what)
    edge.on("GetIntelligence", lambda request, context: response)
    result = run(edge, "intelligence", "ada", "--as-of", "2026-03-01T09:30:00Z")
    assert result.exit_code == 0, result.output
    (request,) = edge.requests["GetIntelligence"]
    assert request.as_of.ToDatetime(UTC) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    said = " ".join(result.stdout.split())
    for part in (
        "ada 75 points hot",
        "next action schedule_demo",
        "grade A2",
        "risk medium",
        "velocity 3",
        "↑ increasing (55 points in 7 days, 20 before)",
        "engagement 7.5 of 10",
        "inactivity 25 %",
        "by itself 70 points, risk high",
    ):
        assert part in said, (part, said)
    found = json.loads(run(edge, "intelligence", "ada", as_json=True).stdout)
    assert found["next_action"] == "schedule_demo"


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (pb.Effect(points=5, reason=pb.EFFECT_REASON_ADJUSTED), "an adjustment by hand"),
        (pb.Effect(reason=pb.EFFECT_REASON_RETRACTED), "retracted"),
        (pb.Effect(reason=pb.EFFECT_REASON_DISCARDED), "came late"),
        (pb.Effect(reason=pb.EFFECT_REASON_SUSPECT), "suspect"),
        (pb.Effect(rule_id="fit", reason=pb.EFFECT_REASON_TAKEN_BACK), "fit is true no more"),
    ],
)
def test_why_an_event_counts_otherwise(effect: pb.Effect, words: str) -> None:
    assert words in why(effect)
