"""`scoreline watch leaderboard` and `scoreline watch activity`: what is so now, as it changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scoreline.cli.output import bar, effect_style, plain, points, print_json, stage, when
from scoreline.cli.session import Session, session_of
from scoreline.client.live_board import LiveBoard
from scoreline.notify.v1.notify_service_pb2 import (
    Activity,
    LeaderboardChange,
    LeaderboardChangeKind,
    LeaderboardPlace,
    WatchActivityResponse,
    WatchLeaderboardResponse,
)

_BAR_WIDTH: Final = 30
_REFRESHES_PER_S: Final = 8


def add_to(app: typer.Typer) -> None:
    """Make them subcommands."""
    app.command("leaderboard")(leaderboard)
    app.command("activity")(activity)


def leaderboard(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Places on the board.", min=1, max=100)] = 10,
    stages: Annotated[
        list[str] | None, typer.Option("--stage", help="Only leads in this stage; may be repeated.")
    ] = None,
    updates: Annotated[int, typer.Option(help="End after so many updates; 0: never.", min=0)] = 0,
) -> None:
    """Watch the leaderboard until Ctrl-C."""
    session = session_of(context)
    with (
        session.client() as client,
        closing(client.watch_leaderboard(limit=limit, stages=stages or ())) as messages,
    ):
        try:
            _show_board(session, _updates(messages, updates))
        except KeyboardInterrupt:
            # How a watch is meant to end.
            return


def _updates(
    messages: Iterable[WatchLeaderboardResponse], limit: int
) -> Iterable[WatchLeaderboardResponse]:
    for seen, message in enumerate(messages, 1):
        yield message
        if limit and seen >= limit:
            return


def _show_board(session: Session, messages: Iterable[WatchLeaderboardResponse]) -> None:
    if session.as_json:
        for message in messages:
            print_json(message)
    elif session.out.is_terminal:
        board = LiveBoard()
        with Live(console=session.out, refresh_per_second=_REFRESHES_PER_S) as live:
            for message in messages:
                board.take(message)
                live.update(_table(board.places))
    else:
        for message in messages:
            for place in message.board.places:
                session.out.print(plain(f"{_now()} {_line(place)}"), soft_wrap=True)
            for change in message.update.changes:
                session.out.print(plain(f"{_now()} {_change_line(change)}"), soft_wrap=True)


def _table(places: Sequence[LeaderboardPlace]) -> Table:
    table = Table(box=None, header_style="bold", caption="Ctrl-C ends it")
    table.add_column("#", justify="right")
    table.add_column("lead")
    table.add_column("score", justify="right")
    table.add_column("", width=_BAR_WIDTH)
    table.add_column("stage")
    greatest = places[0].score if places else 0.0
    for place in places:
        table.add_row(
            str(place.rank), plain(_name(place)), points(place.score),
            Text(bar(place.score, greatest, _BAR_WIDTH), "cyan"), stage(place.stage),
        )  # fmt: skip
    return table


def _line(place: LeaderboardPlace) -> str:
    return f"#{place.rank} {_name(place)} {points(place.score)} {place.stage}".rstrip()


def _change_line(change: LeaderboardChange) -> str:
    if change.kind == LeaderboardChangeKind.LEADERBOARD_CHANGE_KIND_LEFT:
        return f"{_name(change.place)} left the board"
    if change.kind == LeaderboardChangeKind.LEADERBOARD_CHANGE_KIND_ENTERED:
        return f"{_line(change.place)}, new on the board"
    return (
        f"{_line(change.place)}, was #{change.previous_rank} with {points(change.previous_score)}"
    )


def _name(place: LeaderboardPlace) -> str:
    return place.display_name or place.email or place.lead_id


def activity(
    context: typer.Context,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; may be repeated.")
    ] = None,
    leads: Annotated[
        list[str] | None, typer.Option("--lead", help="Only this lead id; may be repeated.")
    ] = None,
    interval: Annotated[
        float, typer.Option(help="Show one event in so many seconds at most.", min=0, max=60)
    ] = 0,
    limit: Annotated[int, typer.Option(help="End after so many events; 0: never.", min=0)] = 0,
) -> None:
    """Watch events as they are scored until Ctrl-C. When there are too many, some are left out and counted."""
    session = session_of(context)
    with (
        session.client() as client,
        closing(
            client.watch_activity(types=types or (), lead_ids=leads or (), min_interval_s=interval)
        ) as messages,
    ):
        try:
            for seen, message in enumerate(messages, 1):
                _show_event(session, message)
                if limit and seen >= limit:
                    return
        except KeyboardInterrupt:
            # How a watch is meant to end.
            return


def _show_event(session: Session, message: WatchActivityResponse) -> None:
    if session.as_json:
        print_json(message)
        return
    if message.skipped_count:
        session.out.print(Text(f"  ... {message.skipped_count:,} left out", "dim"))
    session.out.print(_event_line(message.activity), soft_wrap=True)


def _event_line(one: Activity) -> Text:
    late = " (late)" if one.late else ""
    return Text.assemble(
        (f"{when(one.occur_time)} ", "dim"),
        plain(f"{one.lead_id} {one.type}{late} "),
        (points(one.delta, sign=True), effect_style(one.delta)),
        f" -> {points(one.score)} ",
        stage(one.stage),
    )


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
