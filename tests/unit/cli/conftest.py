"""What the tests of single commands share: a programmable suite, and nothing else of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_edge import FakeEdge


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No suite of this machine is found, and no settings of whoever runs the tests."""
    monkeypatch.setenv("SCORELINE_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("SCORELINE_TARGET", raising=False)
    monkeypatch.delenv("SCORELINE_API_KEY", raising=False)
