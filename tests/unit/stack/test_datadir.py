"""One suite at a time in a data directory; a temporary one is removed, and nothing else ever is."""

from pathlib import Path

import pytest

from stack.datadir import DataDir
from stack.errors import DataDirInUse, StackError
from stack.guard import remove_temporary_dir


def test_a_directory_in_use_is_refused_with_one_line(tmp_path: Path) -> None:
    first = DataDir.claim(tmp_path / "data")
    with pytest.raises(DataDirInUse) as refusal:
        DataDir.claim(tmp_path / "data")
    assert "\n" not in str(refusal.value)
    assert "--data-dir" in str(refusal.value)
    first.release()
    DataDir.claim(tmp_path / "data").release()


def test_a_released_directory_keeps_its_data_and_no_sign_of_use(tmp_path: Path) -> None:
    directory = DataDir.claim(tmp_path / "data")
    (directory.path / "precious").write_text("data")
    directory.publish({"http_url": "http://127.0.0.1:1"})
    directory.release()
    assert sorted(entry.name for entry in directory.path.iterdir()) == [
        "logs",
        "precious",
        "rendered",
    ]


def test_a_temporary_directory_is_removed() -> None:
    directory = DataDir.claim(None)
    (directory.path / "logs" / "x.log").write_text("line")
    directory.release()
    assert not directory.path.exists()


def test_only_the_suites_own_directory_is_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    remove_temporary_dir(tmp_path, "some-id")
    (tmp_path / "suite-id").write_text("another-id")
    remove_temporary_dir(tmp_path, "some-id")
    assert (tmp_path / "precious").exists()


def test_a_place_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="choose another with --data-dir"):
        DataDir.claim(tmp_path / "file" / "data")


def test_logs_keep_the_run_before(tmp_path: Path) -> None:
    directory = DataDir.claim(tmp_path)
    log = directory.log_path("nats")
    for run in ("first", "second", "third"):
        directory.rotate_log("nats")
        log.write_text(run)
    assert log.read_text() == "third"
    assert log.with_suffix(".log.1").read_text() == "second"
    directory.release()
