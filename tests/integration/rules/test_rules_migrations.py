"""From the first schema, filled, to the present one: rule sets say what they said, activations score all history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.types.json import Jsonb

import services.rules
from services.rules import presets
from services.rules.domain.model import (
    ALL_HISTORY,
    Activation,
    Binding,
    LateEvents,
    Limit,
    Rule,
    State,
)
from services.rules.handlers import Installer, Rules
from services.rules.store import PostgresStore
from stack import Stack, StackConfig
from tests.support import service_database
from tests.support.clocks import START, SteppingClock
from tests.support.rules_golden import FakeTests

OLD_RULE = {
    "rule_id": "a",
    "event_type": "x",
    "points_milli": 1_000,
    "enabled": True,
    "description": "",
    "etag": "1.1",
    "group": "",
    "when": "",
}
OLD_CONTENT = {
    "description": "old",
    "rules": [
        OLD_RULE | {"limit": {"count": 3, "window_us": 86_400_000_000, "key": "event.id"}},
        OLD_RULE | {"rule_id": "b", "limit": None},
    ],
    "stages": [],
    "bounds": None,
    "groups": [],
    "decay": None,
}


@pytest.fixture
def old() -> Iterator[tuple[Stack, Config]]:
    """Servers with the first schema, and what migrates them."""
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        alembic = Config()
        folder = Path(services.rules.__file__).parent / "migrations"
        alembic.set_main_option("script_location", str(folder))
        alembic.attributes["url"] = stack.postgres_url("scoreline_rules_owner")
        command.upgrade(alembic, "0001")
        with psycopg.connect(stack.postgres_url("scoreline_rules")) as connection:
            fill(connection)
        yield stack, alembic


def fill(connection: psycopg.Connection[Any]) -> None:
    """A project with an active version and a draft."""

    def insert(table: str, *values: Any) -> None:
        marks = ", ".join(["%s"] * len(values))
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)

    insert("projects", "p1", 2, 1)
    insert("rule_sets", "p1", 1, "active", 1, Jsonb(OLD_CONTENT), START, START)
    insert("rule_sets", "p1", 2, "draft", 3, Jsonb(OLD_CONTENT), START, START)
    insert("activations", "p1", 1, 1, START, "system")


async def test_what_an_older_release_stored_is_kept(old: tuple[Stack, Config]) -> None:
    stack, alembic = old
    command.upgrade(alembic, "head")
    async with service_database.opened(stack, "rules") as database:
        store, clock = PostgresStore(database), SteppingClock()
        known = presets.load_all()
        installer = Installer(store, clock, known[presets.SIMPLE], lambda: None)
        rules = Rules(store, clock, installer, lambda: None, known, FakeTests())
        assert await rules.activations("p1", None, 10) == [
            Activation("p1", 1, 1, START, "system", ALL_HISTORY)
        ]
        active = await rules.rule_set("p1", 1)
        assert active.rules == (
            Rule("a", "x", 1_000, True, "", "1.1", limits=(Limit(3, 86_400_000_000, "event.id"),)),
            Rule("b", "x", 1_000, True, "", "1.1"),
        )
        assert (active.state, active.etag) == (State.ACTIVE, "1.1")
        assert (active.late_events, active.binding) == (LateEvents.REPLAY, Binding.CURRENT)
        # And it goes on from there.
        made, _ = await rules.activate("p1", 0, "2.3", "me")
        assert (made.number, made.version, made.effective_time) == (2, 2, ALL_HISTORY)
        made, _ = await rules.rollback("p1", 0, "me")
        assert (made.number, made.version) == (3, 1)
    # Nothing fills in the time of an activation that does not say it.
    with (
        psycopg.connect(stack.postgres_url("scoreline_rules")) as connection,
        pytest.raises(psycopg.errors.NotNullViolation),
    ):
        connection.execute("INSERT INTO activations VALUES ('p1', 9, 1, now(), 'system')")
    command.downgrade(alembic, "0001")
    command.upgrade(alembic, "head")
