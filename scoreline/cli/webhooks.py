"""`scoreline webhooks`: outside systems that send webhooks, and what becomes of their deliveries."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from rich.table import Table

from scoreline.cli.failures import USAGE, CommandFailed
from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import Session, session_of
from scoreline.ingest.v1.webhook_source_pb2 import (
    FAILURE_ANSWER_ACCEPT,
    FAILURE_ANSWER_REFUSE,
    WebhookMapping,
    WebhookSource,
    WebhookVerification,
)

app = typer.Typer(no_args_is_help=True, help="Outside systems that send webhooks.")

SECRET_VARIABLE = "SCORELINE_WEBHOOK_SECRET"  # noqa: S105 - its name, not the secret
_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_OVERLAP = re.compile(r"(\d{1,7})([dhms])")

ANSWERS = ("accept", "refuse")

_SourceId = Annotated[str, typer.Argument(metavar="SOURCE", help="whs_..., as `list` shows it.")]
_Secret = Annotated[
    str,
    typer.Option(
        envvar=SECRET_VARIABLE,
        help="The sender's secret, where the sender makes it; `-` reads it from stdin. Else one is drawn.",
    ),
]
_File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="JSON",
        help="A source as JSON, as `--json webhooks get` shows it: `verification`, `mapping`.",
    ),
]
_Url = Annotated[str, typer.Option(help="The URL exactly as HubSpot has it: it signs it.")]
_Answer = Annotated[
    str | None,
    typer.Option(help="What the sender is told of what can't be mapped: accept or refuse."),
]
_EventSource = Annotated[
    str | None, typer.Option("--event-source", help="What its events say of where they come from.")
]


@app.command("list")
def list_sources(context: typer.Context) -> None:
    """The project's webhook sources, newest first, with counts of their deliveries."""
    session = session_of(context)
    with session.client() as client:
        found = list(client.webhooks.list())
    if session.as_json:
        for source in found:
            print_json(source)
        return
    if not found:
        session.out.print("no webhook sources")
        return
    table = Table(
        "source", "name", "checks", "accepted", "rejected", "quarantined", "events", "last accepted",
        box=None, header_style="bold",
    )  # fmt: skip
    table.columns[0].no_wrap = True
    for column in range(3, 7):
        table.columns[column].justify = "right"
    for source in found:
        counted = source.counters
        table.add_row(
            source.source_id, plain(source.display_name or source.preset), _kind(source),
            f"{counted.accepted:,}", f"{counted.rejected:,}", f"{counted.quarantined:,}",
            f"{counted.events:,}", when(counted.last_accept_time),
            style="dim" if source.disabled else "",
        )  # fmt: skip
    session.out.print(table)


@app.command("presets")
def list_presets(context: typer.Context) -> None:
    """Ready mappings: whose deliveries they understand, and what to set up there."""
    session = session_of(context)
    with session.client() as client:
        presets = client.webhooks.presets()
    for preset in presets:
        if session.as_json:
            print_json(preset)
        else:
            session.out.print(preset.name, style="bold", markup=False)
            session.out.print(f"  {preset.description}", markup=False, soft_wrap=True)


@app.command("create")
def create(
    context: typer.Context,
    preset: Annotated[str, typer.Option(help="A ready mapping; `presets` lists them.")] = "",
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    secret: _Secret = "",
    file: _File = None,
    url: _Url = "",
    answer: _Answer = None,
    event_source: _EventSource = None,
) -> None:
    """Make a source. Its URL goes to the sender; a secret that is drawn is shown once, here."""
    session = session_of(context)
    source = _read(file, WebhookSource()) if file else WebhookSource()
    if preset:
        source.preset = preset
    with session.client() as client:
        if url and not source.HasField("verification"):
            known = {one.name: one.verification for one in client.webhooks.presets()}
            source.verification.CopyFrom(known.get(source.preset, WebhookVerification()))
        _change(source, name=name or None, url=url, answer=answer, event_source=event_source)
        made = client.webhooks.create(source, secret=_secret(secret))
    if session.as_json:
        print_json(made)
        return
    _show_secret(session, made.secret)
    session.err.print(
        f"{made.webhook_source.source_id} takes deliveries at POST {made.path}",
        markup=False,
        soft_wrap=True,
    )


@app.command("get")
def get(context: typer.Context, source_id: _SourceId) -> None:
    """One source: how it checks, how it maps, and what came of its deliveries."""
    session = session_of(context)
    with session.client() as client:
        source = client.webhooks.get(source_id)
    _show(session, source)


@app.command("update")
def update(
    context: typer.Context,
    source_id: _SourceId,
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    file: _File = None,
    url: _Url = "",
    answer: _Answer = None,
    event_source: _EventSource = None,
    disable: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Refuse deliveries, or take them.")
    ] = None,
) -> None:
    """Change a source; in force within two seconds."""
    session = session_of(context)
    with session.client() as client:
        source = client.webhooks.get(source_id)
        if file:
            read = _read(file, WebhookSource())
            for part in ("verification", "mapping"):
                if read.HasField(part):
                    getattr(source, part).CopyFrom(getattr(read, part))
        _change(source, name=name, url=url, answer=answer, event_source=event_source)
        if disable is not None:
            source.disabled = disable
        changed = client.webhooks.update(
            source, "display_name", "verification", "mapping", "disabled", "failure_answer", "event_source"
        )  # fmt: skip
    _show(session, changed)


@app.command("delete")
def delete(context: typer.Context, source_id: _SourceId) -> None:
    """Remove a source: its URL answers 404 from then on. Its events stay."""
    session = session_of(context)
    with session.client() as client:
        client.webhooks.delete(source_id)
    if session.as_json:
        print_json({"source_id": source_id})
    else:
        session.out.print(f"deleted {source_id}", markup=False)


@app.command("rotate")
def rotate(
    context: typer.Context,
    source_id: _SourceId,
    secret: _Secret = "",
    overlap: Annotated[
        str, typer.Option(help="How long those before stay valid, e.g. 24h, 7d, 0s.")
    ] = "24h",
) -> None:
    """Give a source another secret. One that is drawn is shown once, here."""
    session = session_of(context)
    with session.client() as client:
        done = client.webhooks.rotate(source_id, secret=_secret(secret), overlap=_overlap(overlap))
    if session.as_json:
        print_json(done)
        return
    _show_secret(session, done.secret)
    for one in done.webhook_source.secrets:
        until = f"until {when(one.expire_time)}" if one.HasField("expire_time") else "newest"
        session.err.print(f"{one.hint or '****'}... {until}", markup=False)


@app.command("test")
def try_delivery(
    context: typer.Context,
    source_id: Annotated[str, typer.Argument(metavar="[SOURCE]", help="A source to try.")] = "",
    preset: Annotated[str, typer.Option(help="Or a ready mapping.")] = "",
    file: _File = None,
    body: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The delivery's body; `-` is stdin.")
    ] = None,
    content_type: Annotated[str, typer.Option(help="How it is written.")] = "",
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", help="`name: value`; may be given several times."),
    ] = None,
) -> None:
    """What a delivery would become; nothing is kept. Without a body: the preset's sample."""
    session = session_of(context)
    mapping: WebhookMapping | None = None
    if file:
        read = _read(file, WebhookSource())
        mapping = read.mapping if read.HasField("mapping") else None
    with session.client() as client:
        tried = client.webhooks.test(
            source_id,
            mapping=mapping,
            preset=preset,
            body=_text(body) if body else "",
            content_type=content_type,
            headers=dict(_header(one) for one in headers or ()),
        )
    if session.as_json:
        print_json(tried)
    else:
        for event in tried.events:
            shown = json_format.MessageToDict(event, preserving_proto_field_name=True)
            session.out.print_json(data=shown)
        if not tried.events and not tried.failure:
            session.out.print("no events: no mapping applies")
    if tried.failure:
        raise CommandFailed(": ".join(filter(None, (tried.failure_field, tried.failure))))


def _show(session: Session, source: WebhookSource) -> None:
    if session.as_json:
        print_json(source)
        return
    counted = source.counters
    lines = [
        ("name", source.display_name),
        ("path", f"/v1/webhooks/{source.source_id}"),
        ("made from", source.preset),
        ("checks", _kind(source)),
        ("state", "disabled" if source.disabled else "takes deliveries"),
        ("accepted", f"{counted.accepted:,} deliveries, {counted.events:,} events"),
        ("rejected", f"{counted.rejected:,} that did not prove themselves"),
        ("quarantined", f"{counted.quarantined:,} that could not be mapped"),
        ("ignored", f"{counted.ignored:,} that no event mapping applied to"),
        ("last accepted", when(counted.last_accept_time)),
    ]
    table = Table(box=None, show_header=False)
    for label, value in lines:
        if value:
            table.add_row(label, plain(value))
    session.out.print(table)
    mapping = json_format.MessageToDict(source.mapping, preserving_proto_field_name=True)
    session.out.print_json(data=mapping)


def _show_secret(session: Session, secret: str) -> None:
    if secret:
        session.out.print(secret, markup=False, soft_wrap=True)
        session.err.print("Keep the secret: it is not shown again.", markup=False)


def _change(
    source: WebhookSource,
    *,
    name: str | None,
    url: str,
    answer: str | None,
    event_source: str | None,
) -> None:
    if name is not None:
        source.display_name = name
    if url:
        source.verification.url = url
    if event_source is not None:
        source.event_source = event_source
    if answer is not None:
        if answer not in ANSWERS:
            raise typer.BadParameter("must be accept or refuse", param_hint="--answer")
        refuse = answer == "refuse"
        source.failure_answer = FAILURE_ANSWER_REFUSE if refuse else FAILURE_ANSWER_ACCEPT


def _kind(source: WebhookSource) -> str:
    name = WebhookVerification.Kind.Name(source.verification.kind)
    return name.removeprefix("KIND_").lower().replace("_", " ")


def _secret(given: str) -> str:
    return sys.stdin.readline().strip() if given == "-" else given


def _overlap(text: str) -> timedelta:
    found = _OVERLAP.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write e.g. 24h, 7d, 30m or 0s", param_hint="--overlap")
    return timedelta(seconds=int(found[1]) * _UNITS_S[found[2]])


def _read(path: Path, into: Any) -> Any:
    try:
        return json_format.Parse(_text(path), into)
    except json_format.ParseError as error:
        raise CommandFailed(f"{path}: {error}", USAGE) from None


def _text(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read()
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} can't be read: {error.strerror}", USAGE) from None
    except UnicodeDecodeError:
        raise CommandFailed(f"{path} is not UTF-8", USAGE) from None


def _header(written: str) -> tuple[str, str]:
    name, colon, value = written.partition(":")
    if not colon:
        raise typer.BadParameter("write `name: value`", param_hint="--header")
    return name.strip(), value.strip()
