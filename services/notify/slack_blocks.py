"""Blocks of messages to Slack: how large they may be, and our own, about a lead or a digest, cut to that. The text that
the customer wrote stands in ours."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.notify.domain.actions import Occasion
from services.notify.texts import escaped_for_slack

BLOCKS_MAX = 50
"""As the next: limits of Slack's. What is beyond them is answered with `invalid_blocks`, which says nothing."""

HEADER_CHARS_MAX = 150
SECTION_CHARS_MAX = 3_000
FIELDS_MAX = 10
FIELD_CHARS_MAX = 2_000

LISTED_MAX = 20
"""Leads of a list; how many more there are is said."""
NAME_CHARS_MAX = 100
"""Of a name or another fact, escaped: 20 lines of a list fit into a section."""

_FACTS = (
    ("score", "Score"),
    ("stage", "Stage"),
    ("grade", "Grade"),
    ("velocity", "Velocity"),
    ("risk", "Risk"),
    ("next_action", "Next action"),
    ("owner", "Owner"),
)

_LISTS = (
    ("up", "Moving up"),
    ("down", "Moving down"),
    ("new_qualified", "New qualified"),
    ("at_risk", "Qualified and at risk"),
)

Block = dict[str, Any]


def default_blocks(text: str, occasion: Occasion) -> list[Block]:
    """What is shown where the customer wrote no blocks. `text` is escaped."""
    blocks = list(_about(occasion))
    if text.strip():
        blocks.insert(1, _section(text[:SECTION_CHARS_MAX]))
    blocks.append(_context(f"Scoreline: {occasion.automation_name}"))
    return blocks


def problem_of(block: Any) -> str | None:
    """What is wrong with a block, as far as can be said beforehand."""
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return "must be an object with a type"
    most = {"header": HEADER_CHARS_MAX, "section": SECTION_CHARS_MAX}.get(block["type"])
    if most is not None and _length(block.get("text")) > most:
        return f"must have a text of at most {most:,} characters"
    fields = block.get("fields", [])
    if block["type"] != "section" or not isinstance(fields, list):
        return None
    if len(fields) > FIELDS_MAX:
        return f"must have at most {FIELDS_MAX} fields"
    if any(_length(one) > FIELD_CHARS_MAX for one in fields):
        return f"must have fields of at most {FIELD_CHARS_MAX:,} characters"
    return None


def _length(text: Any) -> int:
    said = text.get("text") if isinstance(text, dict) else None
    return len(said) if isinstance(said, str) else 0


def _about(occasion: Occasion) -> Iterator[Block]:
    if occasion.lead is not None:
        yield from _of_lead(occasion.lead)
    elif occasion.digest is not None:
        yield from _of_digest(occasion.digest)
    else:
        yield _header(occasion.automation_name)


def _of_lead(lead: Mapping[str, Any]) -> Iterator[Block]:
    yield _header(lead["display_name"] or lead["email"] or lead["lead_id"])
    fields = [
        f"*{label}*\n{_fitting(lead[name], NAME_CHARS_MAX)}"
        for name, label in _FACTS
        if lead[name] or name == "score"
    ]
    yield {"type": "section", "fields": [_mrkdwn(one) for one in fields]}
    if lead["company"]:
        yield _context(lead["company"])


def _of_digest(digest: Mapping[str, Any]) -> Iterator[Block]:
    yield _header(f"Leads until {str(digest['until_time'])[:16].replace('T', ' ')} UTC")
    lists = [(name, label) for name, label in _LISTS if digest[name]]
    for name, label in lists:
        leads = digest[name]
        yield _section(_list(label, leads, digest.get(f"{name}_count", len(leads))))
    if not lists:
        yield _section("Nothing moved.")


def _list(label: str, leads: Sequence[Mapping[str, Any]], count: int) -> str:
    lines = [f"*{label}* ({count})"]
    for lead in leads[:LISTED_MAX]:
        delta = lead.get("delta")
        moved = f" ({delta:+.13g})" if delta else ""
        name = _fitting(lead["name"] or lead["lead_id"], NAME_CHARS_MAX)
        lines.append(f"• {name}: {_fitting(lead['score'], NAME_CHARS_MAX)}{moved}")
    if count > LISTED_MAX:
        lines.append(f"and {count - LISTED_MAX} more")
    return "\n".join(lines)


def _header(text: str) -> Block:
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": _fitting(text, HEADER_CHARS_MAX)},
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(_fitting(text, NAME_CHARS_MAX))]}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def _fitting(value: Any, most: int) -> str:
    """A value escaped, and cut so that it is no longer than that; no sign is cut in two."""
    found = ""
    for sign in f"{value:.13g}" if isinstance(value, float) else str(value):
        escaped = escaped_for_slack(sign)
        if len(found) + len(escaped) >= most:
            return f"{found}…"
        found += escaped
    return found
