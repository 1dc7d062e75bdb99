"""`scoreline import`: what becomes of each row, files of all kinds, and running it again."""

from __future__ import annotations

import csv
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from scoreline.cli.main import app
from scoreline.ingest.v1.ingest_service_pb2 import BatchIngestEventsResponse
from scoreline.simulator import Plan, csv_lines, ndjson_lines
from tests.support.fake_edge import API_KEY, FakeEdge, accept_all, refuse, status


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        running.on("BatchIngestEvents", accept_all)
        yield running


def run(edge: FakeEdge, *arguments: object) -> Result:
    options = ["--target", edge.target, "--api-key", API_KEY, "--json", "import"]
    return CliRunner().invoke(app, [*options, *map(str, arguments)])


def sent(edge: FakeEdge) -> list[Any]:
    return [event for request in edge.requests["BatchIngestEvents"] for event in request.events]


def line(**fields: Any) -> str:
    return json.dumps({"event_id": "e-1", "type": "signup", "lead_id": "l-1", **fields}) + "\n"


def test_ndjson_goes_through_as_it_is(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(line(properties={"n": 1}) + "\n  \n" + line(event_id="e-2", source="crm"))
    result = run(edge, file)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["accepted"], summary["rejected"]) == (2, 2, 0)
    assert [event.event_id for event in sent(edge)] == ["e-1", "e-2"]
    assert sent(edge)[0].properties["n"] == 1
    assert not list(tmp_path.glob("*.rejected.*"))


def test_every_broken_row_is_kept_with_its_line_and_reason(edge: FakeEdge, tmp_path: Path) -> None:
    rows = [
        line(),
        "not json\n",
        '{"event_id": "cut\n',
        "[1]\n",
        line(occur_time="soon"),
        line(properties=7),
        line(colour="blue"),
        line(type=5),
        '{"a":' * 3000 + "1" + "}" * 3000 + "\n",
        "\ufeff" + line(event_id="bom"),
    ]
    file = tmp_path / "events.ndjson"
    file.write_bytes(
        "".join(rows).encode() + b'{"event_id": "\xff\xfe"}\n' + line(event_id="z").encode()
    )
    result = run(edge, file)
    assert result.exit_code == 3, result.output
    kept = [
        json.loads(one) for one in (tmp_path / "events.rejected.ndjson").read_text().splitlines()
    ]
    assert [one["line"] for one in kept] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert kept[0]["row"] == "not json"
    assert "not JSON" in kept[0]["reason"]
    assert kept[3]["reason"].startswith("occur_time: 'soon'")
    assert "nested" in kept[7]["reason"]
    assert "UTF-8" in kept[9]["reason"]
    assert [event.event_id for event in sent(edge)] == ["e-1", "z"]


def test_what_the_service_refuses_is_kept_too_in_the_order_of_the_file(
    edge: FakeEdge, tmp_path: Path
) -> None:
    def answer(request: Any, context: Any) -> BatchIngestEventsResponse:
        made = BatchIngestEventsResponse()
        for number, event in enumerate(request.events):
            if event.type == "bad":
                field = f"events[{number}].type"
                refusal = status(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    "INVALID_FIELDS",
                    violations=((field, "is bad"),),
                )
                made.results.add().error.CopyFrom(refusal)
            else:
                made.results.add().receipt.duplicate = event.type == "again"
        return made

    edge.on("BatchIngestEvents", answer)
    file = tmp_path / "events.ndjson"
    file.write_text(
        line() + line(type="bad") + "nonsense\n" + line(type="again") + line(type="bad")
    )
    result = run(edge, file, "--rejected", tmp_path / "no.ndjson")
    assert result.exit_code == 3
    summary = json.loads(result.stdout)
    assert (summary["accepted"], summary["duplicates"], summary["rejected"]) == (2, 1, 3)
    kept = [json.loads(one) for one in (tmp_path / "no.ndjson").read_text().splitlines()]
    assert [one["line"] for one in kept] == [2, 3, 5]
    assert kept[0]["reason"] == "type: is bad"


def test_csv_columns_become_fields_and_properties(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        "\ufeffevent_id,type,email,occur_time,plan,properties.seats,properties\n"
        'c-1,signup,ada@example.com,2026-03-01T09:30:00Z,team,5,"{""seats"": 1, ""deep"": [1]}"\n'
        "c-2,page_view,ada@example.com,,,,\n"
        'c-3,page_view,"ada@example.com",,"two\nlines",,\n'
    )
    result = run(edge, file)
    assert result.exit_code == 0, result.output
    first, second, third = sent(edge)
    assert dict(first.properties) == {
        "seats": "5",
        "plan": "team",
        "deep": first.properties["deep"],
    }
    assert first.occur_time.seconds == 1772357400
    assert not second.HasField("properties")
    assert not second.HasField("occur_time")
    assert third.properties["plan"] == "two\nlines"


def test_broken_csv_rows_can_be_mended_and_imported(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_bytes(
        b"event_id,type,email,occur_time,properties\n"
        b"c-1,signup,ada@example.com,,\n"
        b"c-2,signup,ada@example.com,soon,\n"
        b"c-3,signup,ada@example.com\n"
        b"c-4,signup,ada@example.com,,{not json\n"
        b"c-5,sign\xffup,ada@example.com,,\n"
        b"c-6,signup,ada@example.com,,\n"
    )
    result = run(edge, file)
    assert result.exit_code == 3
    assert [event.event_id for event in sent(edge)] == ["c-1", "c-6"]
    mended = tmp_path / "events.rejected.csv"
    rows = list(csv.reader(mended.read_text().splitlines()))
    assert rows[0] == [
        "rejected_line",
        "rejected_reason",
        "event_id",
        "type",
        "email",
        "occur_time",
        "properties",
    ]
    assert [row[0] for row in rows[1:]] == ["3", "4", "5", "6"]
    mended.write_text(mended.read_text().replace("soon", "2026-03-01T00:00:00Z"))
    result = run(edge, mended)
    assert "c-2" in [event.event_id for event in sent(edge)]
    again = list(csv.reader((tmp_path / "events.rejected.rejected.csv").read_text().splitlines()))
    assert again[0] == rows[0]
    assert [row[2] for row in again[1:]] == ["c-3", "c-4"]
    assert [len(row) for row in again[1:]] == [5, 7]


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("", "empty"),
        ("event_id,email\n", "type"),
        ("event_id,type\n", "at least one of"),
        ("type,email,email\n", "more than once"),
        ("type,email,\n", "no name"),
    ],
)
def test_a_header_must_make_sense(
    edge: FakeEdge, tmp_path: Path, header: str, complaint: str
) -> None:
    file = tmp_path / "events.csv"
    file.write_text(header)
    result = run(edge, file)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("kind", "text", "more"),
    [
        ("csv", "type,email\n" + 2 * "signup,a@b.example\n", "download,a@b.example\n"),
        ("ndjson", 2 * '{"type": "signup", "email": "a@b.example"}\n', '{"type": "x"}\n'),
    ],
)
def test_rows_without_an_id_get_the_same_one_every_time(
    edge: FakeEdge, tmp_path: Path, kind: str, text: str, more: str
) -> None:
    for name in (f"a.{kind}", f"copy.{kind}"):
        (tmp_path / name).write_text(text)
    with gzip.open(tmp_path / f"packed.{kind}.gz", "wt") as packed:
        packed.write(text)
    (tmp_path / f"other.{kind}").write_text(text + more)
    ids = []
    for name in (f"a.{kind}", f"copy.{kind}", f"packed.{kind}.gz", f"other.{kind}"):
        edge.requests.clear()
        assert run(edge, tmp_path / name).exit_code == 0
        ids.append([event.event_id for event in sent(edge)])
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids[0])) == 2
    assert not set(ids[0]) & set(ids[3])


def test_a_line_without_end_is_not_held_in_memory(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(line() + "x" * 5_000_000 + "\n" + line(event_id="after"))
    result = run(edge, file)
    assert result.exit_code == 3
    assert [event.event_id for event in sent(edge)] == ["e-1", "after"]
    kept = json.loads((tmp_path / "events.rejected.ndjson").read_text())
    assert kept["line"] == 2
    assert "longer than" in kept["reason"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_a_simulated_file_goes_through(
    edge: FakeEdge, tmp_path: Path, kind: str, packed: bool
) -> None:
    plan = Plan(leads=60, days=10, malformed=11)
    text = "".join(csv_lines(plan) if kind == "csv" else ndjson_lines(plan)).encode()
    file = tmp_path / f"j.{kind}{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(text) if packed else text)
    result = run(edge, file)
    assert result.exit_code == 3
    summary = json.loads(result.stdout)
    # Rows that are sound JSON or CSV but break a rule are for the service to refuse; this one takes everything.
    assert summary["rows"] == text.count(b"\n") - (kind == "csv")
    assert 3 <= summary["rejected"] <= 11
    assert (tmp_path / f"j.rejected.{kind}").exists()


def test_a_damaged_archive_is_one_clear_line(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "j.ndjson.gz"
    file.write_bytes(gzip.compress("".join(ndjson_lines(Plan(leads=60))).encode())[:-5000])
    result = run(edge, file)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["missing.ndjson", "events.txt", "events"])
def test_files_that_can_not_be_used(edge: FakeEdge, tmp_path: Path, name: str) -> None:
    result = run(edge, tmp_path / name)
    assert result.exit_code == 2
    assert name in result.stderr


def test_the_file_itself_is_never_overwritten(edge: FakeEdge, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(line())
    assert run(edge, file, "--rejected", file).exit_code == 2
    assert file.read_text() == line()


def test_a_refused_key_stops_the_import(edge: FakeEdge, tmp_path: Path) -> None:
    edge.on(
        "BatchIngestEvents",
        lambda request, context: refuse(
            context,
            status(
                grpc.StatusCode.PERMISSION_DENIED,
                "SCOPE_MISSING",
                "the API key lacks the scope `ingest`",
            ),
        ),
    )
    file = tmp_path / "events.ndjson"
    file.write_text(line())
    result = run(edge, file)
    assert result.exit_code == 1
    assert "lacks the scope `ingest`" in result.stderr
    assert "safe" in result.stderr


def test_an_outage_that_outlasts_the_patience_stops_the_import_and_rejects_nothing(
    edge: FakeEdge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoreline.cli.session.IMPORT_RETRY_FOR_S", 0.0)
    served = threading.Event()

    def answer(request: Any, context: Any) -> Any:
        if request.events[0].event_id != "e-0":
            served.wait(10)
            refuse(
                context,
                status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", "the broker is down"),
            )
        served.set()
        return accept_all(request, context)

    edge.on("BatchIngestEvents", answer)
    file = tmp_path / "events.ndjson"
    file.write_text("".join(line(event_id=f"e-{number}") for number in range(1200)))
    result = run(edge, file)
    assert result.exit_code == 1
    assert "stopped at line 501 after 500 accepted rows: the broker is down" in result.stderr
    assert not (tmp_path / "events.rejected.ndjson").exists()
