"""`scoreline leads identities` and `scoreline leads conflicts`: what a lead is known by, what contradicts itself."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from scoreline.cli.output import plain, print_json, when
from scoreline.cli.session import session_of
from scoreline.scoring.v1.lead_pb2 import LeadIdentity, LeadIdentityKind

_KINDS = {
    LeadIdentityKind.LEAD_IDENTITY_KIND_LEAD_ID: "lead",
    LeadIdentityKind.LEAD_IDENTITY_KIND_EMAIL: "email",
    LeadIdentityKind.LEAD_IDENTITY_KIND_ANONYMOUS_ID: "anonymous",
    LeadIdentityKind.LEAD_IDENTITY_KIND_EXTERNAL_ID: "external",
}


def identities(
    context: typer.Context,
    lead_id: Annotated[
        str,
        typer.Argument(metavar="LEAD", help="An id or a reference: email:ada@example.com"),
    ],
) -> None:
    """Everything a lead is known by, since when, and from which lead it came."""
    session = session_of(context)
    with session.client() as client:
        found = client.leads.identities(lead_id)
    if session.as_json:
        print_json(found)
        return
    session.out.print(plain(found.lead_id), style="bold")
    for one in found.identities:
        # Derived ids and instants together are wider than a table may be.
        line = Text.assemble("  ", plain(_reference(one.identity)), f"  {one.event_count:,} events")
        line.append(f"  known since {when(one.attach_time)}", "dim")
        session.out.print(line, soft_wrap=True)
        if one.original_lead_id:
            came = f"    from {one.original_lead_id}, {when(one.move_time)}"
            session.out.print(plain(came), style="dim", soft_wrap=True)
    if found.merged_lead_ids:
        session.out.print(plain(f"merged into it: {', '.join(found.merged_lead_ids)}"), style="dim")


def conflicts(
    context: typer.Context,
    lead_id: Annotated[str, typer.Option("--lead", help="Only those of this lead.")] = "",
    unresolved: Annotated[
        bool, typer.Option("--unresolved", help="Only those that are not one lead by now.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 25,
) -> None:
    """What was said to be one lead and was not made one, newest first; `leads merge` makes it one."""
    session = session_of(context)
    with session.client() as client:
        everything = client.leads.conflicts(lead_id)
        wanted = (one for one in everything if not (unresolved and one.resolved))
        found = list(islice(wanted, limit))
    if session.as_json:
        for one in found:
            print_json(one)
        return
    if not found:
        session.out.print("no contradictions")
    for one in found:
        line = Text.assemble((when(one.record_time), "dim"), "  ", plain(one.event_id))
        line.append(
            "  resolved" if one.resolved else "  not one lead",
            "green" if one.resolved else "yellow",
        )
        session.out.print(line)
        for identity, lead in zip(one.references, one.lead_ids, strict=True):
            whose = f"of {lead}" if lead else "of nobody"
            session.out.print(plain(f"  {_reference(identity)}  {whose}"))


def _reference(identity: LeadIdentity) -> str:
    return f"{_KINDS.get(identity.kind, '?')}:{identity.value}"
