"""Ready mappings as data files (`mappings/*.yaml`): what they say is in the files, with deliveries as their senders
document them and the events that come of those."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.ingest.domain.webhooks.model import (
    EXPRESSIONS,
    KEY,
    Digest,
    Encoding,
    Kind,
    Verification,
    WebhookMapping,
)

_FOLDER = Path(__file__).parent / "mappings"


class InvalidPreset(Exception):
    """A file says something that no preset has; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A delivery as its sender documents it."""

    name: str
    headers: Mapping[str, str]
    content_type: str
    body: str
    events: list[dict[str, Any]]
    """What must come of it: the events as JSON, without what is the same for all."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A ready mapping."""

    name: str
    description: str
    verification: Verification
    mapping: WebhookMapping
    samples: tuple[Sample, ...]
    """One at least."""


def load_all() -> dict[str, Preset]:
    """Every preset by its name. Raises InvalidPreset."""
    return {path.stem: _preset(path) for path in sorted(_FOLDER.glob("*.yaml"))}


def _preset(path: Path) -> Preset:
    try:
        # libyaml's: all are read at each start, and it takes a tenth of the time.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        return Preset(
            path.stem,
            content.pop("description").strip(),
            _verification(content.pop("verification")),
            _mapping(content.pop("mapping")),
            tuple(_sample(one) for one in content.pop("samples")),
            **content,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidPreset(f"{path.name}: {error!r}") from error


def _verification(content: dict[str, Any]) -> Verification:
    return Verification(
        Kind(content.pop("kind")),
        encoding=Encoding(content.pop("encoding", "hex")),
        digest=Digest(content.pop("digest", "sha256")),
        **content,
    )


def _mapping(content: dict[str, Any]) -> WebhookMapping:
    events = tuple({name: str(source) for name, source in one.items()} for one in content["events"])
    unknown = {*content, *(name for one in events for name in one)} - {
        "items",
        "events",
        KEY,
        *EXPRESSIONS,
    }
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return WebhookMapping(content.get("items", ""), events)


def _sample(content: dict[str, Any]) -> Sample:
    return Sample(
        content.pop("name"),
        content.pop("headers", {}),
        content.pop("content_type", "application/json"),
        content.pop("body"),
        content.pop("events"),
        **content,
    )
