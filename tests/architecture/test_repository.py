"""The tree as a newcomer meets it: the promised files and targets are there, and no link leads nowhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files, named

TARGETS = (
    "setup",
    "up",
    "demo",
    "test",
    "test-unit",
    "test-integration",
    "test-e2e",
    "bench",
    "bench-quick",
    "check",
    "fmt",
    "protos",
    "web",
    "browser",
)

PROMISED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    "docker-compose.yml",
    "docs/architecture.md",
    "docs/http-api.md",
    "docs/operations.md",
    ".ci/run",
)

TIERS = ("unit", "scenarios", "conformance", "integration", "e2e", "faults", "architecture")

# [text](target), not an image's or a badge's; targets on the web are not followed.
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


@pytest.mark.parametrize("path", PROMISED)
def test_promised_files_are_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_every_tier_has_its_folder() -> None:
    assert [tier for tier in TIERS if not list((ROOT / "tests" / tier).rglob("test_*.py"))] == []


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {
        match.group(1) for match in re.finditer(r"^ *make (\S+) +\S", done.stdout, re.MULTILINE)
    }
    assert set(TARGETS) - listed == set()


def test_links_lead_somewhere() -> None:
    broken = [
        f"{named(page)}: {target}"
        for page in files(".md")
        for target in LINK.findall(CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8"))))
        if not re.match(r"[a-z]+:", target) and not _leads_somewhere(page, target)
    ]
    assert broken == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    if not linked.exists():
        return False
    return not anchor or linked.suffix != ".md" or anchor in _anchors(linked.read_text("utf-8"))


def _anchors(text: str) -> set[str]:
    """The ids that GitHub gives to headings."""
    headings = (heading.replace("`", "") for heading in HEADING.findall(FENCED.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
