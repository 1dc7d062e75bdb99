"""`scoreline tasks` and `scoreline owners`: what automations leave to people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.leads import lead_id_of
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import Session, session_of
from scoreline.notify.v1.follow_ups_service_pb2 import LeadOwner, Task

tasks_app = typer.Typer(no_args_is_help=True, help="What people are to do about leads.")
owners_app = typer.Typer(no_args_is_help=True, help="Who takes care of a lead.")

STATES: Final = ("open", "done", "all")

_LEAD: Final = "An id or a reference: email:ada@example.com"

_TaskId = Annotated[str, typer.Argument(metavar="TASK", help="tsk_..., as `list` shows it.")]
_TaskIds = Annotated[
    list[str], typer.Argument(metavar="TASK...", help="tsk_..., as `list` shows them.")
]
_Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


@tasks_app.command("list")
def list_tasks(
    context: typer.Context,
    state: Annotated[str, typer.Option(help=f"{', '.join(STATES)}.")] = "open",
    lead: Annotated[str, typer.Option(help=f"Only of this lead. {_LEAD}")] = "",
    assignee: Annotated[str, typer.Option(help="Only those that this one is to do.")] = "",
    limit: _Limit = 25,
) -> None:
    """What is to be done, newest first."""
    if state not in STATES:
        raise typer.BadParameter(f"must be one of {', '.join(STATES)}", param_hint="--state")
    session = session_of(context)
    with session.client() as client:
        wanted = client.follow_ups.tasks(
            state="" if state == "all" else state,
            lead_id=lead_id_of(client, lead),
            assignee=assignee,
            page_size=min(limit, 200),
        )
        found = list(islice(wanted, limit))
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("nothing to do" if state == "open" else "no tasks")
        return
    _show_tasks(session, found)


@tasks_app.command("done")
def done(context: typer.Context, task_ids: _TaskIds) -> None:
    """Say that tasks are done."""
    session = session_of(context)
    with session.client() as client:
        _report(session, [client.follow_ups.complete_task(task_id) for task_id in task_ids])


@tasks_app.command("reopen")
def reopen(context: typer.Context, task_ids: _TaskIds) -> None:
    """Say that tasks are to be done after all."""
    session = session_of(context)
    with session.client() as client:
        _report(
            session,
            [client.follow_ups.update_task(task_id, state="open") for task_id in task_ids],
        )


@tasks_app.command("assign")
def assign(
    context: typer.Context,
    task_id: _TaskId,
    assignee: Annotated[
        str | None, typer.Argument(metavar="[WHO]", help="Who is to do it: an address or a name.")
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody yet.")] = False,
) -> None:
    """Say who is to do a task."""
    session = session_of(context)
    who = _who(assignee, nobody)
    with session.client() as client:
        _report(session, [client.follow_ups.update_task(task_id, assignee=who)])


@owners_app.command("list")
def list_owners(
    context: typer.Context,
    owner: Annotated[str, typer.Option(help="Only leads of this one.")] = "",
    lead: Annotated[
        list[str] | None, typer.Option("--lead", help=f"Only this lead; repeat it. {_LEAD}")
    ] = None,
    limit: _Limit = 25,
) -> None:
    """Which leads have an owner, newest first."""
    session = session_of(context)
    with session.client() as client:
        wanted = client.follow_ups.owners(
            owner=owner,
            lead_ids=[lead_id_of(client, one) for one in lead or ()],
            page_size=min(limit, 200),
        )
        found = list(islice(wanted, limit))
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("no owners")
        return
    table = Table("lead", "owner", "since", "assigned by", box=None, header_style="bold")
    for one in found:
        table.add_row(*_owner_row(one))
    session.out.print(table)


@owners_app.command("set")
def set_owner(
    context: typer.Context,
    lead: Annotated[str, typer.Argument(metavar="LEAD", help=_LEAD)],
    owner: Annotated[
        str | None, typer.Argument(metavar="[OWNER]", help="An address or a name.")
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody any more.")] = False,
) -> None:
    """Give a lead to somebody, or to nobody."""
    session = session_of(context)
    who = _who(owner, nobody)
    with session.client() as client:
        now = client.follow_ups.set_owner(lead_id_of(client, lead), who)
    if session.as_json:
        print_json(now)
        return
    of = f"is {now.owner}'s" if now.owner else "is nobody's"
    session.out.print(plain(f"{now.lead_id} {of}"))


def _who(named: str | None, nobody: bool) -> str:
    if bool(named) == nobody:
        raise CommandFailed("name somebody or say --nobody: one of them", USAGE)
    return named or ""


def _report(session: Session, tasks: Sequence[Task]) -> None:
    if session.as_json:
        for one in tasks:
            print_json(one)
        return
    _show_tasks(session, tasks)


def _show_tasks(session: Session, tasks: Sequence[Task]) -> None:
    table = Table("task", "what", "lead", "who", "due", "state", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for one in tasks:
        state = Task.State.Name(one.state).removeprefix("STATE_").lower()
        table.add_row(
            one.task_id, plain(one.title), plain(one.lead_id), plain(one.assignee), _due(one), state,
            style="dim" if one.state == Task.STATE_DONE else "",
        )  # fmt: skip
    session.out.print(table)


def _due(task: Task) -> Text:
    late = (
        task.HasField("due_time")
        and task.state == Task.STATE_OPEN
        and task.due_time.ToDatetime(UTC) < datetime.now(UTC)
    )
    return Text(when(task.due_time), "red" if late else "")


def _owner_row(owner: LeadOwner) -> tuple[Text, Text, str, str]:
    by = owner.automation_id or "by hand"
    return plain(owner.lead_id), plain(owner.owner), when(owner.assign_time), by
