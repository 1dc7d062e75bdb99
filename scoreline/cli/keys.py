"""`scoreline keys`: the project's API keys."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from scoreline.accounts.v1.account_pb2 import ApiKey
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import session_of
from scoreline.common.v1 import scope_pb2

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


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
    table = Table("key", "name", "scopes", "created", "revoked", box=None, header_style="bold")
    for key in keys:
        style = "dim" if key.HasField("revoke_time") else ""
        table.add_row(
            plain(key.key_id), plain(key.display_name), _scopes(key), when(key.create_time),
            when(key.revoke_time), style=style,
        )  # fmt: skip
    session.out.print(table)


@app.command("create")
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="ingest, read or admin; may be given several times."),
    ] = None,
) -> None:
    """Make a key. It is shown once, here, and never again."""
    session = session_of(context)
    if not scopes:
        raise typer.BadParameter("name at least one: ingest, read, admin", param_hint="--scope")
    with session.client() as client:
        try:
            made = client.keys.create(name, scopes)
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
