"""Secrets are made once, stay the same, and are readable by their owner only."""

import json
import re
import stat
from pathlib import Path

import pytest

from stack.credentials import Credentials
from stack.errors import StackError


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    made = Credentials.load_or_make(path)
    assert Credentials.load_or_make(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets"]


def test_they_have_the_form_the_services_expect(tmp_path: Path) -> None:
    made = Credentials.load_or_make(tmp_path / "secrets")
    assert re.fullmatch(r"sl_[a-z2-7]{8}_[A-Za-z0-9]{32,}", made.api_key)
    assert re.fullmatch(r"[A-Za-z0-9]{32,}", made.notify_token_key)
    assert re.fullmatch(r"[A-Za-z0-9]{32,}", made.service_key)
    assert made.nats_password[0].isalpha()


def test_a_suite_that_was_made_before_gets_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    made = Credentials.load_or_make(path)
    kept = json.loads(path.read_text())
    del kept["service_key"]
    path.write_text(json.dumps(kept))
    later = Credentials.load_or_make(path)
    assert later.service_key not in ("", made.service_key)
    assert later.api_key == made.api_key
    assert Credentials.load_or_make(path) == later


def test_two_suites_have_different_ones(tmp_path: Path) -> None:
    one = Credentials.load_or_make(tmp_path / "one")
    other = Credentials.load_or_make(tmp_path / "other")
    assert one.api_key != other.api_key
    assert one.postgres_key != other.postgres_key


def test_each_postgres_role_has_its_own_password(tmp_path: Path) -> None:
    made = Credentials.load_or_make(tmp_path / "secrets")
    roles = ["scoreline_scoring", "scoreline_scoring_owner", "scoreline_rules", "postgres"]
    assert len({made.postgres_password(role) for role in roles}) == len(roles)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"api_key": "sl_x"}'])
def test_a_damaged_file_is_reported_not_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets"
    path.write_text(text)
    with pytest.raises(StackError, match="can't be read"):
        Credentials.load_or_make(path)
    assert path.read_text() == text


def test_an_interrupted_write_leaves_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "secrets.partial").write_text("{")
    Credentials.load_or_make(tmp_path / "secrets")
