"""Examples have what real bodies have, so that a receiver can be written by them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoreline.rules.v1.rule_set_pb2 import Activation
from services.notify.activations import activated
from services.notify.domain.endpoints import EVENT_TYPES, RULES_ACTIVATED
from services.notify.endpoint_examples import example

DOCUMENT = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text("utf-8")
SHOWN = dict(re.findall(r"^```json (\S+)\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL))
NOW = datetime(2026, 11, 10, 9, 20, tzinfo=UTC)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_type_has_an_example_of_its_own(event_type: str) -> None:
    body = json.loads(example(event_type, NOW))
    assert body.keys() == {"type", "timestamp", "data"}
    assert (body["type"], body["timestamp"]) == (event_type, "2026-11-10T09:20:00Z")
    others = [json.loads(example(one, NOW))["data"] for one in EVENT_TYPES if one != event_type]
    is_change = "previous_score" in body["data"]
    assert is_change == event_type.startswith(("score.", "lead."))
    assert is_change or body["data"] not in others


def test_an_activation_says_what_its_example_says() -> None:
    shown = json.loads(example(RULES_ACTIVATED, NOW))["data"]
    assert activated(Activation(number=1)).data.keys() == shown.keys()


def test_the_document_shows_the_examples() -> None:
    """Score changes are shown by the contract."""
    for event_type in EVENT_TYPES:
        assert f"| `{event_type}` |" in DOCUMENT
    others = {one for one in EVENT_TYPES if not one.startswith(("score.", "lead."))}
    assert SHOWN.keys() == others
    for event_type, text in SHOWN.items():
        assert json.loads(text) == json.loads(example(event_type, NOW))["data"]
