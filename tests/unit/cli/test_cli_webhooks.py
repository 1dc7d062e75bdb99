"""`scoreline webhooks`: what it asks, what it shows, and that secrets are shown once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scoreline.events.v1 import event_pb2
from scoreline.ingest.v1 import webhook_source_pb2 as wire
from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from tests.support.command_line import json_lines, run
from tests.support.fake_edge import FakeEdge

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SOURCE = wire.WebhookSource(
    source_id="whs_" + "a" * 24,
    display_name="Shop",
    preset="hubspot",
    verification=wire.WebhookVerification(kind=wire.WebhookVerification.KIND_HUBSPOT),
    mapping=wire.WebhookMapping(events=[wire.EventMapping(type="body.type")]),
    counters=wire.WebhookCounters(accepted=1_200, rejected=3, quarantined=1, events=2_400),
    secrets=[wire.WebhookSecret(hint="abcd", create_time=AT, expire_time=AT), wire.WebhookSecret(hint="")],
)  # fmt: skip


def on_update(edge: FakeEdge) -> None:
    def update(request: pb.UpdateWebhookSourceRequest, _: Any) -> pb.UpdateWebhookSourceResponse:
        return pb.UpdateWebhookSourceResponse(webhook_source=request.webhook_source)

    edge.on("GetWebhookSource", lambda *_: pb.GetWebhookSourceResponse(webhook_source=SOURCE))
    edge.on("UpdateWebhookSource", update)


def test_list_and_get(edge: FakeEdge) -> None:
    answer = pb.ListWebhookSourcesResponse(webhook_sources=[SOURCE])
    edge.on("ListWebhookSources", lambda request, context: answer)
    shown = run(edge, "webhooks", "list").stdout
    for text in (SOURCE.source_id, "Shop", "hubspot", "1,200", "2,400"):
        assert text in shown
    (found,) = json_lines(run(edge, "webhooks", "list", as_json=True))
    assert found["counters"]["accepted"] == "1200"
    edge.on("ListWebhookSources", lambda *_: pb.ListWebhookSourcesResponse())
    assert run(edge, "webhooks", "list").stdout == "no webhook sources\n"
    on_update(edge)
    shown = run(edge, "webhooks", "get", SOURCE.source_id).stdout
    for text in (f"/v1/webhooks/{SOURCE.source_id}", "1,200 deliveries, 2,400 events", "body.type"):
        assert text in shown


def test_create_shows_the_secret_alone_on_stdout(edge: FakeEdge) -> None:
    made = pb.CreateWebhookSourceResponse(
        webhook_source=SOURCE, secret="s3cret", path="/v1/webhooks/x"
    )
    edge.on("CreateWebhookSource", lambda request, context: made)
    done = run(edge, "webhooks", "create", "--preset", "typeform", "--name", "Forms", "--answer", "refuse")  # fmt: skip
    assert done.stdout == "s3cret\n"
    assert "POST /v1/webhooks/x" in done.stderr
    (asked,) = edge.requests["CreateWebhookSource"]
    assert (asked.webhook_source.preset, asked.webhook_source.display_name) == ("typeform", "Forms")
    assert asked.webhook_source.failure_answer == wire.FAILURE_ANSWER_REFUSE
    assert not asked.webhook_source.HasField("verification")
    assert run(edge, "webhooks", "create", "--preset", "x", "--answer", "perhaps").exit_code == 2


def test_create_with_hubspots_url_keeps_how_the_preset_checks(edge: FakeEdge) -> None:
    presets = [wire.WebhookPreset(name="hubspot", verification=SOURCE.verification)]
    edge.on("ListWebhookPresets", lambda *_: pb.ListWebhookPresetsResponse(presets=presets))
    edge.on("CreateWebhookSource", lambda *_: pb.CreateWebhookSourceResponse())
    given = ("--preset", "hubspot", "--url", "https://x.example/y", "--secret", "mine")
    assert run(edge, "webhooks", "create", *given).exit_code == 0
    (asked,) = edge.requests["CreateWebhookSource"]
    how = asked.webhook_source.verification
    assert (how.kind, how.url) == (wire.WebhookVerification.KIND_HUBSPOT, "https://x.example/y")
    assert asked.secret == "mine"
    assert "hubspot" in run(edge, "webhooks", "presets").stdout


def test_create_from_a_file(edge: FakeEdge, tmp_path: Path) -> None:
    edge.on("CreateWebhookSource", lambda *_: pb.CreateWebhookSourceResponse())
    file = tmp_path / "source.json"
    file.write_text(
        json.dumps(
            {
                "verification": {"kind": "KIND_HMAC", "header": "x-sig"},
                "mapping": {"events": [{"type": "body.type", "email": "body.email"}]},
            }
        )
    )
    assert run(edge, "webhooks", "create", "--file", str(file)).exit_code == 0
    (asked,) = edge.requests["CreateWebhookSource"]
    assert asked.webhook_source.mapping.events[0].email == "body.email"
    file.write_text('{"mappings": 1}')
    assert run(edge, "webhooks", "create", "--file", str(file)).exit_code == 2
    assert run(edge, "webhooks", "create", "--file", "/none/such").exit_code == 2


def test_update(edge: FakeEdge, tmp_path: Path) -> None:
    on_update(edge)
    file = tmp_path / "m.json"
    file.write_text('{"mapping": {"events": [{"type": "\'a\'"}]}}')
    done = run(edge, "webhooks", "update", SOURCE.source_id, "--disable", "--file", str(file))
    assert done.exit_code == 0, done.output
    (asked,) = edge.requests["UpdateWebhookSource"]
    assert asked.webhook_source.disabled
    assert asked.webhook_source.display_name == "Shop"
    assert asked.webhook_source.mapping.events[0].type == "'a'"
    assert "disabled" in done.stdout


def test_rotate_and_delete(edge: FakeEdge) -> None:
    answer = pb.RotateWebhookSecretResponse(webhook_source=SOURCE, secret="n3w")
    edge.on("RotateWebhookSecret", lambda request, context: answer)
    done = run(edge, "webhooks", "rotate", SOURCE.source_id, "--overlap", "7d")
    assert done.stdout == "n3w\n"
    assert "abcd... until 2026" in done.stderr
    (asked,) = edge.requests["RotateWebhookSecret"]
    assert asked.overlap.seconds == 7 * 86_400
    assert run(edge, "webhooks", "rotate", "x", "--overlap", "soon").exit_code == 2
    edge.on("DeleteWebhookSource", lambda *_: pb.DeleteWebhookSourceResponse())
    assert run(edge, "webhooks", "delete", "whs_1").stdout == "deleted whs_1\n"


def test_test(edge: FakeEdge, tmp_path: Path) -> None:
    event = event_pb2.Event(event_id="e1", type="signup")
    answer = pb.TestWebhookSourceResponse(events=[event])
    edge.on("TestWebhookSource", lambda request, context: answer)
    body = tmp_path / "body"
    body.write_text('{"a": 1}')
    given = ("--preset", "github", "--body", str(body), "--header", "X-GitHub-Event: star")
    done = run(edge, "webhooks", "test", *given)
    assert done.exit_code == 0, done.output
    assert '"signup"' in done.stdout
    (asked,) = edge.requests["TestWebhookSource"]
    assert (asked.body, dict(asked.headers)) == ('{"a": 1}', {"X-GitHub-Event": "star"})
    answer = pb.TestWebhookSourceResponse(failure="is no time", failure_field="mapping.x")
    edge.on("TestWebhookSource", lambda request, context: answer)
    done = run(edge, "webhooks", "test", "whs_1")
    assert done.exit_code == 1
    assert "mapping.x: is no time" in done.stderr
    assert run(edge, "webhooks", "test", "whs_1", "--header", "none").exit_code == 2
