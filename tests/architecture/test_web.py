"""What the browser SDK promises to the pages it is on: it is small, brings nothing along, and needs no exceptions."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

WEB = ROOT / "web"

BUNDLE_BYTES_MAX = 5_000
"""As a page gets it, compressed."""


@pytest.mark.parametrize("name", ["scoreline.js", "scoreline.mjs"])
def test_the_bundle_is_small(name: str) -> None:
    assert len(gzip.compress((WEB / "dist" / name).read_bytes(), 9)) < BUNDLE_BYTES_MAX


def test_it_depends_on_nothing() -> None:
    assert "dependencies" not in json.loads((WEB / "package.json").read_text("utf-8"))
    foreign = [
        f"{path.name}: {module}"
        for path in (WEB / "src").glob("*.ts")
        for module in re.findall(r'from "([^"]+)"', path.read_text("utf-8"))
        if not module.startswith("./")
    ]
    assert foreign == []


def test_a_strict_content_security_policy_lets_it_work() -> None:
    """No code out of texts, no markup, no styles. Chromium is asked too (tests/e2e/web)."""
    bundle = (WEB / "dist" / "scoreline.js").read_text("utf-8")
    forbidden = (
        r"\beval\(|\bFunction\(|innerHTML|outerHTML|document\.write|insertAdjacent|\.style\b"
    )
    assert re.findall(forbidden, bundle) == []


def test_no_field_is_asked_for_its_value() -> None:
    """Of fields there are names only: the one module that reads a page's elements knows values of attributes alone."""
    source = (WEB / "src" / "elements.ts").read_text("utf-8")
    assert (
        re.findall(r"\.value\b|\.textContent|\.innerText|FormData|\.checked|\.selected", source)
        == []
    )


@pytest.mark.parametrize("path", sorted((WEB / "src").glob("*.ts")), ids=lambda path: path.name)
def test_every_file_is_one_idea_and_says_which(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= 350
    assert max(map(len, lines)) <= 120
