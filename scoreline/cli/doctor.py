"""`scoreline doctor`: what is up, how fast it answers, which versions, and whether the broker keeps its promises."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Final

import httpx
import typer

from scoreline.cli.failures import FAILED, UNREACHABLE, describe
from scoreline.cli.nats_monitor import Broker, MonitorUnavailable, StreamState, read_broker
from scoreline.cli.output import plain, print_json
from scoreline.cli.session import Session, session_of
from scoreline.client import Client, RetryPolicy, errors
from scoreline.client.settings import version

HEARTBEAT_S: Final = 1.0
"""The shortest the service takes: a quiet watch shows within it that it is open."""
WATCH_GIVE_UP_S: Final = 3.0
HTTP_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    detail: str


def doctor(context: typer.Context) -> None:
    """Look at every part of the suite; exit code 1 when something is wrong, 4 when nothing answers."""
    session = session_of(context)
    checks = [Check("client", True, f"scoreline {version()}, Python {platform.python_version()}")]
    edge = _check_edge(session)
    checks.append(edge)
    with Client(session.target, session.api_key, retry=RetryPolicy(for_s=0)) as client:
        services = [
            _check(session, "accounts", lambda: f"project {client.keys.project().project_id}"),
            _check(session, "rules", lambda: f"rule set {client.rules.list().rule_set_version}"),
            _check(session, "scoring", lambda: f"{client.leads.stage_counts().total_count:,} leads"),
            _check(session, "ingest", lambda: _ask_ingest(client)),
            _check(session, "notify", lambda: _ask_notify(client)),
        ]  # fmt: skip
    checks += services
    checks += _check_broker(session)
    for check in checks:
        if session.as_json:
            print_json(asdict(check))
            continue
        mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
        session.out.print(f"{mark} {check.name:<14}", plain(check.detail), soft_wrap=True)
    if not edge.ok and not any(check.ok for check in services):
        raise typer.Exit(UNREACHABLE)
    if not all(check.ok for check in checks):
        raise typer.Exit(FAILED)


def _check(session: Session, name: str, ask: Callable[[], str]) -> Check:
    began = time.perf_counter()
    try:
        answer = ask()
    except errors.ScorelineError as error:
        return Check(name, False, describe(error, session.target)[1])
    return Check(name, True, f"{answer} ({(time.perf_counter() - began) * 1000:.0f} ms)")


def _ask_ingest(client: Client) -> str:
    client.ingest.probe()
    return "takes events"


def _ask_notify(client: Client) -> str:
    watching = client.watch(
        heartbeats=True, heartbeat_s=HEARTBEAT_S, give_up_after_s=WATCH_GIVE_UP_S
    )
    with closing(watching):
        next(watching)
    return "watch is open"


def _check_edge(session: Session) -> Check:
    url = session.suite.http_url if session.suite is not None else ""
    url = url or (session.target if "://" in session.target else f"http://{session.target}")
    try:
        answer = httpx.get(f"{url}/healthz", timeout=HTTP_TIMEOUT_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Check("edge", False, f"{url}/healthz: {error}")
    if answer.status_code != httpx.codes.OK:
        return Check("edge", False, f"{url}/healthz says {answer.status_code}: a service is down")
    return Check("edge", True, f"{url}, gRPC {session.target}")


def _check_broker(session: Session) -> list[Check]:
    url = session.suite.nats_monitor_url if session.suite is not None else ""
    if not url:
        return []
    try:
        broker = read_broker(url)
    except MonitorUnavailable as error:
        return [Check("broker", False, str(error))]
    return [
        Check("broker", True, f"NATS {broker.version}"),
        _check_fsync(broker),
        *(Check(stream.name, True, _stream_line(stream)) for stream in broker.streams),
    ]


def _check_fsync(broker: Broker) -> Check:
    if broker.fsync == "always":
        return Check("durability", True, "fsync always: an acknowledged event survives a power cut")
    return Check(
        "durability",
        False,
        f"fsync {broker.fsync}: set `sync_interval: always`, or a power cut loses acknowledged events",
    )


def _stream_line(stream: StreamState) -> str:
    said = [f"{stream.messages:,} messages, {stream.size_bytes:,} bytes"]
    said += [f"{one.name} lags {one.lag:,}" for one in stream.consumers if one.durable]
    passing = [one.lag for one in stream.consumers if not one.durable]
    if passing:
        said.append(f"{len(passing)} passing readers lag {sum(passing):,}")
    return "; ".join(said)
