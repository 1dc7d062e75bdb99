"""From the first schema, filled, to the present one: leads keep their scores and versions, and go on from there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg.types.json import Jsonb

import services.scoring
from scoreline.events.v1.event_pb2 import AcceptedEvent
from scoreline.ingest.v1.quarantine_service_pb2 import QUARANTINE_REASON_CONFLICT
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.scoring.domain.lead import Snapshot
from services.scoring.errors import LeadNotFound
from services.scoring.handlers import EventHandlers
from services.scoring.identity_handlers import IdentityHandlers
from services.scoring.lead_handlers import LeadHandlers
from services.scoring.ports import LeadView
from services.scoring.score_handlers import ScoreHandlers
from services.scoring.store import scores_subject
from services.shared.outbox import outbox_messages
from services.shared.times import to_datetime
from stack import Stack, StackConfig
from tests.support import scoring_cases as cases
from tests.support import service_database
from tests.support.clocks import START, SteppingClock
from tests.support.scoring_subjects import PostgresSubject, find

OLD_RULES = {
    "version": 4,
    "rules": [
        {"rule_id": "a", "event_type": "signup", "points": 20_000, "enabled": True},
        {"rule_id": "b", "event_type": "page_view", "points": 1_000, "enabled": True},
    ],
    "stages": [{"name": "cold", "min_score": 0}, {"name": "warm", "min_score": 20_000}],
    "bounds": {"min_score": 0, "max_score": None},
}


@pytest.fixture
def old() -> Iterator[Stack]:
    """Servers with the first schema."""
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        alembic = Config()
        folder = Path(services.scoring.__file__).parent / "migrations"
        alembic.set_main_option("script_location", str(folder))
        alembic.attributes["url"] = stack.postgres_url("scoreline_scoring_owner")
        command.upgrade(alembic, "0001")
        with psycopg.connect(stack.postgres_url("scoreline_scoring")) as connection:
            fill(connection)
        yield stack


def fill(connection: psycopg.Connection[Any]) -> None:
    """Two leads of p1, one of them without events; one of p2, whose rules never came."""

    def insert(table: str, *values: Any) -> None:
        marks = ", ".join(["%s"] * len(values))
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)

    insert("projects", "p1", 1)
    insert("projects", "p2", 0)
    insert("activations", "p1", 1, START, "key_1", Jsonb(OLD_RULES))
    insert("rescores", "p1", 1, 1, "")
    for project, lead in (("p1", "ada"), ("p1", "bob"), ("p2", "eve")):
        insert("leads", project, lead, "", "", "", Jsonb({}), 1, START, START)
        insert("subjects", project, f"lead:{lead}", lead)
    last = START + timedelta(minutes=5)
    insert("snapshots", "p1", "ada", 21_000, "warm", 2, 2, last, "e2", 1, 4, START)
    insert("snapshots", "p1", "bob", 0, "cold", 0, 0, None, None, 1, 4, START)
    insert("snapshots", "p2", "eve", 0, "", 1, 1, last, "e2", 0, 0, START)
    events = [
        ("p1", "e1", 1, "lead:ada", "signup", START),
        ("p1", "e2", 2, "lead:ada", "page_view", last),
        ("p2", "e2", 1, "lead:eve", "page_view", last),
    ]
    for project, event_id, position, subject, event_type, at in events:
        columns = (project, event_id, position, subject, event_type, at, START, "web")
        insert("ledger", *columns, '{"n":1}', b"payload", b"entry")
    for project, position in (("p1", 2), ("p2", 1)):
        insert("ledger_blocks", project, position, b"block", START)
        insert("ledger_heads", project, position, b"block", START)
    for version, event_id, event_type, before, after in (
        (1, "e1", "signup", 0, 20_000),
        (2, "e2", "page_view", 20_000, 21_000),
    ):
        change = ("p1", "ada", version, "event", event_id, event_type, before, after)
        insert("score_changes", *change, "warm", "warm", 4, START, START, False)
        subject, payload = scores_subject("p1", "ada"), b"one" if version == 1 else b"second"
        connection.execute(
            "INSERT INTO outbox (subject, version, payload) VALUES (%s, %s, %s)",
            (subject, version, payload),
        )
    last = START + timedelta(hours=1)
    contradiction = AcceptedEvent(
        project_id="p1", subject="lead:ada", linked_subjects=["lead:bob", "external:9"]
    ).SerializeToString()
    for reason, event_id, payload in (
        ("conflict", "e1", b"other"),
        ("identity_conflict", "e2", contradiction),
    ):
        digest = sha256(payload).digest()
        insert("quarantine", "p1", reason, digest, event_id, payload, START, last, 3)


async def test_what_was_in_quarantine_goes_to_ingest_and_contradictions_stay(old: Stack) -> None:
    service_database.migrate(old, "scoring")
    async with service_database.opened(old, "scoring") as database:
        async with database.begin() as connection:
            rows = await connection.execute(sa.text("SELECT * FROM quarantine_outbox"))
            (message,) = (one for row in rows.all() for one in outbox_messages(row))
        assert message.subject == "quarantine.p1.conflict"
        told = QuarantinedMessage.FromString(message.payload)
        assert (told.project_id, told.event_id, told.payload) == ("p1", "e1", b"other")
        assert (told.reason, told.seen_count) == (QUARANTINE_REASON_CONFLICT, 3)
        assert to_datetime(told.first_seen_time) == START
        assert to_datetime(told.last_seen_time) == START + timedelta(hours=1)

        identities = IdentityHandlers(PostgresSubject(database).store)
        ((conflict, resolved),) = await identities.conflicts("p1", "bob", None, 10)
        assert (conflict.event_id, conflict.recorded_at) == ("e2", START)
        assert conflict.subjects == ("lead:ada", "lead:bob", "external:9")
        assert conflict.lead_ids == ("ada", "bob", "")
        assert not resolved


async def test_leads_of_the_first_schema_go_on(old: Stack) -> None:
    service_database.migrate(old, "scoring")
    async with service_database.opened(old, "scoring") as database:
        subject = PostgresSubject(database)
        clock = SteppingClock(START + timedelta(days=1))
        events, leads = EventHandlers(subject.store, clock), LeadHandlers(subject.store, clock)

        # What callers see is there at once, before anything is folded anew.
        before = await seen(subject, "p1", "ada")
        assert (before.snapshot.score, before.snapshot.stage) == (21_000, "warm")
        assert (before.snapshot.version, before.snapshot.activation) == (2, 1)
        assert before.snapshot.state.event_count == 2
        # Known since the first of their entries was recorded, or since they were made.
        scores = ScoreHandlers(subject.store, clock)
        for lead in ("ada", "bob"):
            assert (await scores.score("p1", lead)).lead_id == lead
            assert (await scores.score("p1", lead, known_at=START)).lead_id == lead
            with pytest.raises(LeadNotFound):
                await scores.score("p1", lead, known_at=START - timedelta(microseconds=1))
        items = await leads.timeline("p1", "ada", None, 10)
        assert [item.score for item in items] == [20_000, 21_000]

        rounds = 0
        while await events.rescore_next():
            rounds += 1
        assert rounds == 1
        ada, bob = await seen(subject, "p1", "ada"), await seen(subject, "p1", "bob")
        assert outside(ada.snapshot) == (21_000, "warm", 2, 1, 4)
        assert (ada.snapshot.state.scores, ada.snapshot.state.event_count) == ({"": 21_000}, 2)
        assert outside(bob.snapshot) == (0, "cold", 0, 1, 4)
        assert len(await leads.score_changes("p1", "ada", 0, 10)) == 2
        # What waited to be published still does.
        ada_subject = scores_subject("p1", "ada")
        assert await subject.outbox("p1", "ada") == [
            (ada_subject, 1, b"one"),
            (ada_subject, 2, b"second"),
        ]

        # On they go, also where nobody scored anew: an event, late or not, makes the next version.
        late = [
            cases.incoming("e3", "signup", 1, f"lead:{lead}", project)
            for project, lead in (("p1", "ada"), ("p2", "eve"))
        ]
        await events.apply_events(late)
        assert outside((await seen(subject, "p1", "ada")).snapshot) == (41_000, "warm", 3, 1, 4)
        eve = (await seen(subject, "p2", "eve")).snapshot
        assert outside(eve) == (0, "", 2, 0, 0)
        assert eve.state.event_count == 2
        assert [row[1] for row in await subject.ledger("p1")] == ["e1", "e2", "e3"]


async def seen(subject: PostgresSubject, project: str, lead: str) -> LeadView:
    view = await find(subject, project, lead)
    assert view is not None
    return view


def outside(snapshot: Snapshot) -> tuple[int, str, int, int, int]:
    return (
        snapshot.score,
        snapshot.stage,
        snapshot.version,
        snapshot.activation,
        snapshot.rule_set_version,
    )
