"""`scoreline automations`: rules that act on leads. What they did, and what they would do, is in automation_runs.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from scoreline.cli import automation_runs
from scoreline.cli.automation_fields import is_set, set_fields
from scoreline.cli.automation_files import check_secrets, read, write
from scoreline.cli.automation_runs import AutomationId, SetEnvironmentOption, SetOption
from scoreline.cli.automation_texts import (
    action_text,
    frequency_text,
    kinds,
    trigger_text,
)
from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.rule_sets import faults_line_by_line
from scoreline.cli.session import Session, session_of
from scoreline.client import Client
from scoreline.notify.v1.automation_pb2 import Automation

app = typer.Typer(no_args_is_help=True, help="Rules that act on leads, and what they did.")

PARTS: Final = (
    "display_name", "description", "trigger", "condition", "frequency", "actions", "disabled",
    "include_bulk_changes",
)  # fmt: skip
"""What may be changed, by its name in the contract."""


@app.command("templates")
def templates(
    context: typer.Context,
    template: Annotated[
        str | None,
        typer.Argument(metavar="[TEMPLATE]", help="Show this one as YAML, to make a file of it."),
    ] = None,
) -> None:
    """Automations that are shipped, and what is to be filled in."""
    session = session_of(context)
    with session.client() as client:
        found = client.automations.templates()
        chosen = None if template is None else _template(client, template)
    if chosen is not None:
        if session.as_json:
            print_json(chosen)
            return
        for path in chosen.to_fill_in:
            sys.stdout.write(f"# to be filled in: {path}\n")
        sys.stdout.write(write(chosen.automation))
        return
    for one in found:
        if session.as_json:
            print_json(one)
            continue
        session.out.print(plain(one.template_id), style="bold")
        said = one.automation.description or one.automation.display_name
        session.out.print(plain(f"  {said}"), soft_wrap=True)
        if one.to_fill_in:
            session.out.print(plain(f"  --set {' --set '.join(one.to_fill_in)}"), soft_wrap=True)


@app.command("create")
def create(
    context: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="YAML or JSON, as `export` writes it; - for stdin."),
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="ID", help="One that is shipped; `templates` lists them.")
    ] = None,
    settings: SetOption = None,
    environment: SetEnvironmentOption = None,
) -> None:
    """Make an automation, from a file or a template. It acts on what happens from now on."""
    if (file is None) == (template is None):
        raise CommandFailed("name a file or a --template: one of them", USAGE)
    session = session_of(context)
    with session.client() as client, faults_line_by_line():
        if template is not None:
            automation = _filled_in(client, template, settings or [], environment or [])
        else:
            automation = read(str(file))
            set_fields(automation, settings or (), environment or ())
        check_secrets(automation)
        made = client.automations.create(automation)
    _show(session, made)


@app.command("show")
def show(context: typer.Context, automation_id: AutomationId) -> None:
    """One automation: what sets it off, where, and what it does."""
    session = session_of(context)
    with session.client() as client:
        found = client.automations.get(automation_id)
    _show(session, found)


@app.command("list")
def list_automations(context: typer.Context) -> None:
    """All automations, newest first."""
    session = session_of(context)
    with session.client() as client:
        found = list(client.automations.list())
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("nothing acts: `scoreline automations templates`, `... create`")
        return
    table = Table("automation", "name", "when", "does", "state", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for one in found:
        table.add_row(
            one.automation_id, plain(one.display_name), plain(trigger_text(one.trigger)),
            kinds(one), _state(one), style="dim" if one.disabled else "",
        )  # fmt: skip
    session.out.print(table)


@app.command("update")
def update(
    context: typer.Context,
    automation_id: AutomationId,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="What it is to be, whole; - for standard input."),
    ] = None,
    settings: SetOption = None,
    environment: SetEnvironmentOption = None,
) -> None:
    """Make it what a file says, whole: what that leaves out is emptied; or change single fields. A secret that is `***`
    stays what it is."""
    if file is None and not settings and not environment:
        raise CommandFailed("nothing to change: name a file or --set", USAGE)
    session = session_of(context)
    with session.client() as client, faults_line_by_line():
        found = client.automations.get(automation_id)
        wanted = Automation()
        wanted.CopyFrom(found if file is None else read(file))
        set_fields(wanted, settings or (), environment or ())
        changes: dict[str, Any] = {
            name: getattr(wanted, name)
            for name in PARTS
            if getattr(wanted, name) != getattr(found, name)
        }
        # Whoever is faster must not be undone: a file may say which state it is of, else it is the one just read.
        etag = wanted.etag or found.etag
        changed = (
            client.automations.update(automation_id, **changes, etag=etag) if changes else found
        )
    _show(session, changed)


@app.command("enable")
def enable(context: typer.Context, automation_id: AutomationId) -> None:
    """Let it act on what happens from now on."""
    _switch(session_of(context), automation_id, disabled=False)


@app.command("disable")
def disable(context: typer.Context, automation_id: AutomationId) -> None:
    """Let it rest: nothing sets it off. What was triggered before waits, up to 7 days."""
    _switch(session_of(context), automation_id, disabled=True)


@app.command("delete")
def delete(context: typer.Context, automation_id: AutomationId) -> None:
    """Remove it with its executions. Tasks and owners stay."""
    session = session_of(context)
    with session.client() as client:
        client.automations.delete(automation_id)
    if not session.as_json:
        session.out.print("gone")


@app.command("export")
def export(
    context: typer.Context,
    automation_id: AutomationId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
) -> None:
    """An automation as YAML, to be kept in version control; secrets are `***`."""
    session = session_of(context)
    with session.client() as client:
        found = client.automations.get(automation_id)
    text = write(found)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{output}: {error.strerror}") from error
    if session.as_json:
        print_json({"yaml": text})
    elif output is None:
        sys.stdout.write(text)
    else:
        session.out.print(f"{automation_id} is in {output}", markup=False)


app.command("executions")(automation_runs.executions)
app.command("retry")(automation_runs.retry)
app.command("test")(automation_runs.try_out)


def _template(client: Client, template_id: str) -> Any:
    found = {one.template_id: one for one in client.automations.templates()}
    if template_id not in found:
        raise CommandFailed(f"there is no template {template_id}; there are {', '.join(found)}")
    return found[template_id]


def _filled_in(
    client: Client, template_id: str, settings: list[str], environment: list[str]
) -> Automation:
    template = _template(client, template_id)
    automation = Automation()
    automation.CopyFrom(template.automation)
    set_fields(automation, settings, environment)
    if missing := [path for path in template.to_fill_in if not is_set(automation, path)]:
        wanted = " ".join(f"--set {path}=..." for path in missing)
        raise CommandFailed(f"{template_id} is to be filled in: {wanted}", USAGE)
    return automation


def _switch(session: Session, automation_id: str, *, disabled: bool) -> None:
    with session.client() as client:
        changed = client.automations.update(automation_id, disabled=disabled)
    _show(session, changed)


def _show(session: Session, automation: Automation) -> None:
    if session.as_json:
        print_json(automation)
        return
    out = session.out
    title = Text.assemble((automation.automation_id, "bold"), "  ", plain(automation.display_name))
    out.print(title.append(f"  {_state(automation)}", "yellow" if automation.disabled else "green"))
    bulk = "rule activations and replays, too" if automation.include_bulk_changes else ""
    often = "" if automation.trigger.HasField("daily") else frequency_text(automation)
    for what, value in (
        ("", automation.description),
        ("when   ", trigger_text(automation.trigger)),
        ("where  ", automation.condition),
        ("often  ", often),
        ("also   ", bulk),
        ("since  ", when(automation.active_since_time)),
    ):
        if value:
            _say(session, what, value)
    for number, action in enumerate(automation.actions, start=1):
        _say(session, f"  {number}. ", action_text(action))


def _say(session: Session, what: str, value: str) -> None:
    """Texts of others may have several lines."""
    for line in value.splitlines():
        session.out.print(plain(f"{what}{line}"), soft_wrap=True)


def _state(automation: Automation) -> str:
    return "disabled" if automation.disabled else "enabled"
