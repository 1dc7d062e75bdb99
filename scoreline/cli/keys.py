"""`scoreline keys`: the project's API keys."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from scoreline.accounts.v1.account_pb2 import ApiKey
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import session_of
from scoreline.common.v1 import scope_pb2

app = typer.Typer(help="Create, change, list and revoke API keys.", no_args_is_help=True)

_DEFAULT_LIMIT = "100 for a key that can only track, none for others"


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """The project's keys, newest first, revoked ones included."""
    session = session_of(context)
    with session.client() as client:
        keys = list(client.keys.list())
    if session.as_json:
        for key in keys:
            print_json(key)
        return
    table = Table(
        "key", "name", "scopes", "pages", "a minute", "created", "revoked",
        box=None, header_style="bold",
    )  # fmt: skip
    for key in keys:
        style = "dim" if key.HasField("revoke_time") else ""
        table.add_row(
            plain(key.key_id), plain(key.display_name), _scopes(key),
            plain("\n".join(key.allowed_origins)), _limit(key), when(key.create_time),
            when(key.revoke_time), style=style,
        )  # fmt: skip
    session.out.print(table)


@app.command("create")
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="ingest, read, admin or track; may be given several times."),
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            help="Only pages of it may use the key, e.g. https://www.example.com or https://*.example.com; "
            "may be given several times.",
        ),
    ] = None,
    requests_per_minute: Annotated[
        int | None,
        typer.Option(help=f"How many requests ingest takes with it; by default {_DEFAULT_LIMIT}."),
    ] = None,
) -> None:
    """Make a key. It is shown once, here, and never again."""
    session = session_of(context)
    if not scopes:
        raise typer.BadParameter(
            "name at least one: ingest, read, admin, track", param_hint="--scope"
        )
    with session.client() as client:
        try:
            made = client.keys.create(
                name,
                scopes,
                allowed_origins=origins or (),
                requests_per_minute=requests_per_minute,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--scope") from None
    if session.as_json:
        print_json(made)
        return
    session.out.print(made.secret, markup=False, soft_wrap=True)
    session.err.print(
        f"Key {made.api_key.key_id} with {_scopes(made.api_key)}. Keep it: it is not shown again.",
        markup=False,
        soft_wrap=True,
    )


@app.command("update")
def update_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The key's public part, as `list` shows it.")],
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Instead of the origins it has; may be given several times."),
    ] = None,
    any_origin: Annotated[
        bool, typer.Option("--any-origin", help="Any caller may use it, pages or not.")
    ] = False,
    requests_per_minute: Annotated[
        int | None,
        typer.Option(help=f"How many requests ingest takes with it; 0: {_DEFAULT_LIMIT}."),
    ] = None,
) -> None:
    """Change what a key is called, which pages may use it and how often. Not its scopes."""
    session = session_of(context)
    if origins and any_origin:
        raise typer.BadParameter("not together with --origin", param_hint="--any-origin")
    allowed_origins = [] if any_origin else origins or None
    if (name, allowed_origins, requests_per_minute) == (None, None, None):
        raise typer.BadParameter("say what to change")
    with session.client() as client:
        key = client.keys.update(
            key_id,
            display_name=name,
            allowed_origins=allowed_origins,
            requests_per_minute=requests_per_minute,
        )
    if session.as_json:
        print_json(key)
        return
    pages = ", ".join(key.allowed_origins) or "any caller"
    session.out.print(
        f"{key.key_id} ({key.display_name}): {pages}, {_limit(key)} requests a minute",
        markup=False,
        soft_wrap=True,
    )


@app.command("revoke")
def revoke_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The key's public part, as `list` shows it.")],
) -> None:
    """Make a key worthless, on every service within a second."""
    session = session_of(context)
    with session.client() as client:
        key = client.keys.revoke(key_id)
    if session.as_json:
        print_json(key)
        return
    session.out.print(f"revoked {key.key_id}", markup=False)


def _scopes(key: ApiKey) -> str:
    names = (scope_pb2.Scope.Name(scope) for scope in key.scopes)
    return ", ".join(name.removeprefix("SCOPE_").lower() for name in names)


def _limit(key: ApiKey) -> str:
    return str(key.requests_per_minute) if key.HasField("requests_per_minute") else "default"
