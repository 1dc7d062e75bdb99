"""`scoreline quarantine`, `scoreline leads identities` and `leads conflicts`: what they ask, what they show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.scoring.v1 import facts_pb2
from scoreline.scoring.v1.lead_pb2 import LeadIdentity, LeadIdentityKind
from tests.support.command_line import json_lines, run
from tests.support.fake_edge import FakeEdge

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

ITEM = pb.QuarantinedItem(
    item_id="qua_" + "0" * 32,
    reason=pb.QUARANTINE_REASON_MAPPING_FAILED,
    detail="no type",
    event_id="e1",
    source_id="src_1",
    first_seen_time=AT,
    last_seen_time=AT,
    seen_count=3,
    size_bytes=11,
)


def test_list(edge: FakeEdge) -> None:
    answer = pb.ListQuarantinedResponse(items=[ITEM])
    edge.on("ListQuarantined", lambda request, context: answer)
    shown = run(edge, "quarantine", "list", "--reason", "mapping_failed", "--since", "2026-01-01")
    assert shown.exit_code == 0, shown.output
    assert "mapping_failed" in shown.stdout
    assert ITEM.item_id in shown.stdout
    (asked,) = edge.requests["ListQuarantined"]
    assert asked.filter.reason == pb.QUARANTINE_REASON_MAPPING_FAILED
    assert asked.filter.HasField("seen_after")
    (found,) = json_lines(run(edge, "quarantine", "list", as_json=True))
    assert (found["item_id"], found["seen_count"]) == (ITEM.item_id, 3)
    edge.on("ListQuarantined", lambda request, context: pb.ListQuarantinedResponse())
    assert run(edge, "quarantine", "list").stdout == "nothing is in quarantine\n"
    assert run(edge, "quarantine", "list", "--reason", "bad luck").exit_code == 2


@pytest.mark.parametrize(
    ("payload", "shown", "hidden"),
    [
        (b'{"a": "\xc3\xa9"}', '{"a": "é"}', "of bytes"),
        (b"\xff\x00", "2 bytes of bytes: --save FILE writes them", "\x00"),
        # Nothing that steers a terminal.
        (b"\x1b[2J", "of bytes", "\x1b"),
    ],
)
def test_get(edge: FakeEdge, payload: bytes, shown: str, hidden: str) -> None:
    whole = pb.QuarantinedItem()
    whole.CopyFrom(ITEM)
    whole.payload, whole.size_bytes = payload, len(payload)
    whole.headers["content-type"] = "application/json"
    edge.on("GetQuarantined", lambda request, context: pb.GetQuarantinedResponse(item=whole))
    found = run(edge, "quarantine", "get", ITEM.item_id)
    assert found.exit_code == 0, found.output
    for text in ("no type", "event e1", "through src_1", "seen 3 times", "content-type", shown):
        assert text in found.stdout
    assert hidden not in found.stdout


def test_get_saves_the_bytes(edge: FakeEdge, tmp_path: Path) -> None:
    whole = pb.QuarantinedItem(item_id="qua_1", payload=b"\xff\x00")
    edge.on("GetQuarantined", lambda request, context: pb.GetQuarantinedResponse(item=whole))
    found = run(edge, "quarantine", "get", "qua_1", "--save", str(tmp_path / "body"))
    assert found.exit_code == 0, found.output
    assert (tmp_path / "body").read_bytes() == b"\xff\x00"
    assert run(edge, "quarantine", "get", "qua_1", "--save", "/none/such").exit_code == 2


def test_redrive(edge: FakeEdge) -> None:
    answer = pb.RedriveQuarantinedResponse(redriven_count=1_200, failed_count=1, first_failure="no")
    edge.on("RedriveQuarantined", lambda request, context: answer)
    found = run(edge, "quarantine", "redrive", "--source", "src_1")
    assert found.stdout.splitlines() == [
        "1,200 went on their way",
        "1 fail as before, the first: no",
    ]
    (asked,) = edge.requests["RedriveQuarantined"]
    assert asked.filter.source_id == "src_1"
    run(edge, "quarantine", "redrive", "qua_1")
    assert edge.requests["RedriveQuarantined"][1].item_id == "qua_1"
    (line,) = json_lines(run(edge, "quarantine", "redrive", "--all", as_json=True))
    assert line["redriven_count"] == 1_200


def test_discard(edge: FakeEdge) -> None:
    answer = pb.DiscardQuarantinedResponse(discarded_count=2)
    edge.on("DiscardQuarantined", lambda request, context: answer)
    assert run(edge, "quarantine", "discard", "--all").stdout == "2 thrown away\n"
    assert edge.requests["DiscardQuarantined"][0].HasField("filter")


@pytest.mark.parametrize("command", ["redrive", "discard"])
@pytest.mark.parametrize("said", [[], ["qua_1", "--all"], ["--all", "--reason", "poison"]])
def test_what_is_meant_must_be_said(edge: FakeEdge, command: str, said: list[str]) -> None:
    assert run(edge, "quarantine", command, *said).exit_code == 2
    assert not edge.requests


def test_count(edge: FakeEdge) -> None:
    def answer(request: Any, context: Any) -> pb.CountQuarantinedResponse:
        made = pb.CountQuarantinedResponse()
        made.counts.add(reason=pb.QUARANTINE_REASON_CONFLICT, item_count=2, seen_count=5)
        made.counts.add(reason=pb.QUARANTINE_REASON_POISON, dropped_count=7)
        return made

    edge.on("CountQuarantined", answer)
    assert run(edge, "quarantine", "count").stdout.splitlines() == [
        "conflict: 2, seen 5 times",
        "poison: 0, seen 0 times; 7 found no room and were logged only",
    ]
    edge.on("CountQuarantined", lambda request, context: pb.CountQuarantinedResponse())
    assert run(edge, "quarantine", "count").stdout == "nothing is in quarantine\n"


EMAIL = LeadIdentity(kind=LeadIdentityKind.LEAD_IDENTITY_KIND_EMAIL, value="ada@example.com")
CRM = LeadIdentity(kind=LeadIdentityKind.LEAD_IDENTITY_KIND_EXTERNAL_ID, value="u-42")


def test_identities(edge: FakeEdge) -> None:
    answer = facts_pb2.GetLeadIdentitiesResponse(lead_id="ada", merged_lead_ids=["ld_x"])
    answer.identities.add(identity=EMAIL, attach_time=AT, event_count=1_204)
    answer.identities.add(identity=CRM, attach_time=AT, original_lead_id="ld_x", move_time=AT)
    edge.on("GetLeadIdentities", lambda request, context: answer)
    found = run(edge, "leads", "identities", "email:ada@example.com")
    assert found.exit_code == 0, found.output
    for text in (
        "email:ada@example.com  1,204 events  known since 2026-03-01",
        "external:u-42  0 events",
        "from ld_x, 2026-03-01",
        "merged into it: ld_x",
    ):
        assert text in found.stdout
    (line,) = json_lines(run(edge, "leads", "identities", "ada", as_json=True))
    assert line["merged_lead_ids"] == ["ld_x"]


def test_conflicts(edge: FakeEdge) -> None:
    answer = facts_pb2.ListIdentityConflictsResponse()
    answer.conflicts.add(
        event_id="e1", references=[EMAIL, CRM], lead_ids=["ada", ""], record_time=AT
    )
    answer.conflicts.add(event_id="e2", resolved=True)
    edge.on("ListIdentityConflicts", lambda request, context: answer)
    lines = run(edge, "leads", "conflicts", "--lead", "ada").stdout.splitlines()
    assert lines[0].endswith("e1  not one lead")
    assert lines[1:3] == ["  email:ada@example.com  of ada", "  external:u-42  of nobody"]
    assert lines[3].endswith("e2  resolved")
    assert edge.requests["ListIdentityConflicts"][0].lead_id == "ada"
    (only,) = json_lines(run(edge, "leads", "conflicts", "--unresolved", as_json=True))
    assert only["event_id"] == "e1"
    edge.on(
        "ListIdentityConflicts", lambda request, context: facts_pb2.ListIdentityConflictsResponse()
    )
    assert run(edge, "leads", "conflicts").stdout == "no contradictions\n"
