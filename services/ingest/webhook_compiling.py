"""Mappings of webhook sources as they are written, checked and compiled. What they do then is in webhook_mapping.py."""

import re
from collections.abc import Mapping

from services.ingest.domain.webhooks.model import EXPRESSIONS, KEY, WebhookMapping
from services.ingest.webhook_mapping import (
    ENVIRONMENT,
    REFERENCES,
    Compiled,
    CompiledEvent,
    CompiledMapping,
)
from services.shared.cel import InvalidExpression
from services.shared.errors import Violations

EVENT_MAPPINGS_MAX = 50
"""As the contract says."""

MAPPING_CHARS_MAX = 65_536
"""All expressions of a mapping together: they are compiled where the source is used."""

_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_LITERAL = re.compile(r"""(["'])([A-Za-z0-9_.-]{1,64})\1""")
"""A type that is written out."""

_WANTED = {
    **dict.fromkeys(EXPRESSIONS, "text"),
    "when": "condition",
    "occur_time": "anything",
    "properties": "map",
    "attributes": "map",
}
"""How each is compiled."""


def compile_mapping(written: WebhookMapping, path: str) -> CompiledMapping:
    """The mapping, ready to be applied. `path` is where the request has it. Raises InvalidFields with everything that
    is wrong."""
    wrong = Violations()
    total = len(written.items) + sum(
        len(source) for event in written.events for source in event.values()
    )
    if not 1 <= len(written.events) <= EVENT_MAPPINGS_MAX:
        wrong.add(f"{path}.events", f"must be 1 to {EVENT_MAPPINGS_MAX} events")
    if total > MAPPING_CHARS_MAX:
        wrong.add(path, f"must be at most {MAPPING_CHARS_MAX:,} characters in all")
    if "\x00" in written.items or any(
        "\x00" in one for event in written.events for one in event.values()
    ):
        wrong.add(path, "must not contain NUL characters")
    wrong.raise_if_any()
    items = None
    if written.items:
        items = _checked("anything", written.items, f"{path}.items", wrong)
    _check_keys(written, path, wrong)
    events = []
    for number, event in enumerate(written.events):
        place = f"{path}.events[{number}]"
        if not event.get("type"):
            wrong.add(f"{place}.type", "is required")
        if not any(event.get(name) for name in REFERENCES):
            wrong.add(place, f"must have one of {', '.join(REFERENCES)}")
        compiled = {
            name: _checked(_WANTED[name], event[name], f"{place}.{name}", wrong)
            for name in EXPRESSIONS
            if event.get(name)
        }
        expressions = {name: one for name, one in compiled.items() if one is not None}
        events.append(CompiledEvent(_key(event), expressions))
    wrong.raise_if_any()
    return CompiledMapping(items, events)  # type: ignore[arg-type]


def _key(event: Mapping[str, str]) -> str:
    type_ = event.get("type", "").strip()
    literal = _LITERAL.fullmatch(type_)
    return event.get(KEY) or (literal[2] if literal else type_)


def _check_keys(written: WebhookMapping, path: str, wrong: Violations) -> None:
    seen: dict[str, int] = {}
    for number, event in enumerate(written.events):
        place = f"{path}.events[{number}].{KEY}"
        if event.get(KEY) and not _KEY.fullmatch(event[KEY]):
            wrong.add(place, "must be 1 to 64 letters, digits, _, - or .")
        before = seen.setdefault(_key(event), number)
        if before == number or not _key(event):
            continue
        if event.get(KEY):
            wrong.add(place, f"is that of events[{before}] already")
        else:
            wrong.add(place, f"is required: events[{before}] has the same type")


def _checked(wanted: str, source: str, path: str, wrong: Violations) -> Compiled | None:
    try:
        compiled: Compiled = getattr(ENVIRONMENT, wanted)(source)
    except InvalidExpression as error:
        wrong.add(path, str(error))
        return None
    return compiled
