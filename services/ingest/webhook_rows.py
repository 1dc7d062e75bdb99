"""Webhook sources as rows, both ways."""

from typing import Any

import sqlalchemy as sa

from services.ingest.domain.webhooks.model import (
    Counters,
    Definition,
    Digest,
    Encoding,
    FailureAnswer,
    Kind,
    Secret,
    Source,
    Verification,
    WebhookMapping,
)


def source(row: sa.Row[Any], secrets: tuple[Secret, ...], counted: Counters) -> Source:
    """A source as its row has it."""
    return Source(
        row.source_id,
        row.project_id,
        row.display_name,
        _definition(row.definition),
        row.disabled,
        row.revision,
        row.created_at,
        row.updated_at,
        secrets,
        counted,
    )


def changing(of: Source) -> dict[str, Any]:
    """What of a row changes."""
    return {
        "display_name": of.display_name,
        "definition": _content(of.definition),
        "disabled": of.disabled,
        "revision": of.revision,
        "updated_at": of.update_time,
    }


def secret(row: sa.Row[Any], text: str) -> Secret:
    """A secret as its row has it, in the clear or empty."""
    return Secret(row.number, text, row.hint, row.created_at, row.expires_at)


def counters(row: sa.Row[Any]) -> Counters:
    """The counters of a source whose row has them beside it, or none yet."""
    return Counters(
        row.accepted or 0,
        row.rejected or 0,
        row.quarantined or 0,
        row.events or 0,
        row.last_accepted_at,
        row.ignored or 0,
    )


def counts(counted: Counters) -> dict[str, Any]:
    """The counters as a row."""
    return {
        "accepted": counted.accepted,
        "rejected": counted.rejected,
        "quarantined": counted.quarantined,
        "events": counted.events,
        "last_accepted_at": counted.last_accept_time,
        "ignored": counted.ignored,
    }


def _content(of: Definition) -> dict[str, Any]:
    how = of.verification
    return {
        "preset": of.preset,
        "failure_answer": of.failure_answer.value,
        "event_source": of.event_source,
        "verification": {
            "kind": how.kind.value,
            "header": how.header,
            "encoding": how.encoding.value,
            "prefix": how.prefix,
            "digest": how.digest.value,
            "tolerance_s": how.tolerance_s,
            "url": how.url,
        },
        "mapping": {
            "items": of.mapping.items,
            "events": [dict(event) for event in of.mapping.events],
        },
    }


def _definition(content: dict[str, Any]) -> Definition:
    how = content["verification"]
    return Definition(
        Verification(
            Kind(how["kind"]),
            how["header"],
            Encoding(how["encoding"]),
            how["prefix"],
            Digest(how["digest"]),
            how["tolerance_s"],
            how["url"],
        ),
        WebhookMapping(content["mapping"]["items"], tuple(content["mapping"]["events"])),
        content["preset"],
        FailureAnswer(content["failure_answer"]),
        content["event_source"],
    )
