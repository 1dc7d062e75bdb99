"""Examples have what real bodies have, so that a receiver can be written by them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from scoreline.rules.v1.rule_set_pb2 import Activation
from services.notify.activations import activated
from services.notify.domain.endpoints import EVENT_TYPES, RULES_ACTIVATED
from services.notify.endpoint_examples import example

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_type_has_an_example_of_its_own(event_type: str) -> None:
    body = json.loads(example(event_type, NOW))
    assert body.keys() == {"type", "timestamp", "data"}
    assert (body["type"], body["timestamp"]) == (event_type, "2026-02-01T12:00:00Z")
    others = [json.loads(example(one, NOW))["data"] for one in EVENT_TYPES if one != event_type]
    is_change = "previous_score" in body["data"]
    assert is_change == event_type.startswith(("score.", "lead."))
    assert is_change or body["data"] not in others


def test_an_activation_says_what_its_example_says() -> None:
    shown = json.loads(example(RULES_ACTIVATED, NOW))["data"]
    assert activated(Activation(number=1)).data.keys() == shown.keys()
