"""What `scoreline rules` does with whole rule sets: validate, create, import, export, diff, activate, roll back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from google.protobuf.json_format import ParseDict, ParseError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scoreline.cli.failures import FAILED, CommandFailed
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.rule_texts import effective as parsed_effective
from scoreline.cli.session import Session, session_of
from scoreline.client import errors
from scoreline.rules.v1.golden_test_pb2 import GoldenTestResult
from scoreline.rules.v1.rule_set_pb2 import Activation, RuleSet
from scoreline.rules.v1.rules_service_pb2 import (
    DifferenceKind,
    DiffRuleSetsResponse,
    RuleSetDifference,
    RuleSetFault,
    ValidateRuleSetResponse,
)

STDIN: Final = "-"

_File = Annotated[str, typer.Argument(metavar="FILE", help="A file; - for standard input.")]
_Replace = Annotated[
    bool, typer.Option("--replace", help="Replace the draft where there is one already.")
]
_Effective = Annotated[
    str | None,
    typer.Option(
        "--effective",
        metavar="all|now|TIME",
        help="Score all history, or events that happen from now or a time on; else as the rules' binding says.",
    ),
]


def validate(
    context: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="YAML; - for standard input. Else a version."),
    ] = None,
    version: Annotated[
        int, typer.Option(help="The version; 0: the draft where there is one, else the active.")
    ] = 0,
) -> None:
    """Say everything that is wrong with a rule set, and how its golden tests come out. Changes nothing."""
    session = session_of(context)
    text = None if file is None else text_of(file)
    with session.client() as client:
        found = client.rules.validate(version if text is None else None, yaml=text)
    if session.as_json:
        print_json(found)
    else:
        show_validation(session.out, found)
    if not found.valid:
        raise typer.Exit(FAILED)


def create(context: typer.Context, file: _File, replace: _Replace = False) -> None:
    """Make the draft say what a rule set in JSON says, e.g. that of `scoreline --json rules list`."""
    session = session_of(context)
    rule_set = _rule_set(file, text_of(file))
    with session.client() as client, faults_line_by_line():
        draft = client.rules.create_draft(rule_set, replace=replace)
    show_draft(session, draft)


def import_rules(context: typer.Context, file: _File, replace: _Replace = False) -> None:
    """Make the draft say what a YAML text says, as `scoreline rules export` writes it."""
    session = session_of(context)
    text = text_of(file)
    with session.client() as client, faults_line_by_line():
        draft = client.rules.import_yaml(text, replace=replace)
    show_draft(session, draft)


def export(
    context: typer.Context,
    version: Annotated[
        int, typer.Argument(help="The version; 0: the draft where there is one, else the active.")
    ] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
) -> None:
    """A version as YAML, to be kept in version control."""
    session = session_of(context)
    with session.client() as client:
        found = client.rules.export(version)
    if output is not None:
        try:
            output.write_text(found.yaml, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{output}: {error.strerror}") from error
    if session.as_json:
        print_json(found)
    elif output is None:
        sys.stdout.write(found.yaml)
    else:
        session.out.print(f"version {found.version} is in {output}", markup=False)


def diff(
    context: typer.Context,
    base: Annotated[int, typer.Argument(help="From this version; 0: the active one.")] = 0,
    version: Annotated[
        int, typer.Argument(help="To this one; 0: the draft where there is one.")
    ] = 0,
) -> None:
    """What changed from one version to another."""
    session = session_of(context)
    with session.client() as client:
        found = client.rules.diff(base, version)
    if session.as_json:
        print_json(found)
        return
    show_differences(session.out, found)


def activate(
    context: typer.Context,
    version: Annotated[
        int, typer.Argument(help="The version; 0: the draft where there is one.")
    ] = 0,
    effective: _Effective = None,
) -> None:
    """Put a version in force. Leads are scored anew in the background."""
    session = session_of(context)
    since = None if effective is None else parsed_effective(effective)
    with session.client() as client, faults_line_by_line():
        activation = client.rules.activate(version, effective=since)
    _show_activation(session, activation)


def rollback(
    context: typer.Context,
    version: Annotated[
        int, typer.Argument(help="A version that was in force; 0: the one before the present.")
    ] = 0,
    effective: _Effective = None,
) -> None:
    """Put a version back in force that was so before. A draft is left alone."""
    session = session_of(context)
    since = None if effective is None else parsed_effective(effective)
    with session.client() as client, faults_line_by_line():
        activation = client.rules.rollback(version, effective=since)
    _show_activation(session, activation)


def show_validation(console: Console, found: ValidateRuleSetResponse) -> None:
    """What was found, the worst first."""
    for title, style, faults in (
        ("faults", "red", found.faults),
        ("warnings", "yellow", found.warnings),
    ):
        if faults:
            console.print(Text(title, f"bold {style}"))
            console.print(_findings(faults, style))
    if found.test_results:
        console.print(Text("golden tests", "bold"))
        console.print(_results(found.test_results))
    console.print(_verdict(found))


def show_differences(console: Console, found: DiffRuleSetsResponse) -> None:
    """What changed, a line for each part."""
    console.print(f"version {found.base_version} -> version {found.version}", style="bold")
    if not found.differences:
        console.print("no difference", style="dim")
    for one in found.differences:
        console.print(difference_line(one), soft_wrap=True)


def difference_line(one: RuleSetDifference) -> Text:
    """A change as people know it: + for what is new, - for what is gone, ~ for what is otherwise."""
    path, before, after = plain(one.path), plain(one.before), plain(one.after)
    if one.kind == DifferenceKind.DIFFERENCE_KIND_ADDED:
        return Text.assemble("+ ", path, ": ", after, style="green")
    if one.kind == DifferenceKind.DIFFERENCE_KIND_REMOVED:
        return Text.assemble("- ", path, ": ", before, style="red")
    if one.kind == DifferenceKind.DIFFERENCE_KIND_MOVED:
        return Text.assemble("~ ", path, ": from place ", before, " to ", after, style="cyan")
    return Text.assemble("~ ", path, ": ", before, " -> ", after, style="yellow")


def _findings(faults: Sequence[RuleSetFault], style: str) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style=style, no_wrap=True)
    table.add_column(overflow="fold")
    for one in faults:
        table.add_row(plain(one.field), plain(one.description))
    return table


def _results(results: Sequence[GoldenTestResult]) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="red", overflow="fold")
    for one in results:
        mark = Text("✓", "green") if one.passed else Text("✗", "red")
        table.add_row(mark, plain(one.name), plain("; ".join(one.differences)))
    return table


def _verdict(found: ValidateRuleSetResponse) -> Text:
    if found.faults:
        return Text(f"not valid: {_count(len(found.faults), 'fault')}", "red")
    failed = sum(not one.passed for one in found.test_results)
    tests = _count(len(found.test_results), "golden test")
    if failed:
        return Text(f"not valid: {failed} of {tests} failed", "red")
    rules = _count(len(found.rule_set.rules), "rule")
    return Text(
        f"valid: {rules}, {tests} passed" if found.test_results else f"valid: {rules}", "green"
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def show_draft(session: Session, draft: RuleSet) -> None:
    """What the draft has now, and what may be done with it."""
    if session.as_json:
        print_json(draft)
        return
    session.out.print(
        f"version {draft.version} (draft) has {_count(len(draft.rules), 'rule')}; "
        "`scoreline rules diff` shows what changes, `scoreline rules activate` puts it in force",
        markup=False,
        soft_wrap=True,
    )


def _show_activation(session: Session, activation: Activation) -> None:
    if session.as_json:
        print_json(activation)
        return
    since = when(activation.effective_time)
    scores = f"events from {since} on" if since else "all history"
    session.out.print(
        f"version {activation.version} is in force since {when(activation.activate_time)} "
        f"(activation {activation.number}) and scores {scores}",
        soft_wrap=True,
    )


@contextmanager
def faults_line_by_line() -> Iterator[None]:
    """A rule set may have many faults: each has a line."""
    try:
        yield
    except errors.ScorelineError as error:
        if len(error.violations) < 2:
            raise
        lines = [f"{one.field}: {one.description}" for one in error.violations]
        raise CommandFailed("\n  ".join([_count(len(lines), "fault"), *lines])) from error


def text_of(file: str) -> str:
    """What a file has, or standard input. Raises CommandFailed."""
    try:
        if file == STDIN:
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{file}: is not text in UTF-8") from error


def _rule_set(file: str, text: str) -> RuleSet:
    try:
        written = json.loads(text)
        if not isinstance(written, dict):
            raise ParseError("it is no object")
        return ParseDict(written, RuleSet())
    except (json.JSONDecodeError, ParseError) as error:
        raise CommandFailed(f"{file}: is no rule set in JSON: {error}") from error
