"""`scoreline watch`: score changes as they happen, as a live table, as lines, or as JSON. Its subcommands are in
watch_feeds.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scoreline.cli.output import effect_style, plain, points, print_json, stage, when
from scoreline.cli.session import Session, session_of
from scoreline.client.requests import CAUSES
from scoreline.notify.v1.notify_service_pb2 import BulkSummary, WatchScoresResponse
from scoreline.scoring.v1.score_change_pb2 import ScoreChange, ScoreChangeCause

ROWS_SHOWN: Final = 20
"""The newest changes fit a screen."""
_REFRESHES_PER_S = 8


app = typer.Typer(
    invoke_without_command=True,
    help="Watch score changes until Ctrl-C, or, with a command, the leaderboard or all activity.",
)


@app.callback()
def watch(
    context: typer.Context,
    leads: Annotated[
        list[str] | None, typer.Option("--lead", help="Only this lead id; may be repeated.")
    ] = None,
    stages: Annotated[
        list[str] | None, typer.Option("--stage", help="Only into, within or out of this stage.")
    ] = None,
    min_delta: Annotated[
        float, typer.Option(help="Only changes by at least so many points.", min=0)
    ] = 0,
    stage_changes_only: Annotated[
        bool, typer.Option("--stage-changes-only", help="Only changes of stage.")
    ] = False,
    filter: Annotated[
        str,
        typer.Option(
            help="Only changes for which this CEL expression is true: 'change.score >= 60 && change.delta > 0'."
        ),
    ] = "",
    causes: Annotated[
        list[str] | None,
        typer.Option(
            "--cause",
            help=f"Only changes with this cause: {', '.join(CAUSES).lower()}; may be repeated.",
        ),
    ] = None,
    latest_only: Annotated[
        bool,
        typer.Option("--latest-only", help="When reading slowly, only the newest of each lead."),
    ] = False,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary", help="Changes by rules, replays and fading added up, once a second."
        ),
    ] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Begin with the leads as they are.")
    ] = False,
    resume_token: Annotated[
        str, typer.Option(help="Continue after the message that had this token.")
    ] = "",
    resync: Annotated[
        bool,
        typer.Option("--resync", help="When the token has expired, go on with a snapshot."),
    ] = False,
    limit: Annotated[int, typer.Option(help="End after so many changes; 0: never.", min=0)] = 0,
) -> None:
    """Watch score changes until Ctrl-C. Broken connections are resumed, without a gap or a repetition."""
    if context.invoked_subcommand is not None:
        return
    session = session_of(context)
    wanted = [cause.upper() for cause in causes or ()]
    for cause in wanted:
        if cause not in CAUSES:
            raise typer.BadParameter(
                f"must be one of {', '.join(CAUSES).lower()}", param_hint="--cause"
            )
    if snapshot and resume_token:
        raise typer.BadParameter("not together with --resume-token", param_hint="--snapshot")
    with (
        session.client() as client,
        closing(
            client.watch(
                lead_ids=leads or (),
                stages=stages or (),
                min_delta=min_delta,
                stage_changes_only=stage_changes_only,
                filter=filter,
                causes=wanted,
                latest_only=latest_only,
                bulk_as_summary=summary,
                snapshot=snapshot,
                resume_token=resume_token,
                resync=resync,
            )
        ) as messages,
    ):
        try:
            _show(session, _up_to(messages, limit))
        except KeyboardInterrupt:
            # How a watch is meant to end.
            return


def _up_to(messages: Iterable[WatchScoresResponse], limit: int) -> Iterable[WatchScoresResponse]:
    seen = 0
    for message in messages:
        yield message
        seen += message.WhichOneof("message") in ("score_change", "bulk_summary")
        if limit and seen >= limit:
            return


def _show(session: Session, messages: Iterable[WatchScoresResponse]) -> None:
    if session.as_json:
        for message in messages:
            print_json(message)
    elif session.out.is_terminal:
        _show_table(session, messages)
    else:
        for message in messages:
            _show_line(session, message)


def _show_table(session: Session, messages: Iterable[WatchScoresResponse]) -> None:
    rows: deque[ScoreChange] = deque(maxlen=ROWS_SHOWN)
    leads = changes = 0
    with Live(console=session.out, refresh_per_second=_REFRESHES_PER_S) as live:
        live.update(Text("watching; Ctrl-C ends it", "dim"))
        for message in messages:
            kind = message.WhichOneof("message")
            if kind == "score_change":
                rows.append(message.score_change)
                changes += 1
            elif kind == "snapshot_lead":
                leads += 1
            elif kind == "bulk_summary":
                changes += message.bulk_summary.change_count
                live.console.print(Text(_summary(message.bulk_summary), "dim"))
            live.update(_table(rows, changes, leads))


def _table(rows: Iterable[ScoreChange], changes: int, leads: int) -> Table:
    snapshot = f"{leads:,} leads in the snapshot, " if leads else ""
    table = Table(
        box=None, header_style="bold", caption=f"{snapshot}{changes:,} changes; Ctrl-C ends it"
    )
    table.add_column("time")
    table.add_column("lead")
    table.add_column("cause")
    table.add_column("change", justify="right")
    table.add_column("score", justify="right")
    table.add_column("stage")
    for one in rows:
        table.add_row(
            when(one.change_time), plain(one.lead_id), plain(_cause(one)),
            Text(points(one.delta, sign=True), effect_style(one.delta)), points(one.score), _stage(one),
        )  # fmt: skip
    return table


def _show_line(session: Session, message: WatchScoresResponse) -> None:
    kind = message.WhichOneof("message")
    if kind == "score_change":
        one = message.score_change
        line = (
            f"{when(one.change_time)} {one.lead_id} {_cause(one)} {points(one.delta, sign=True)} -> "
            f"{points(one.score)} {_stage(one).plain}"
        )
    elif kind == "snapshot_lead":
        lead = message.snapshot_lead
        now = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        line = f"{now} {lead.lead_id} is at {points(lead.score)} {lead.stage}"
    elif kind == "bulk_summary":
        now = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        line = f"{now} {_summary(message.bulk_summary)}"
    else:
        return
    session.out.print(plain(line.rstrip()), soft_wrap=True)


def _summary(summary: BulkSummary) -> str:
    version = summary.rule_set_version
    reason = {
        ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES: f"rules {version}",
        ScoreChangeCause.SCORE_CHANGE_CAUSE_REPLAY: "a replay",
        ScoreChangeCause.SCORE_CHANGE_CAUSE_DECAY: "fading",
    }.get(summary.cause, "")
    return (
        f"{summary.change_count:,} changes by {reason}: {summary.up_count:,} up, {summary.down_count:,} down, "
        f"{summary.stage_change_count:,} of stage"
    )


def _cause(change: ScoreChange) -> str:
    if change.cause == ScoreChangeCause.SCORE_CHANGE_CAUSE_RULES:
        return f"rules {change.rule_set_version}"
    if change.cause == ScoreChangeCause.SCORE_CHANGE_CAUSE_DECAY:
        return "faded"
    if change.cause == ScoreChangeCause.SCORE_CHANGE_CAUSE_REPLAY:
        return "replay"
    return f"{change.event_type}{' (late)' if change.late else ''}"


def _stage(change: ScoreChange) -> Text:
    if change.previous_stage == change.stage:
        return stage(change.stage)
    return Text.assemble(stage(change.previous_stage), " -> ", stage(change.stage))
