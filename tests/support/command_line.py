"""Running `scoreline` in the process of a test, against a suite of programmed answers."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from scoreline.cli.main import app
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status


def run(edge: FakeEdge, *arguments: object, as_json: bool = False) -> Result:
    options = ["--target", edge.target, "--api-key", API_KEY] + (["--json"] if as_json else [])
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [*options, *map(str, arguments)])


def json_lines(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def refusing(*arguments: Any, **details: Any) -> Any:
    return lambda request, context: refuse(context, status(*arguments, **details))
