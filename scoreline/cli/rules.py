"""`scoreline rules`: what events are worth. Edits go to the draft; `activate` puts it in force. What is done with
whole rule sets is in rule_sets.py."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from scoreline.cli import rule_sets, rule_update
from scoreline.cli.failures import CommandFailed
from scoreline.cli.output import effect_style, plain, points, print_json, when
from scoreline.cli.rule_texts import (
    bounds_text,
    decay_text,
    group_text,
    limits_text,
    profile_lines,
)
from scoreline.cli.rule_texts import limit as parsed_limit
from scoreline.cli.session import Session, session_of
from scoreline.client import Client
from scoreline.rules.v1.rule_set_pb2 import Limit, Rule, RuleSet, RuleSetState

app = typer.Typer(help="See, change and activate scoring rules.", no_args_is_help=True)

app.command("validate")(rule_sets.validate)
app.command("create")(rule_sets.create)
app.command("update")(rule_update.update)
app.command("import")(rule_sets.import_rules)
app.command("export")(rule_sets.export)
app.command("diff")(rule_sets.diff)
app.command("activate")(rule_sets.activate)
app.command("rollback")(rule_sets.rollback)


@app.command("list")
def list_rules(
    context: typer.Context,
    version: Annotated[
        int, typer.Option(help="The version; 0: the draft where there is one, else the active.")
    ] = 0,
) -> None:
    """The rules of a version in the order they apply."""
    session = session_of(context)
    with session.client() as client:
        rule_set = client.rules.get(version)
    if session.as_json:
        print_json(rule_set)
        return
    session.out.print(
        f"version {rule_set.version} ({_state(rule_set.state)}) {rule_set.description}".rstrip(),
        markup=False,
    )
    _print_rules(session, rule_set)


def _print_rules(session: Session, rule_set: RuleSet) -> None:
    """The rules as a table, with the columns that any of them needs, and what holds for all of them below it."""
    optional = {
        "group": any(rule.group for rule in rule_set.rules),
        "when": any(rule.when for rule in rule_set.rules),
        "limits": any(rule.limits for rule in rule_set.rules),
    }
    table = Table("rule", "event type", box=None, header_style="bold")
    table.add_column("points", justify="right")
    for name in (*(name for name, needed in optional.items() if needed), "description"):
        table.add_column(name, overflow="fold")
    for rule in rule_set.rules:
        disabled = rule.HasField("enabled") and not rule.enabled
        texts = {
            "group": rule.group,
            "when": rule.when,
            "limits": limits_text(rule.limits),
        }
        table.add_row(
            plain(rule.rule_id), plain(rule.event_type), points(rule.points, sign=True),
            *(plain(texts[name]) for name, needed in optional.items() if needed),
            plain(_remarks(rule)),
            style="dim" if disabled else effect_style(rule.points) if rule.points < 0 else "",
        )  # fmt: skip
    session.out.print(table)
    for group in rule_set.groups:
        session.out.print(f"group {group_text(group)}", markup=False)
    if rule_set.stages:
        stages = ", ".join(f"{one.name} from {points(one.min_score)}" for one in rule_set.stages)
        session.out.print(f"stages: {stages}", markup=False)
    if bounds := bounds_text(rule_set.bounds):
        session.out.print(f"score: {bounds}")
    if decay := decay_text(rule_set.decay):
        session.out.print(f"decay: {decay}")
    for line in profile_lines(rule_set):
        session.out.print(line, markup=False, highlight=False, soft_wrap=True)


def _remarks(rule: Rule) -> str:
    remarks = [rule.description] if rule.description else []
    if rule.standing:
        remarks.append("(as long as it is so)")
    if rule.HasField("enabled") and not rule.enabled:
        remarks.append("(disabled)")
    return " ".join(remarks)


# Else `-50` would be taken for an option.
@app.command("set", context_settings={"ignore_unknown_options": True})
def set_rule(
    context: typer.Context,
    event_type: Annotated[str, typer.Argument(help="e.g. demo_request, or * for every type")],
    rule_points: Annotated[float, typer.Argument(metavar="POINTS", help="e.g. 50 or -20")],
    rule_id: Annotated[str, typer.Option(help="Which rule, where several are for that type.")] = "",
    enabled: Annotated[bool | None, typer.Option("--enabled/--disabled")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    group: Annotated[str | None, typer.Option(help="Group the points go to.")] = None,
    when: Annotated[str | None, typer.Option(help="Condition in CEL; '' for none.")] = None,
    limits: Annotated[
        list[Limit] | None,
        typer.Option(
            "--limit",
            parser=parsed_limit,
            metavar="N[/TIME]",
            help="e.g. 1, 3/7d; several times for several limits; '' for none.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Count the (first) limit for each value of this CEL.")
    ] = None,
    standing: Annotated[
        bool | None,
        typer.Option(
            "--standing/--no-standing", help="Points stand as long as the condition on the lead."
        ),
    ] = None,
) -> None:
    """Set what an event type is worth, in the draft: changes the rule for it or adds one."""
    session = session_of(context)
    counted = None if limits is None else [one for one in limits if one.count]
    if key is not None:
        if not counted:
            raise typer.BadParameter("--key needs --limit: how often for each value")
        counted[0].key = key
    with session.client() as client:
        known = _rule_for(client, event_type, rule_id)
        if known is None:
            rule = client.rules.create(
                event_type,
                rule_points,
                rule_id=rule_id,
                enabled=enabled is not False,
                description=description or "",
                group=group or "",
                when=when or "",
                limits=counted or (),
                standing=standing is True,
            )
        else:
            rule = client.rules.update(
                known.rule_id,
                points=rule_points,
                enabled=enabled,
                description=description,
                group=group,
                when=when,
                limits=counted,
                standing=standing,
                etag=known.etag,
            )
    if session.as_json:
        print_json(rule)
        return
    session.out.print(
        f"{rule.rule_id}: {rule.event_type} {points(rule.points, sign=True)} in the draft; "
        "`scoreline rules activate` puts it in force",
        markup=False,
        soft_wrap=True,
    )


@app.command("remove")
def remove_rule(
    context: typer.Context, rule_id: Annotated[str, typer.Argument(help="The rule's id.")]
) -> None:
    """Remove a rule from the draft."""
    session = session_of(context)
    with session.client() as client:
        client.rules.delete(rule_id)
    if session.as_json:
        print_json({"rule_id": rule_id, "removed": True})
        return
    session.out.print(f"removed {rule_id} from the draft", markup=False)


@app.command("presets")
def list_presets(context: typer.Context) -> None:
    """Rule sets to start from."""
    session = session_of(context)
    with session.client() as client:
        presets = client.rules.presets()
    if session.as_json:
        for one in presets:
            print_json(one)
        return
    table = Table("preset", "rules", "groups", "stages", "description", box=None)
    for one in presets:
        rules = one.rule_set
        table.add_row(
            plain(one.name), str(len(rules.rules)), str(len(rules.groups)), str(len(rules.stages)),
            plain(rules.description),
        )  # fmt: skip
    session.out.print(table)
    session.out.print("`scoreline rules apply PRESET` copies one into the draft", markup=False)


@app.command("apply")
def apply_preset(
    context: typer.Context, preset: Annotated[str, typer.Argument(help="The preset's name.")]
) -> None:
    """Make the draft say what a preset says, in place of everything that it said."""
    session = session_of(context)
    with session.client() as client:
        draft = client.rules.apply_preset(preset)
    if session.as_json:
        print_json(draft)
        return
    session.out.print(
        f"version {draft.version} (draft) says what {preset} says: {len(draft.rules)} rules; "
        "`scoreline rules activate` puts it in force",
        markup=False,
        soft_wrap=True,
    )


@app.command("versions")
def list_versions(context: typer.Context) -> None:
    """All versions, newest first."""
    session = session_of(context)
    with session.client() as client:
        versions = list(client.rules.versions())
    if session.as_json:
        for one in versions:
            print_json(one)
        return
    table = Table("version", "state", "created", "changed", "description", box=None)
    for one in versions:
        table.add_row(
            str(one.version), _state(one.state), when(one.create_time), when(one.update_time),
            plain(one.description),
        )  # fmt: skip
    session.out.print(table)


@app.command("activations")
def list_activations(context: typer.Context) -> None:
    """What was in force when, newest first."""
    session = session_of(context)
    with session.client() as client:
        activations = list(client.rules.activations())
    if session.as_json:
        for one in activations:
            print_json(one)
        return
    table = Table("activation", "version", "since", "scores events from", "by", box=None)
    for one in activations:
        table.add_row(
            str(one.number), str(one.version), when(one.activate_time),
            when(one.effective_time) or "the first", plain(one.actor),
        )  # fmt: skip
    session.out.print(table)


def _rule_for(client: Client, event_type: str, rule_id: str) -> Rule | None:
    """The rule to change; None when one is to be added."""
    rules = client.rules.list().rules
    if rule_id:
        return next((one for one in rules if one.rule_id == rule_id), None)
    # Types are stored in lower snake case; so is what people write for them.
    wanted = event_type.strip().lower().replace(" ", "_").replace("-", "_")
    matching = [one for one in rules if one.event_type == wanted]
    if len(matching) > 1:
        ids = ", ".join(one.rule_id for one in matching)
        raise CommandFailed(f"several rules are for {wanted}: say which with --rule-id ({ids})")
    return matching[0] if matching else None


def _state(state: RuleSetState) -> str:
    return RuleSetState.Name(state).removeprefix("RULE_SET_STATE_").lower()
