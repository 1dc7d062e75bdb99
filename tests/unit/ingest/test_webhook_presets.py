"""The ready mappings: each makes of its sender's documented deliveries the events that its file says, and each of those
is accepted."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from services.ingest import webhook_presets
from services.ingest.domain.webhooks.model import Kind
from services.ingest.webhook_compiling import compile_mapping
from services.ingest.webhook_presets import InvalidPreset, Preset, Sample
from services.ingest.webhook_sources import Tried
from tests.support.webhook_rig import Rig, trial

PRESETS = webhook_presets.load_all()
SAMPLES = [
    pytest.param(preset, sample, id=f"{preset.name}: {sample.name}")
    for preset in PRESETS.values()
    for sample in preset.samples
]


def tried(preset: Preset, sample: Sample) -> Tried:
    rig = Rig(now=datetime(2026, 2, 1, tzinfo=UTC))
    wanted = trial(
        preset=preset.name,
        body=sample.body,
        content_type=sample.content_type,
        headers=sample.headers,
    )
    return asyncio.run(rig.sources.test("p", wanted))


def test_there_is_one_for_each_sender_that_the_docs_name() -> None:
    assert sorted(PRESETS) == [
        "calendly", "github", "hubspot", "mailgun", "scoreline", "segment", "sendgrid", "stripe", "typeform",
    ]  # fmt: skip
    assert all(preset.verification.kind is not Kind.NONE for preset in PRESETS.values())


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_each_compiles_and_says_what_it_is(preset: Preset) -> None:
    compile_mapping(preset.mapping, "mapping")
    assert preset.samples
    assert len(preset.description) > 80


@pytest.mark.parametrize(("preset", "sample"), SAMPLES)
def test_documented_deliveries_become_the_events_of_the_file(
    preset: Preset, sample: Sample
) -> None:
    result = tried(preset, sample)
    assert (result.failure, result.failure_field) == ("", "")
    found: list[dict[str, Any]] = [
        MessageToDict(event, preserving_proto_field_name=True) for event in result.events
    ]
    for event, expected in zip(found, sample.events, strict=True):
        assert event.pop("source") == preset.name
        if "occur_time" not in expected:
            assert event.pop("occur_time") == "2026-02-01T00:00:00Z"
        assert event == expected


def test_a_file_that_says_what_no_preset_has_is_refused(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(webhook_presets, "_FOLDER", tmp_path)
    (tmp_path / "x.yaml").write_text(
        "description: x\nverification: {kind: github}\n"
        "mapping: {events: [{type: body.x, emial: body.y}]}\nsamples: []\n"
    )
    with pytest.raises(InvalidPreset, match=r"x\.yaml.*emial"):
        webhook_presets.load_all()
