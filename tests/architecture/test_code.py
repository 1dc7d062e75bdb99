"""What holds for every Python file: it says what it is, it is one idea, and no test hopes that time is enough."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import ROOT, files, named, parsed

LINES_MAX = {"tests": 500}
"""What is promised of one thing may take more lines than the thing."""

LINES_MAX_ELSEWHERE = 400
"""The house style says about 350 a file; beyond this there are two ideas in it."""

MAY_WAIT = {"tests/support/eventually.py", "tests/support/notify_fakes.py"}
"""What waits for a condition has to look again after a while; a fake has to take its time."""

NO_DOCSTRING = {"__init__.py", "conftest.py"}


def test_every_module_says_what_is_in_it() -> None:
    silent = [
        named(path)
        for path in files(".py")
        if path.name not in NO_DOCSTRING and not ast.get_docstring(parsed(path))
    ]
    assert silent == []


def test_every_module_is_one_idea() -> None:
    long = {
        named(path): lines
        for path in files(".py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > LINES_MAX.get(path.relative_to(ROOT).parts[0], LINES_MAX_ELSEWHERE)
    }
    assert long == {}


def test_no_test_sleeps() -> None:
    sleepers = [
        f"{named(path)}:{call.lineno}"
        for path in files(".py")
        if named(path).startswith("tests/") and named(path) not in MAY_WAIT
        for call in _sleeps(path)
    ]
    assert sleepers == []


def test_nothing_is_put_off() -> None:
    """No stub and no promise of one."""
    words = ("TO" + "DO", "FIX" + "ME", "X" * 3 + ":", "NotImplemented" + "Error")
    found = [
        f"{named(path)}: {word}"
        for path in files(".py")
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_import_walls_stand() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_domains_import_the_standard_library_only() -> None:
    foreign = [
        f"{named(path)} imports {module}"
        for path in files(".py")
        if (parts := path.relative_to(ROOT).parts)[0] == "services" and parts[2:3] == ("domain",)
        for module in _imports(path)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not f"{module}.".startswith(f"services.{parts[1]}.domain.")
    ]
    assert foreign == []


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "." * node.level


def _sleeps(path: Path) -> Iterator[ast.Call]:
    """Calls of time.sleep and asyncio.sleep under any name; `asyncio.sleep(0)` only lets others run."""
    tree = parsed(path)
    bare = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio")
        for alias in node.names
        if alias.name == "sleep"
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        by_module = (
            isinstance(function, ast.Attribute)
            and function.attr == "sleep"
            and isinstance(function.value, ast.Name)
            and function.value.id in ("time", "asyncio", "anyio", "trio")
        )
        by_name = isinstance(function, ast.Name) and function.id in bare
        if (by_module or by_name) and not _is_zero(node):
            yield node


def _is_zero(call: ast.Call) -> bool:
    return (
        len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
    )
