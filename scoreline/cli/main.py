"""The `scoreline` command: its global options and its commands, which are in the modules beside this one."""

from __future__ import annotations

from typing import Annotated

import typer

from scoreline.cli import (
    analytics,
    automations,
    demo,
    doctor,
    doors,
    endpoints,
    explain,
    export,
    facts,
    follow_ups,
    identities,
    import_file,
    imports,
    intelligence,
    keys,
    leads,
    ledger,
    quarantine,
    rules,
    send,
    simulate,
    simulate_rules,
    up,
    watch,
    watch_feeds,
    webhooks,
)
from scoreline.cli.failures import CommandLine
from scoreline.cli.session import Session
from scoreline.client.settings import API_KEY_VARIABLE, TARGET_VARIABLE, version

_EPILOG = (
    "Exit codes: 0 done, 1 the call failed, 2 wrong usage, 3 some rows were rejected, 4 can't reach the suite. "
    "A suite started here with `scoreline up` or `make up` is found by itself, with its development key."
)

app = typer.Typer(
    name="scoreline",
    cls=CommandLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=_EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(version())
        raise typer.Exit


@app.callback()
def scoreline(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Option(envvar=TARGET_VARIABLE, help="host:port or URL of the suite."),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar=API_KEY_VARIABLE, help="The API key.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON on stdout, one object a line.")
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Event-driven lead scoring: send events, see scores and where each point came from."""
    context.obj = Session(target or None, api_key or None, as_json)


app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("send")(send.send)
app.command("send-cloud-events")(doors.send_cloud_events)
app.command("track")(doors.track)
app.command("import")(import_file.import_file)
app.add_typer(imports.app, name="imports")
watch_feeds.add_to(watch.app)
app.add_typer(watch.app, name="watch")
facts.leads_app.command("identities")(identities.identities)
facts.leads_app.command("conflicts")(identities.conflicts)
app.add_typer(facts.leads_app, name="leads")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(automations.app, name="automations")
app.add_typer(follow_ups.tasks_app, name="tasks")
app.add_typer(follow_ups.owners_app, name="owners")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(facts.events_app, name="events")
app.command("lead")(leads.lead)
app.command("leaderboard")(leads.leaderboard)
app.command("score")(explain.score)
app.command("explain")(explain.explain)
app.command("intelligence")(intelligence.intelligence)
app.add_typer(analytics.app, name="analytics")
app.add_typer(export.app, name="export")
app.add_typer(ledger.app, name="ledger")
app.add_typer(rules.app, name="rules")
app.add_typer(keys.app, name="keys")
app.command("simulate")(simulate.simulate)
app.command("simulate-rules")(simulate_rules.simulate_rules)
app.command("compare-rules")(simulate_rules.compare_rules)
app.command("doctor")(doctor.doctor)
