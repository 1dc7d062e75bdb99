"""The bench's report: targets are told met or missed, ratios are to what they say, and what was measured before
stays."""

from __future__ import annotations

from pathlib import Path

from bench import report
from bench.catalogue import BY_KEY, FIGURES
from bench.stats import Summary


def summary(value: float) -> Summary:
    return Summary(value, value, value, 3)


def verdict(key: str, **figures: float) -> bool | None:
    target = BY_KEY[key].target
    assert target is not None
    return target.met(figures[key], figures)


def test_a_share_of_a_ceiling_is_met_from_that_share_on() -> None:
    assert verdict("ingest_unary_rps", ingest_unary_rps=600.0, grpc_unary_rps=1_000.0) is True
    assert verdict("ingest_unary_rps", ingest_unary_rps=599.0, grpc_unary_rps=1_000.0) is False


def test_without_its_ceiling_nobody_can_tell() -> None:
    assert verdict("ingest_unary_rps", ingest_unary_rps=600.0) is None


def test_end_to_end_has_a_floor_besides_the_slower_of_two_ceilings() -> None:
    ceilings = {"js_pull_ack_eps": 20_000.0, "pg_copy_eps": 16_000.0}

    assert verdict("end_to_end_eps", end_to_end_eps=8_000.0, **ceilings) is True
    assert verdict("end_to_end_eps", end_to_end_eps=7_999.0, **ceilings) is False
    low = dict.fromkeys(ceilings, 1_000.0)
    assert verdict("end_to_end_eps", end_to_end_eps=5_999.0, **low) is False


def test_latencies_are_met_up_to_their_bound() -> None:
    assert verdict("ack_p99_ms", ack_p99_ms=25.0) is True
    assert verdict("ack_p99_ms", ack_p99_ms=25.1) is False


def test_the_suite_is_to_be_so_many_times_as_fast_as_a_peer() -> None:
    assert verdict("peer_bullmq_eps", peer_bullmq_eps=1_000.0, end_to_end_eps=4_000.0) is True
    assert verdict("peer_bullmq_eps", peer_bullmq_eps=1_001.0, end_to_end_eps=4_000.0) is False


def test_every_figure_has_a_key_of_its_own() -> None:
    assert len(BY_KEY) == len(FIGURES)


def test_a_later_run_replaces_its_own_figures_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    report.write(path, {"ack_p50_ms": summary(3), "ack_p99_ms": summary(9)}, "first")
    report.write(path, {"ack_p99_ms": summary(7)}, "second")

    found = report.read(path)

    assert {key: one.median for key, one in found.items()} == {"ack_p50_ms": 3, "ack_p99_ms": 7}


def test_the_table_says_what_was_missed_and_the_ratio() -> None:
    found = {"grpc_unary_rps": summary(1_000), "ingest_unary_rps": summary(500)}

    (line,) = (line for line in report.markdown(found).splitlines() if "`ingest_unary" in line)

    assert "| 500 |" in line
    assert "| 0.50 |" in line
    assert line.endswith("| MISSED |")
