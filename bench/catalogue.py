"""Every figure there is: its key, what it says, its unit, and the target it has, which may depend on other figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Medians = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should come to."""

    text: str
    value: Callable[[Medians], float | None]
    """From the figures measured; None: one that it depends on was not."""
    at_least: bool = True
    """False: at most."""

    def met(self, figure: float, medians: Medians) -> bool | None:
        """Whether a figure meets it; None: that can't be told."""
        bound = self.value(medians)
        if bound is None:
            return None
        return figure >= bound if self.at_least else figure <= bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    key: str
    section: str
    unit: str
    what: str
    target: Target | None = None
    ratio_to: Callable[[Medians], float | None] | None = None
    """What the ratio in the table is to; None: the figure has none."""


def share_of(share: float, key: str) -> Target:
    """At least a share of another figure."""
    return Target(f">= {share:g} x {key}", lambda m: share * m[key] if key in m else None)


def at_most(bound: float) -> Target:
    """At most a fixed value."""
    return Target(f"<= {bound:g}", lambda _: bound, at_least=False)


def to(key: str) -> Callable[[Medians], float | None]:
    """The ratio to another figure."""
    return lambda medians: medians.get(key)


def _consumer_ceiling(medians: Medians) -> float | None:
    keys = ("js_pull_ack_eps", "pg_copy_eps")
    return min(medians[key] for key in keys) if all(key in medians for key in keys) else None


def _end_to_end_bound(medians: Medians) -> float | None:
    ceiling = _consumer_ceiling(medians)
    return None if ceiling is None else max(0.5 * ceiling, 6_000)


def _times(factor: float, key: str) -> Target:
    """That the suite is so many times as fast as this figure."""

    def bound(medians: Medians) -> float | None:
        return medians["end_to_end_eps"] / factor if "end_to_end_eps" in medians else None

    return Target(f"suite >= {factor:g} x this", bound, at_least=False)


def _slower() -> Target:
    """That the suite shows an event sooner than this."""
    key = "visible_200_p99_ms"
    return Target("suite lower", lambda medians: medians.get(key))


CEILINGS, SUITE, GROWTH, PEERS = "ceilings", "suite", "growth", "peers"

PROCESSES_RSS = {
    "scoring": 300,
    "ingest": 150,
    "notify": 150,
    "rules": 150,
    "accounts": 150,
    "envoy": 150,
    "nats": 150,
}
"""Most megabytes of each process during end_to_end."""

_PEERS = (
    ("eventsourcing", "eventsourcing on Postgres, an aggregate a lead, a save an event", 10.0),
    ("faststream", "FastStream on JetStream, SQLAlchemy on Postgres", 10.0),
    ("bullmq", "BullMQ on Redis, a Node worker on Postgres", 4.0),
)

FIGURES = (
    Figure("grpc_unary_rps", CEILINGS, "/s", "grpc.aio echo, 64 in flight"),
    Figure("envoy_unary_rps", CEILINGS, "/s", "JSON through Envoy to the same echo, 64 connections"),
    Figure("grpc_server_stream_rps", CEILINGS, "/s", "messages of 500 grpc.aio server streams"),
    Figure("js_atomic_publish_eps", CEILINGS, "/s", "JetStream atomic batches of 500, fsync always"),
    Figure("js_pull_ack_eps", CEILINGS, "/s", "nats-py pull of 500, acknowledged one by one"),
    Figure("pg_copy_eps", CEILINGS, "/s", "COPY of ledger rows with the ledger's indexes, 500 a commit"),
    Figure("pg_ordered_read_eps", CEILINGS, "/s", "ledger rows in the fold's order, binary"),
    Figure("ingest_unary_rps", SUITE, "/s", "durable IngestEvent, gRPC, 64 in flight",
           share_of(0.6, "grpc_unary_rps"), to("grpc_unary_rps")),
    Figure("ingest_http_rps", SUITE, "/s", "durable IngestEvent, JSON through Envoy, 64 connections",
           share_of(0.5, "envoy_unary_rps"), to("envoy_unary_rps")),
    Figure("ingest_batch_eps", SUITE, "/s", "durable BatchIngestEvents of 500",
           share_of(0.5, "js_atomic_publish_eps"), to("js_atomic_publish_eps")),
    Figure("end_to_end_eps", SUITE, "/s", "first call to last score change published",
           Target(">= 0.5 x min(js_pull_ack_eps, pg_copy_eps), >= 6000", _end_to_end_bound),
           _consumer_ceiling),
    Figure("end_to_end_big_eps", SUITE, "/s", "the same with 5 million events in the ledger",
           share_of(0.85, "end_to_end_eps"), to("end_to_end_eps")),
    Figure("ack_p50_ms", SUITE, "ms", "acknowledgement at 500 events/s, open loop"),
    Figure("ack_p99_ms", SUITE, "ms", "the same", at_most(25)),
    Figure("visible_p50_ms", SUITE, "ms", "sent to seen by a watcher at 500 events/s, open loop"),
    Figure("visible_p99_ms", SUITE, "ms", "the same", at_most(75)),
    Figure("visible_200_p99_ms", SUITE, "ms", "the same at 200 events/s, to compare with peers"),
    Figure("replay_eps", SUITE, "/s", "ReplayLeads over 1 million events",
           share_of(0.4, "pg_ordered_read_eps"), to("pg_ordered_read_eps")),
    Figure("simulate_eps", SUITE, "/s", "SimulateRuleSet over the same",
           share_of(0.4, "pg_ordered_read_eps"), to("pg_ordered_read_eps")),
    Figure("watch_fanout_mps", SUITE, "/s", "messages to 500 watchers of everything",
           share_of(0.7, "grpc_server_stream_rps"), to("grpc_server_stream_rps")),
    Figure("leaderboard_p99_ms", SUITE, "ms", "GetLeaderboard, 1 million leads", at_most(15)),
    Figure("get_lead_p99_ms", SUITE, "ms", "GetLead, 1 million leads", at_most(5)),
    Figure("explain_p99_ms", SUITE, "ms", "ExplainScore of a lead of 10,000 events", at_most(250)),
    *(
        Figure(f"rss_{name}_mb", SUITE, "MB", f"most memory of {name} during end_to_end", at_most(bound))
        for name, bound in PROCESSES_RSS.items()
    ),
    Figure("start_s", SUITE, "s", "`make up` on an empty data directory to all healthy", at_most(6)),
    *(
        Figure(f"grow_processes_{count}_eps", GROWTH, "/s", f"end to end, {count} scoring processes",
               None, to("end_to_end_eps"))
        for count in (2, 4)
    ),
    *(
        Figure(f"grow_leads_{count}_eps", GROWTH, "/s", f"end to end, {count:,} leads of 5 events there",
               None, to("end_to_end_eps"))
        for count in (10_000, 100_000, 1_000_000)
    ),
    *(
        figure
        for name, what, factor in _PEERS
        for figure in (
            Figure(f"peer_{name}_eps", PEERS, "/s", what, _times(factor, name), to("end_to_end_eps")),
            Figure(f"peer_{name}_visible_200_p99_ms", PEERS, "ms", "sent to seen at 200 events/s", _slower(),
                   to("visible_200_p99_ms")),
        )
    ),
)  # fmt: skip
"""In the order of the table."""

BY_KEY = {figure.key: figure for figure in FIGURES}
