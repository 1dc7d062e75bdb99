"""A million leads with five million events: what reading takes, and end to end beside so much history."""

from datetime import UTC, datetime
from typing import Any

import psycopg
from google.protobuf.message import Message

from bench.children import result
from bench.cloning import fill
from bench.run import Run, Samples, until
from bench.suite import end_to_end, suite
from bench.workload import BEGIN_S, STEP_MS, TYPES
from scoreline.client import Client, errors, event
from scoreline.scoring.v1 import scoring_service_pb2 as pb
from stack import Stack

GROWTH_KEY = "grow_leads_1000000_eps"
READS = ("leaderboard_p99_ms", "get_lead_p99_ms", "explain_p99_ms")
KEYS = ("end_to_end_big_eps", *READS, GROWTH_KEY)

READS_RATE = 100
EXPLAIN_RATE = 2
"""A lead of 10,000 events is explained in a good part of a second of one core."""
EXPLAINED = "lead-explained"
ASKED_LEADS = 500
SERVICE = "/scoreline.scoring.v1.ScoringService/"


def measure(run: Run) -> Samples:
    """All that are wanted, on one ledger."""
    sizes = run.sizes
    with suite() as stack:
        run.say(f"big: a ledger of {sizes.big_leads * sizes.big_events_per_lead:,} events")
        fill(stack, sizes.big_leads, sizes.big_events_per_lead)
        if run.wants(*READS):
            _add_explained(stack, sizes.explained_events)
            for _ in run.repeat("reads"):
                yield from _reads(run, stack)
        if run.wants("end_to_end_big_eps"):
            for number in run.repeat("end to end beside it"):
                yield (
                    "end_to_end_big_eps",
                    end_to_end(
                        stack,
                        f"b{number}",
                        sizes.events,
                        sizes.leads,
                        before=number * sizes.events,
                    ),
                )
        if run.wants(GROWTH_KEY):
            for number in run.repeat("end to end over all its leads"):
                yield (
                    GROWTH_KEY,
                    end_to_end(
                        stack,
                        f"g{number}",
                        sizes.growth_events,
                        sizes.big_leads,
                        before=(sizes.repetitions + number) * sizes.events,
                    ),
                )


def _add_explained(stack: Stack, events: int) -> None:
    """A lead with a long history."""
    kinds = list(TYPES)
    with Client(stack.grpc_target, stack.api_key) as client:
        sent = client.ingest.send_many(
            event(
                kinds[number % len(kinds)],
                event_id=f"explained-{number:06d}",
                lead_id=EXPLAINED,
                occur_time=datetime.fromtimestamp(BEGIN_S + number * STEP_MS / 1000, UTC),
            )
            for number in range(events)
        )
        if any(one.error for one in sent):
            raise RuntimeError("an event of the lead to be explained was refused")
        until(lambda: _event_count(client) == events)


def _event_count(client: Client) -> int:
    try:
        return client.leads.get(EXPLAINED).event_count
    except errors.NotFound:
        return 0


def _reads(run: Run, stack: Stack) -> Samples:
    leads = [pb.GetLeadRequest(lead_id=name) for name in _some_leads(stack)]
    top = pb.GetLeaderboardRequest(page_size=10)
    explained = pb.ExplainScoreRequest(lead_id=EXPLAINED)
    yield "leaderboard_p99_ms", _p99(run, stack, "GetLeaderboard", [top], READS_RATE)
    yield "get_lead_p99_ms", _p99(run, stack, "GetLead", leads, READS_RATE)
    yield "explain_p99_ms", _p99(run, stack, "ExplainScore", [explained], EXPLAIN_RATE)


def _some_leads(stack: Stack) -> list[str]:
    """From all over the project, always the same."""
    with psycopg.connect(stack.superuser_url) as connection:
        found = connection.execute(
            "SELECT lead_id FROM scoring.snapshots ORDER BY md5(lead_id) LIMIT %s", (ASKED_LEADS,)
        )
        return [name for (name,) in found]


def _p99(run: Run, stack: Stack, method: str, requests: list[Any], rate: float) -> float:
    messages: list[Message] = requests
    return float(
        result(
            "generators.reads",
            target=stack.service_target("scoring"),
            api_key=stack.api_key,
            method=SERVICE + method,
            requests=[one.SerializeToString().hex() for one in messages],
            rate=rate,
            seconds=run.sizes.reads_s,
        )["p99_ms"]
    )
