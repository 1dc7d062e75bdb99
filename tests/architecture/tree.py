"""Where things are in the repository, and which of its files are ours to judge."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

SERVICES = ("accounts", "ingest", "notify", "rules", "scoring")

GENERATED = "_pb2"


@cache
def files(suffix: str) -> tuple[Path, ...]:
    """Files that are tracked, or new and not ignored, with this suffix; no generated code."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", f"*{suffix}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = (ROOT / line for line in sorted(set(listed.stdout.splitlines())))
    return tuple(path for path in found if path.exists() and GENERATED not in path.name)


@cache
def parsed(path: Path) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def named(path: Path) -> str:
    """A path as people write it."""
    return str(path.relative_to(ROOT))
