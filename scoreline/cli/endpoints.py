"""`scoreline endpoints`: other systems that are told of changes, and what became of each delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from scoreline.cli.explain import instant
from scoreline.cli.failures import FAILED, USAGE, CommandFailed
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import Session, session_of
from scoreline.notify.v1.webhook_endpoints_service_pb2 import (
    DeliveryAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

app = typer.Typer(no_args_is_help=True, help="Webhooks to other systems, and their deliveries.")

STATES = ("pending", "succeeded", "failed")

_EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="whe_..., as `list` shows.")]
_Types = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        help="score.changed, lead.stage_changed, lead.qualified, lead.merged, rules.activated, "
        "automation.executed, webhook_endpoint.disabled; repeat it.",
    ),
]
_Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME:VALUE", help="Sent along; repeat it."),
]
_Stages = Annotated[
    list[str] | None,
    typer.Option("--qualified-stage", help="A stage that counts as qualified; repeat it."),
]


@app.command("create")
def create(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="https://...")],
    on: _Types = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    filter: Annotated[str, typer.Option(help="CEL, e.g. `change.delta >= 10.0`.")] = "",
    header: _Headers = None,
    qualified_stage: _Stages = None,
    concurrency: Annotated[int, typer.Option(help="Leads at once, 1 to 32; 0 for 8.")] = 0,
    signature: Annotated[str, typer.Option(help="v1 (HMAC) or v1a (ed25519).")] = "v1",
) -> None:
    """Tell a system of changes from now on. Shows the secret, once."""
    session = session_of(context)
    with session.client() as client:
        made = client.endpoints.create(
            url,
            on or ["score.changed"],
            description=description,
            filter=filter,
            headers=_headers(header or ()),
            qualified_stages=qualified_stage or (),
            concurrency=concurrency,
            signature_version=signature,
        )
    if session.as_json:
        print_json(made)
        return
    _show(session, made.webhook_endpoint)
    if made.secret:
        session.out.print(plain(f"secret, not shown again: {made.secret}"), style="bold")


@app.command("list")
def list_endpoints(context: typer.Context) -> None:
    """All endpoints, newest first."""
    session = session_of(context)
    with session.client() as client:
        found = list(client.endpoints.list())
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("nobody is told: `scoreline endpoints create`")
        return
    table = Table("endpoint", "url", "told of", "state", box=None)
    table.columns[0].no_wrap = True
    for one in found:
        table.add_row(one.endpoint_id, plain(one.url), ", ".join(one.event_types), _state(one))
    session.out.print(table)


@app.command("get")
def get(context: typer.Context, endpoint_id: _EndpointId) -> None:
    """One endpoint."""
    session = session_of(context)
    with session.client() as client:
        found = client.endpoints.get(endpoint_id)
    if session.as_json:
        print_json(found)
    else:
        _show(session, found)


@app.command("update")
def update(
    context: typer.Context,
    endpoint_id: _EndpointId,
    url: Annotated[str | None, typer.Option(help="https://...")] = None,
    on: _Types = None,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    filter: Annotated[str | None, typer.Option(help="CEL; empty for everything.")] = None,
    header: _Headers = None,
    qualified_stage: _Stages = None,
    concurrency: Annotated[int | None, typer.Option(help="Leads at once, 1 to 32.")] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Stop sending, or go on.")
    ] = None,
) -> None:
    """Change what is given. Headers are replaced as a whole; `NAME:***` keeps one."""
    session = session_of(context)
    try:
        with session.client() as client:
            changed = client.endpoints.update(
                endpoint_id,
                url=url,
                event_types=on,
                description=description,
                filter=filter,
                headers=None if header is None else _headers(header),
                qualified_stages=qualified_stage,
                concurrency=concurrency,
                disabled=disabled,
            )
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None
    if session.as_json:
        print_json(changed)
    else:
        _show(session, changed)


@app.command("delete")
def delete(context: typer.Context, endpoint_id: _EndpointId) -> None:
    """Remove an endpoint with its deliveries."""
    session = session_of(context)
    with session.client() as client:
        client.endpoints.delete(endpoint_id)
    if not session.as_json:
        session.out.print("gone")


@app.command("rotate")
def rotate(
    context: typer.Context,
    endpoint_id: _EndpointId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=168, help="So long the secret before signs, too.")
    ] = 24,
) -> None:
    """Give an endpoint another secret, and show it, once."""
    session = session_of(context)
    with session.client() as client:
        turned = client.endpoints.rotate_secret(endpoint_id, timedelta(hours=overlap_hours))
    if session.as_json:
        print_json(turned)
        return
    shown = turned.secret or turned.webhook_endpoint.public_key
    what = "secret, not shown again" if turned.secret else "public key"
    session.out.print(plain(f"{what}: {shown}"), style="bold")


@app.command("deliveries")
def deliveries(
    context: typer.Context,
    endpoint_id: _EndpointId,
    state: Annotated[str, typer.Option(help=f"Only {', '.join(STATES)}.")] = "",
    lead: Annotated[str, typer.Option(help="Only of this lead (its id).")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 25,
) -> None:
    """What was sent or is to be, newest first, and what came of it."""
    if state and state not in STATES:
        raise typer.BadParameter(f"must be one of {', '.join(STATES)}", param_hint="--state")
    session = session_of(context)
    with session.client() as client:
        wanted = client.endpoints.deliveries(
            endpoint_id, state=state, lead_id=lead, page_size=min(limit, 200)
        )
        found = list(islice(wanted, limit))
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("no deliveries")
        return
    table = Table("delivery", "event", "lead", "made", "state", "last answer", box=None)
    table.columns[0].no_wrap = True
    for one in found:
        table.add_row(
            one.delivery_id, one.event_type, plain(one.lead_id), when(one.create_time),
            _delivery_state(one), plain(_answer(one.attempts[-1])) if one.attempts else "",
        )  # fmt: skip
    session.out.print(table)


@app.command("redeliver")
def redeliver(
    context: typer.Context,
    endpoint_id: _EndpointId,
    delivery_id: Annotated[
        str | None, typer.Argument(metavar="[DELIVERY]", help="One delivery: msg_...")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="All made since then that failed for good.")
    ] = None,
) -> None:
    """Send one delivery again, or those that failed, under their old ids."""
    session = session_of(context)
    try:
        with session.client() as client:
            count = client.endpoints.redeliver(
                endpoint_id, delivery_id or "", since=instant("--since", since)
            )
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None
    if session.as_json:
        typer.echo(f'{{"redelivered_count": {count}}}')
    else:
        session.out.print(f"{count:,} are sent again")


@app.command("test")
def send_test(
    context: typer.Context,
    endpoint_id: _EndpointId,
    on: Annotated[str, typer.Option("--on", help="Type of the example.")] = "",
) -> None:
    """Send an example now, and say what came of it."""
    session = session_of(context)
    with session.client() as client:
        tried = client.endpoints.test(endpoint_id, on)
    if session.as_json:
        print_json(tried)
    else:
        style = "green" if tried.succeeded else "red"
        session.out.print(plain(_answer(tried.attempt)), style=style)
        if tried.attempt.response_excerpt:
            session.out.print(plain(tried.attempt.response_excerpt), style="dim")
    if not tried.succeeded:
        raise typer.Exit(FAILED)


def _headers(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon:
            raise typer.BadParameter("must be NAME:VALUE", param_hint="--header")
        found[name.strip()] = value.strip()
    return found


def _show(session: Session, endpoint: WebhookEndpoint) -> None:
    out = session.out
    out.print(Text.assemble((endpoint.endpoint_id, "bold"), f"  {_state(endpoint)}"))
    out.print(plain(endpoint.url))
    for what, value in (
        ("", endpoint.description),
        ("told of ", ", ".join(endpoint.event_types)),
        ("where ", endpoint.filter),
        ("with the headers ", ", ".join(sorted(endpoint.headers))),
        ("public key ", endpoint.public_key),
    ):
        if value:
            out.print(plain(f"{what}{value}"))
    if endpoint.HasField("changes_missed_time"):
        text = f"changes were gone before they could be sent, last seen {when(endpoint.changes_missed_time)}"
        out.print(text, style="red")


def _state(endpoint: WebhookEndpoint) -> str:
    if endpoint.disabled:
        reason = f" ({endpoint.disabled_reason})" if endpoint.disabled_reason else ""
        return f"disabled{reason}"
    if endpoint.HasField("failing_since_time"):
        return f"failing since {when(endpoint.failing_since_time)}"
    return "enabled"


def _delivery_state(delivery: WebhookDelivery) -> str:
    name = WebhookDelivery.State.Name(delivery.state).removeprefix("STATE_").lower()
    if delivery.HasField("next_attempt_time"):
        return f"{name}, again {when(delivery.next_attempt_time)}"
    return name


def _answer(attempt: DeliveryAttempt) -> str:
    said = attempt.error or ""
    if attempt.status:
        said = f"{attempt.status} {said}".rstrip()
    return f"{said} in {attempt.latency.ToMilliseconds():,} ms"
