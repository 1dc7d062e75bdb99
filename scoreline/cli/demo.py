"""`scoreline demo`: the suite at work on a sample, from nothing to a proof that sending it all twice changes nothing.
It uses a data directory of its own, so that it never meets a suite that runs already."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.rule import Rule

from scoreline.cli.failures import CommandFailed
from scoreline.cli.import_file import run_import, show_rejected, summary_line
from scoreline.cli.leads import leaderboard_table, show_lead
from scoreline.cli.nats_monitor import MonitorUnavailable, read_broker
from scoreline.cli.output import plain, points
from scoreline.cli.session import Session, session_of
from scoreline.cli.simulate import write_rows
from scoreline.cli.suite_files import REPO_ROOT, RunningSuite
from scoreline.cli.suite_process import SuiteProcess
from scoreline.client import Client
from scoreline.client.events import event
from scoreline.ingest.v1.imports_service_pb2 import Import
from scoreline.scoring.v1.lead_pb2 import Lead, LeadIdentityKind
from scoreline.scoring.v1.score_change_pb2 import ScoreChange
from scoreline.simulator import SAMPLE

SAMPLE_FILE: Final = REPO_ROOT / "samples" / "journeys.ndjson.gz"
EVENTS_STREAM: Final = "EVENTS"

SCORED_TIMEOUT_S: Final = 300.0
"""All of the sample scored, on a slow machine under load."""
POLL_S: Final = 0.25
WATCH_HEARTBEAT_S: Final = 1.0
LIVE_TIMEOUT_S: Final = 30.0
_TIMELINE_SHOWN: Final = 12
_PAGE_SIZE: Final = 1000

_REFERENCE_FIELDS = {
    LeadIdentityKind.LEAD_IDENTITY_KIND_LEAD_ID: "lead_id",
    LeadIdentityKind.LEAD_IDENTITY_KIND_EMAIL: "email",
    LeadIdentityKind.LEAD_IDENTITY_KIND_ANONYMOUS_ID: "anonymous_id",
    LeadIdentityKind.LEAD_IDENTITY_KIND_EXTERNAL_ID: "external_id",
}


@dataclass(frozen=True, slots=True)
class LeadState:
    """What must not change when events are sent again."""

    score: float
    stage: str
    version: int
    event_count: int


def demo(
    context: typer.Context,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the suite up at the end, until Ctrl-C.")
    ] = False,
    sample: Annotated[
        Path | None, typer.Option(help="Another file to import; the shipped sample by default.")
    ] = None,
) -> None:
    """Show the suite at work: import a sample, leaderboard, explanation, a live change, and everything sent twice."""
    # Ctrl-C ends it also when it was started by something that ignores Ctrl-C itself.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = session_of(context).out
    with tempfile.TemporaryDirectory(prefix="scoreline-demo-") as directory:
        data_dir = Path(directory) / "data"
        _headline(out, "1", "Start Postgres, NATS, five services and Envoy")
        began = time.monotonic()
        with SuiteProcess(
            data_dir, lambda component, state: _component(out, component, state)
        ) as suite:
            out.print(f"up after {time.monotonic() - began:.1f} s at {suite.http_url}")
            _show(out, suite, Path(directory), sample)
            if keep:
                _keep(out, suite)
    out.print("\nEverything has stopped; nothing is left behind.", style="dim")


def _show(out: Console, suite: RunningSuite, directory: Path, file: Path | None) -> None:
    session = Session(suite.grpc_target, suite.api_key, as_json=False)
    sample = file or _sample(directory)
    with session.client() as client:
        _headline(out, "2", f"Import {sample.name}: duplicates, late and malformed rows included")
        made = _import(out, session, client, sample)
        out.print("Each rejected row is kept with the reason, for instance:", style="dim")
        show_rejected(session, made)
        states = _wait_until_scored(out, client, suite, None)

        _headline(out, "3", "The leaderboard")
        entries = client.leads.leaderboard(limit=10)
        out.print(leaderboard_table(entries))

        _headline(out, "4", "Where one lead's points came from")
        leader = entries[0].lead
        timeline = list(client.leads.timeline(leader.lead_id))
        show_lead(out, leader, timeline, _TIMELINE_SHOWN)

        _headline(out, "5", "A live change over the stream")
        chosen = _below_the_top(client, states)
        _live_change(out, client, chosen)

        _headline(out, "6", "Send the whole file again")
        events = sum(state.event_count for state in states.values())
        before = _wait_until_scored(out, client, suite, events + 1)
        _import(out, session, client, sample)
        after = _wait_until_scored(out, client, suite, events + 1)
        _prove_unchanged(out, before, after)


def _sample(directory: Path) -> Path:
    """The shipped sample; made anew where only the package is installed."""
    if SAMPLE_FILE.exists():
        return SAMPLE_FILE
    path = directory / SAMPLE_FILE.name
    write_rows(SAMPLE, path)
    return path


def _import(out: Console, session: Session, client: Client, sample: Path) -> Import:
    """Import the sample to its end."""
    summary = run_import(session, client, str(sample))
    out.print(summary_line(summary), markup=False)
    if summary.made.state != Import.STATE_SUCCEEDED:
        raise CommandFailed(f"the sample was not imported: {summary.made.failure}")
    return summary.made


def _wait_until_scored(
    out: Console, client: Client, suite: RunningSuite, expected: int | None
) -> dict[str, LeadState]:
    """Every lead's state once nothing is under way; the ledger must have `expected` events by then, where that is
    known."""
    began = time.monotonic()
    with out.status("scoring ...") as status:

        def settled() -> dict[str, LeadState] | None:
            # The broker first: what it has handed over is in the ledger when the leads are read after it.
            lag = _lag(suite)
            states = _states(client)
            known = sum(state.event_count for state in states.values())
            status.update(f"scored {known:,} events, {len(states):,} leads")
            return states if known >= (expected or 1) and not lag else None

        states = _eventually(settled, SCORED_TIMEOUT_S, "the sample to be scored")
    known = sum(state.event_count for state in states.values())
    if expected is not None and known != expected:
        raise CommandFailed(f"the ledger has {known:,} events where {expected:,} are expected")
    out.print(
        f"{known:,} events of {len(states):,} leads in the ledger, nothing waiting "
        f"({time.monotonic() - began:.1f} s)"
    )
    return states


def _states(client: Client) -> dict[str, LeadState]:
    return {
        lead.lead_id: LeadState(lead.score, lead.stage, lead.version, lead.event_count)
        for lead in client.leads.list(page_size=_PAGE_SIZE)
    }


def _lag(suite: RunningSuite) -> int:
    try:
        return read_broker(suite.nats_monitor_url).lag(EVENTS_STREAM)
    except MonitorUnavailable as error:
        raise CommandFailed(f"the broker can't be looked at: {error}") from None


def _below_the_top(client: Client, states: dict[str, LeadState]) -> Lead:
    """A lead with room to rise: the one in the middle."""
    ranked = sorted(states, key=lambda lead_id: (states[lead_id].score, lead_id))
    return client.leads.get(ranked[len(ranked) // 2])


def _live_change(out: Console, client: Client, lead: Lead) -> None:
    reference = lead.identities[0]
    sent = event(
        "demo_request",
        event_id=f"live-{lead.lead_id[:100]}",
        **{_REFERENCE_FIELDS[reference.kind]: reference.value},  # type: ignore[arg-type]
    )
    messages = client.watch(
        lead_ids=[lead.lead_id],
        heartbeats=True,
        heartbeat_s=WATCH_HEARTBEAT_S,
        give_up_after_s=LIVE_TIMEOUT_S,
    )
    with closing(messages):
        # The first heartbeat says that the stream is open: from then on nothing is missed.
        next(messages)
        out.print(
            f"watching {lead.lead_id} at {points(lead.score)}; sending a demo_request ...",
            markup=False,
        )
        began = time.perf_counter()
        client.ingest.send(sent)
        acknowledged = time.perf_counter()
        for message in messages:
            if message.WhichOneof("message") == "score_change":
                _show_change(
                    out, message.score_change, acknowledged - began, time.perf_counter() - began
                )
                return
            if time.perf_counter() - began > LIVE_TIMEOUT_S:
                break
    raise CommandFailed(f"no change arrived within {LIVE_TIMEOUT_S:g} s")


def _show_change(
    out: Console, change: ScoreChange, acknowledged_s: float, arrived_s: float
) -> None:
    out.print(
        plain(
            f"{points(change.previous_score)} {change.previous_stage} -> {points(change.score)} {change.stage} "
            f"({points(change.delta, sign=True)}, version {change.version})"
        ),
        style="bold green",
    )
    out.print(
        f"durable after {acknowledged_s * 1000:.1f} ms, the change on the stream after {arrived_s * 1000:.1f} ms",
        style="dim",
    )


def _prove_unchanged(
    out: Console, before: dict[str, LeadState], after: dict[str, LeadState]
) -> None:
    changed = {
        lead_id
        for lead_id in before.keys() | after.keys()
        if before.get(lead_id) != after.get(lead_id)
    }
    versions_before = sum(state.version for state in before.values())
    versions_after = sum(state.version for state in after.values())
    out.print(
        f"leads compared: {len(before):,}; score, stage, version or events differ: {len(changed)}\n"
        f"score changes ever: {versions_before:,} before, {versions_after:,} after"
    )
    if changed:
        raise CommandFailed(f"sending again changed {len(changed)} leads, {min(changed)} for one")
    out.print("Everything was sent twice and no score changed.", style="bold green")


def _keep(out: Console, suite: RunningSuite) -> None:
    out.print(
        f"\nThe suite stays up at {suite.http_url} (gRPC on the same port), key {suite.api_key}",
        markup=False,
    )
    out.print("Ctrl-C stops it.", style="dim")
    try:
        while RunningSuite.at(suite.data_dir) is not None:
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        return
    raise CommandFailed("the suite has stopped by itself")


def _eventually(
    look: Callable[[], dict[str, LeadState] | None], timeout_s: float, what: str
) -> dict[str, LeadState]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(POLL_S)
    raise CommandFailed(f"waited {timeout_s:g} s in vain for {what}")


def _component(out: Console, component: str, state: str) -> None:
    if state == "ready":
        out.print(f"  ready: {component}", style="dim")


def _headline(out: Console, number: str, text: str) -> None:
    out.print()
    out.print(Rule(f"{number}. {text}", align="left", style="cyan"))
