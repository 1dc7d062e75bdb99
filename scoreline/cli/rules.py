"""`scoreline rules`: what events are worth. Edits go to the draft; `activate` puts it in force for all history."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from scoreline.cli.failures import CommandFailed
from scoreline.cli.output import effect_style, plain, points, print_json, when
from scoreline.cli.rule_texts import bounds_text, decay_text, group_text, limit_text
from scoreline.cli.rule_texts import limit as parsed_limit
from scoreline.cli.session import Session, session_of
from scoreline.client import Client
from scoreline.rules.v1.rule_set_pb2 import Limit, Rule, RuleSet, RuleSetState

app = typer.Typer(help="See, change and activate scoring rules.", no_args_is_help=True)


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
        "limit": any(rule.HasField("limit") for rule in rule_set.rules),
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
            "limit": limit_text(rule.limit) if rule.HasField("limit") else "",
        }
        table.add_row(
            plain(rule.rule_id), plain(rule.event_type), points(rule.points, sign=True),
            *(plain(texts[name]) for name, needed in optional.items() if needed),
            plain(f"{rule.description}{' (disabled)' if disabled else ''}".strip()),
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
    limit: Annotated[
        Limit | None,
        typer.Option(parser=parsed_limit, metavar="N[/TIME]", help="e.g. 1, 3/7d; '' for none."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Count the limit for each value of this CEL.")
    ] = None,
) -> None:
    """Set what an event type is worth, in the draft: changes the rule for it or adds one."""
    session = session_of(context)
    if key is not None:
        if limit is None or not limit.count:
            raise typer.BadParameter("--key needs --limit: how often for each value")
        limit.key = key
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
                limit=limit if limit and limit.count else None,
            )
        else:
            rule = client.rules.update(
                known.rule_id,
                points=rule_points,
                enabled=enabled,
                description=description,
                group=group,
                when=when,
                limit=limit,
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


@app.command("activate")
def activate_rules(
    context: typer.Context,
    version: Annotated[
        int, typer.Argument(help="The version; 0: the draft where there is one.")
    ] = 0,
) -> None:
    """Put a version in force. Leads are scored anew in the background."""
    session = session_of(context)
    with session.client() as client:
        activation = client.rules.activate(version)
    if session.as_json:
        print_json(activation)
        return
    session.out.print(
        f"version {activation.version} is in force since {when(activation.activate_time)} "
        f"(activation {activation.number})"
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
    table = Table("activation", "version", "since", "by", box=None)
    for one in activations:
        table.add_row(str(one.number), str(one.version), when(one.activate_time), plain(one.actor))
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
