"""Finds a suite that `make up` or `scoreline up` runs on this machine: its data directory says where it answers
(suite.json, there only while it runs) and holds its development key (secrets). Both are written by stack/datadir.py."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DATA_DIR_VARIABLE: Final = "SCORELINE_DATA_DIR"
DATA_DIR_NAME: Final = ".scoreline"
REPO_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class RunningSuite:
    """Where a suite answers."""

    data_dir: Path
    http_url: str
    grpc_target: str
    nats_monitor_url: str
    """Empty where it says nothing of it."""
    api_key: str = field(repr=False)
    """Empty where its secrets are not for us to read."""

    @classmethod
    def at(cls, data_dir: Path) -> RunningSuite | None:
        """The suite that runs on a data directory; None when none does."""
        said = _object(data_dir / "suite.json")
        if said is None or not said.get("grpc_target"):
            return None
        kept = _object(data_dir / "secrets") or {}
        return cls(
            data_dir=data_dir,
            http_url=str(said.get("http_url") or ""),
            grpc_target=str(said["grpc_target"]),
            nats_monitor_url=str(said.get("nats_monitor_url") or ""),
            api_key=str(kept.get("api_key") or ""),
        )


def find_running_suite(
    environment: Mapping[str, str] = os.environ, start: Path | None = None
) -> RunningSuite | None:
    """The first suite found: in SCORELINE_DATA_DIR, else `.scoreline` here or above, else in this checkout."""
    for data_dir in _candidates(environment, start or Path.cwd()):
        suite = RunningSuite.at(data_dir)
        if suite is not None:
            return suite
    return None


def _candidates(environment: Mapping[str, str], start: Path) -> Iterator[Path]:
    chosen = environment.get(DATA_DIR_VARIABLE)
    if chosen:
        yield Path(chosen)
        return
    for directory in (start, *start.parents, REPO_ROOT):
        yield directory / DATA_DIR_NAME


def _object(path: Path) -> dict[str, object] | None:
    """The JSON object in a file; None when it is not there, not readable or half written."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
