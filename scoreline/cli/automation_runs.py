"""`scoreline automations executions`, `retry` and `test`: what an automation did, and what it would do."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreline.cli.automation_fields import set_fields
from scoreline.cli.automation_files import read, stand_in
from scoreline.cli.automation_texts import execution_state, outcomes
from scoreline.cli.failures import FAILED, USAGE, CommandFailed
from scoreline.cli.leads import lead_id_of
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.rule_sets import faults_line_by_line
from scoreline.cli.session import session_of
from scoreline.client import Client
from scoreline.notify.v1.automation_pb2 import Automation, AutomationExecution
from scoreline.notify.v1.automations_service_pb2 import (
    ActionPreview,
    TestAutomationResponse,
)

STATES: Final = ("pending", "succeeded", "failed")
SHOWN: Final = 20
"""Of executions that would have been; the newest fill a screen, the count is of all."""

_ID: Final = re.compile(r"aut_[A-Za-z0-9]{24}")

AutomationId = Annotated[
    str, typer.Argument(metavar="AUTOMATION", help="aut_..., as `list` shows it.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="A field, e.g. actions[0].slack.text=Hello; `@FILE` is what a file has, `@-` stdin, `@@` a plain @.",
    ),
]
SetEnvironmentOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set-env",
        metavar="PATH=VARIABLE",
        help="A field, from the environment: a secret that is on no command line.",
    ),
]


def executions(
    context: typer.Context,
    automation_id: AutomationId,
    failed: Annotated[bool, typer.Option("--failed", help="Only dead letters.")] = False,
    state: Annotated[str, typer.Option(help=f"Only {', '.join(STATES)}.")] = "",
    lead: Annotated[
        str, typer.Option(help="Only of this lead: an id or email:ada@example.com")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 25,
) -> None:
    """What it did or is to do, newest first, and what became of each action."""
    if state and (state not in STATES or failed):
        said = f"must be one of {', '.join(STATES)}" if not failed else "or --failed: one of them"
        raise typer.BadParameter(said, param_hint="--state")
    session = session_of(context)
    with session.client() as client:
        wanted = client.automations.executions(
            automation_id,
            state="failed" if failed else state,
            lead_id=lead_id_of(client, lead),
            page_size=min(limit, 200),
        )
        found = list(islice(wanted, limit))
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("no executions")
        return
    table = Table("execution", "lead", "set off", "state", "actions", box=None)
    table.columns[0].no_wrap = True
    for one in found:
        table.add_row(
            one.execution_id, plain(one.lead_id), when(one.trigger_time), execution_state(one),
            outcomes(one.actions),
        )  # fmt: skip
    session.out.print(table)


def retry(
    context: typer.Context,
    automation_id: AutomationId,
    execution_id: Annotated[
        str, typer.Argument(metavar="EXECUTION", help="exe_..., as `executions --failed` shows it.")
    ],
) -> None:
    """Try an execution that failed once more: those of its actions that have not been carried out."""
    session = session_of(context)
    with session.client() as client:
        pending = client.automations.retry(automation_id, execution_id)
    if session.as_json:
        print_json(pending)
        return
    _show_execution(session.out, pending)


def try_out(
    context: typer.Context,
    automation: Annotated[
        str, typer.Argument(metavar="AUTOMATION|FILE", help="aut_..., or a file; - for stdin.")
    ],
    lead: Annotated[
        str, typer.Option(help="On this lead as it is now: an id or email:ada@example.com")
    ] = "",
    days: Annotated[int, typer.Option(min=0, max=30, help="Or on what happened in so many.")] = 0,
    settings: SetOption = None,
    environment: SetEnvironmentOption = None,
) -> None:
    """Say what it would do, or would have done; nothing is done. Exit code 1 where an action would fail."""
    if bool(lead) == bool(days):
        raise CommandFailed("give --lead or --days: one of them", USAGE)
    session = session_of(context)
    with session.client() as client, faults_line_by_line():
        tried = _wanted(client, automation, settings or [], environment or [])
        found = (
            client.automations.test_on_lead(tried, lead)
            if lead
            else client.automations.test_on_days(tried, days)
        )
    if session.as_json:
        print_json(found)
    else:
        _show_tried(session.out, found, on_lead=bool(lead))
    if any(one.error for one in found.previews):
        raise typer.Exit(FAILED)


def _wanted(
    client: Client, named: str, settings: list[str], environment: list[str]
) -> str | Automation:
    """An automation that is there by its id, or one that is not or not yet so."""
    is_id = _ID.fullmatch(named) is not None and not Path(named).exists()
    if is_id and not settings and not environment:
        return named
    automation = client.automations.get(named) if is_id else read(named)
    set_fields(automation, settings, environment)
    stand_in(automation)
    return automation


def _show_tried(console: Console, found: TestAutomationResponse, *, on_lead: bool) -> None:
    if not on_lead:
        _show_days(console, found)
    elif found.would_act:
        console.print("would act", style="green")
    else:
        console.print(Text.assemble(("would not act", "yellow"), plain(f": {found.reason}")))
    for number, preview in enumerate(found.previews, start=1):
        _show_preview(console, number, preview)


def _show_days(console: Console, found: TestAutomationResponse) -> None:
    console.print(
        f"would have acted {_times(found.execution_count)}, on {_count(found.lead_count, 'lead')}; "
        f"{_count(found.change_count, 'score change')} since {when(found.from_time)}",
        style="green" if found.would_act else "yellow",
        soft_wrap=True,
    )
    if not found.executions:
        return
    table = Table("lead", "version", "set off", "within", box=None)
    table.columns[1].justify = "right"
    for one in found.executions[:SHOWN]:
        version = str(one.lead_version) if one.lead_version else ""
        table.add_row(plain(one.lead_id), version, when(one.trigger_time), plain(one.bucket))
    console.print(table)
    if found.execution_count > SHOWN:
        console.print(f"... and {found.execution_count - SHOWN:,} before", style="dim")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _show_preview(console: Console, number: int, preview: ActionPreview) -> None:
    console.print(f"{number}. {preview.kind}", style="bold", markup=False)
    for line in _content(preview):
        console.print(plain(f"   {line}"), soft_wrap=True)
    if preview.error:
        console.print(plain(f"   would fail: {preview.error}"), style="red", soft_wrap=True)


def _content(preview: ActionPreview) -> list[str]:
    """A field a line; texts of several lines below their name."""
    lines = []
    # Protobuf keeps maps in no order.
    for name, value in sorted(MessageToDict(preview.content).items()):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *others = text.splitlines() or [""]
        if others:
            lines += [f"{name}:", *(f"  {line}" for line in (first, *others))]
        else:
            lines.append(f"{name}: {first}")
    return lines


def _show_execution(console: Console, execution: AutomationExecution) -> None:
    title = Text.assemble((execution.execution_id, "bold"), "  ", execution_state(execution))
    console.print(title)
    console.print(outcomes(execution.actions))
