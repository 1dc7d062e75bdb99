"""`scoreline import` and `scoreline imports`: the file as it is sent, what is said about it, and how they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from typer.testing import CliRunner, Result

from scoreline.cli.main import app
from scoreline.ingest.v1 import imports_service_pb2 as pb
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

REJECTED = [pb.RejectedRow(line=line, column="type", reason="is required") for line in range(3, 11)]


def an_import(**fields: Any) -> pb.Import:
    return pb.Import(
        **{"import_id": "imp_1", "file_name": "a.csv", "state": pb.Import.STATE_SUCCEEDED, **fields}
    )


def answer(kind: Any, **fields: Any) -> Any:
    return kind(**{"import": an_import(**fields)})


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        running.on(
            "ImportEvents",
            lambda _, __: answer(pb.ImportEventsResponse, state=pb.Import.STATE_PENDING),
        )
        ends(running, row_count=2, accepted_count=1, duplicate_count=1)
        running.on(
            "GetImportReport", lambda _, __: iter([HttpBody(data=b"line,"), HttpBody(data=b"x\n")])
        )
        yield running


def ends(edge: FakeEdge, **fields: Any) -> None:
    """Have the import go on, and end so."""
    running = answer(pb.WatchImportResponse, state=pb.Import.STATE_RUNNING)
    ended = answer(pb.WatchImportResponse, **fields)
    edge.on("WatchImport", lambda _, __: iter([running, ended]))


def run(edge: FakeEdge, *arguments: object, as_json: bool = True) -> Result:
    options = ["--target", edge.target, "--api-key", API_KEY, *(["--json"] if as_json else [])]
    return CliRunner().invoke(app, [*options, *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(b"lead_id,type\n" + b"l,signup\n" * 100_000)
    return path


def test_the_file_goes_out_as_it_is(edge: FakeEdge, file: Path) -> None:
    result = run(
        edge, "import", file, "--column", "Mail=email", "--column", "a=b=", "--type", "signup",
        "--source", "crm", "--format", "csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    ((first, *others),) = edge.requests["ImportEvents"]
    assert (first.file_name, first.format) == ("a.csv", pb.IMPORT_FORMAT_CSV)
    assert list(first.columns) == ["Mail=email", "a=b="]
    assert (first.default_type, first.source) == ("signup", "crm")
    assert first.request_id
    assert b"".join(one.content.data for one in others) == file.read_bytes()
    assert len(others) > 1
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["accepted"], summary["duplicate"]) == (2, 1, 1)
    assert (summary["import_id"], summary["state"]) == ("imp_1", "succeeded")


def test_a_broken_upload_is_sent_again_under_the_same_id(edge: FakeEdge, file: Path) -> None:
    attempts = []

    def flaky(requests: Any, context: grpc.ServicerContext) -> Any:
        attempts.append([one.request_id for one in requests if one.request_id])
        if len(attempts) == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, retry_after_s=0))
        return answer(pb.ImportEventsResponse, state=pb.Import.STATE_PENDING)

    edge.on("ImportEvents", flaky)
    assert run(edge, "import", file).exit_code == 0
    assert len(attempts) == 2
    assert attempts[0] == attempts[1] != []


def test_a_watch_that_breaks_off_is_taken_up_again(edge: FakeEdge, file: Path) -> None:
    watches = []

    def flaky(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        watches.append(request.import_id)
        yield answer(pb.WatchImportResponse, state=pb.Import.STATE_RUNNING)
        if len(watches) == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, retry_after_s=0))
        yield answer(pb.WatchImportResponse, row_count=7)

    edge.on("WatchImport", flaky)
    result = run(edge, "import", file)
    assert (result.exit_code, json.loads(result.stdout)["rows"]) == (0, 7)
    assert watches == ["imp_1", "imp_1"]


def test_rejected_rows_are_shown_and_reported(edge: FakeEdge, file: Path, tmp_path: Path) -> None:
    ends(edge, row_count=10, accepted_count=2, rejected_count=8, first_rejected_rows=REJECTED)
    report = tmp_path / "report.csv"
    result = run(edge, "import", file, "--report", report, as_json=False)
    assert result.exit_code == 3
    assert "2 accepted, 0 known already, 8 rejected" in result.stdout
    assert result.stderr.count("is required") == 5
    assert "line 3: type: is required" in result.stderr
    assert "scoreline imports report imp_1" in result.stderr
    assert report.read_bytes() == b"line,x\n"


@pytest.mark.parametrize(
    ("state", "text"),
    [(pb.Import.STATE_FAILED, "no column is the type"), (pb.Import.STATE_CANCELLED, "cancelled")],
)
def test_an_import_that_does_not_succeed_fails(
    edge: FakeEdge, file: Path, state: int, text: str
) -> None:
    ends(edge, state=state, failure="no column is the type")
    result = run(edge, "import", file)
    assert result.exit_code == 1
    assert text in result.stderr


def test_a_file_may_only_be_sent(edge: FakeEdge, file: Path) -> None:
    result = run(edge, "import", file, "--no-wait", as_json=False)
    assert result.exit_code == 0
    assert result.stdout.startswith("imp_1: ")
    assert not edge.requests["WatchImport"]


def test_standard_input_is_a_file(edge: FakeEdge) -> None:
    options = ["--target", edge.target, "--api-key", API_KEY, "import", "-"]
    result = CliRunner().invoke(app, options, input=b"lead_id,type\nl,signup\n")
    assert result.exit_code == 0, result.output
    ((_, body),) = edge.requests["ImportEvents"]
    assert body.content.data == b"lead_id,type\nl,signup\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["missing.csv"], 1, "No such file"),
        (["FILE", "--format", "xls"], 2, "no such format"),
        (["FILE", "--column", "Mail"], 2, "COLUMN=FIELD"),
    ],
)
def test_wrong_usage_says_so(
    edge: FakeEdge, file: Path, arguments: list[str], code: int, text: str
) -> None:
    result = run(edge, "import", *(file if one == "FILE" else one for one in arguments))
    assert (result.exit_code, text in result.stderr) == (code, True)
    assert not edge.requests["ImportEvents"]


def test_imports_are_listed(edge: FakeEdge) -> None:
    running = an_import(
        import_id="imp_2", state=pb.Import.STATE_RUNNING, size_bytes=8, read_bytes=2
    )
    edge.on("ListImports", lambda _, __: pb.ListImportsResponse(imports=[running, an_import()]))
    people = run(edge, "imports", "list", as_json=False)
    assert "running 25%" in people.stdout
    machines = run(edge, "imports", "list", "--limit", "1")
    assert [json.loads(line)["import_id"] for line in machines.stdout.splitlines()] == ["imp_2"]


def test_one_import_is_shown_watched_and_cancelled(edge: FakeEdge) -> None:
    edge.on("GetImport", lambda _, __: answer(pb.GetImportResponse, failure="bad", row_count=3))
    shown = run(edge, "imports", "get", "imp_1", as_json=False)
    assert "succeeded, 3 rows" in shown.stdout
    assert "bad" in shown.stdout
    assert json.loads(run(edge, "imports", "get", "imp_1").stdout)["row_count"] == "3"
    watched = run(edge, "imports", "watch", "imp_1", as_json=False)
    assert (watched.exit_code, "1 known already" in watched.stdout) == (0, True)
    assert len(run(edge, "imports", "watch", "imp_1").stdout.splitlines()) == 2
    edge.on(
        "CancelImport",
        lambda _, __: answer(pb.CancelImportResponse, state=pb.Import.STATE_CANCELLED),
    )
    assert "cancelled" in run(edge, "imports", "cancel", "imp_1", as_json=False).stdout


def test_the_report_goes_to_stdout_or_a_file(edge: FakeEdge, tmp_path: Path) -> None:
    assert run(edge, "imports", "report", "imp_1", as_json=False).stdout == "line,x\n"
    path = tmp_path / "r.csv"
    assert run(edge, "imports", "report", "imp_1", "-o", path).exit_code == 0
    assert path.read_bytes() == b"line,x\n"
