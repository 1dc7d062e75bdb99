"""The relay in this process, on real servers: what it does after a relay before it died at the worst moment."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from services.accounts import convert
from services.accounts.domain.model import ApiKey, Project, Scope
from services.accounts.store import PostgresStore
from services.accounts.tables import outbox
from services.accounts.worker import BUCKET_STREAM
from services.shared.bus import Bus
from services.shared.credentials import STREAM
from services.shared.db import Database
from services.shared.exclusive import exclusive
from services.shared.outbox import OutboxRelay, outbox_messages
from services.shared.publishing import OutgoingMessage, publish_one
from stack import Stack
from tests.support import service_database
from tests.support.background import background
from tests.support.clocks import START
from tests.support.eventually import eventually_async
from tests.support.service_database import Migrated
from tests.support.streams import stored

SHORT_WINDOW_S = 0.1
"""The shortest duplicate window there may be: the broker forgets the ids it has seen almost at once."""


@pytest.fixture(scope="module")
def schema(migrated: Migrated) -> Stack:
    return migrated("accounts")


@pytest.fixture
async def database(schema: Stack) -> AsyncIterator[Database]:
    async with service_database.opened(schema, "accounts") as opened:
        yield opened


@pytest.fixture
async def bus(schema: Stack) -> AsyncIterator[Bus]:
    bus = await Bus.connect(schema.nats_url, "test-publication", 5)
    try:
        yield bus
    finally:
        await bus.close()


async def test_what_was_published_but_not_crossed_out_is_not_published_again(
    schema: Stack, database: Database, bus: Bus
) -> None:
    await bus.ensure_stream(BUCKET_STREAM.evolve(duplicate_window=SHORT_WINDOW_S), 5)
    store = PostgresStore(database)
    project = Project(f"p-{secrets.token_hex(6)}", "", START)
    revoked, valid = (
        ApiKey(
            project.project_id,
            f"key_{number}",
            secrets.token_hex(32),
            "",
            frozenset({Scope.READ}),
            START,
        )
        for number in range(2)
    )
    await store.add_project(project, revoked)
    await store.revoke_key(project.project_id, revoked.key_id, START)

    # A relay publishes all of it and dies before it can delete the rows; the broker forgets their ids.
    rows = await outbox_rows(database)
    for row in rows:
        for message in outbox_messages(row):
            await publish_one(bus, message)
    assert await forgotten(bus), "the probe is new"
    await eventually_async(lambda: forgotten(bus))
    before = await stored(schema.nats_url, STREAM, "$KV.credentials.>")

    # Then there is something new.
    await store.add_key(valid, 10)
    relay = OutboxRelay(database, bus, outbox, STREAM, "accounts_outbox", atomic=False)
    async with background(relay.run()):

        async def all_crossed_out() -> bool:
            return not await outbox_rows(database)

        await eventually_async(all_crossed_out)

    after = await stored(schema.nats_url, STREAM, "$KV.credentials.>")
    assert after[:-1] == before
    new = convert.valid_key_entry(valid)
    assert (after[-1].subject, after[-1].payload) == (new.subject, new.payload)
    # A revoked key that was published as valid again would be valid until the next row.
    gone = convert.revoked_key_entry(revoked)
    assert [one.payload for one in after if one.subject == gone.subject] == [b""]


async def test_a_relay_that_failed_lets_another_process_take_over(
    schema: Stack, database: Database
) -> None:
    async def give_up() -> bool:
        return False

    async def fail_as_relay() -> None:
        async with exclusive(database, "test_lock", give_up) as connection:
            assert connection is not None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_as_relay()
    # The pool of the one that failed lives on; its connections must not keep the lock.
    async with (
        service_database.opened(schema, "accounts") as another_process,
        exclusive(another_process, "test_lock", give_up) as taken_over,
    ):
        assert taken_over is not None


async def test_the_bucket_is_a_nats_key_value_bucket(schema: Stack, bus: Bus) -> None:
    await bus.ensure_stream(BUCKET_STREAM, 5)
    bucket = await bus.jetstream.key_value("credentials")
    status = await bucket.status()
    assert status.history == 1
    project = Project(f"p-{secrets.token_hex(6)}", "Acme", START)
    entry = convert.project_entry(project)
    await publish_one(bus, OutgoingMessage(entry.subject, entry.payload))
    found = await bucket.get(f"project.{project.project_id}")
    assert found.value == entry.payload


async def outbox_rows(database: Database) -> list[sa.Row[tuple[object, ...]]]:
    async with database.begin() as connection:
        return list((await connection.execute(sa.select(outbox).order_by(outbox.c.id))).all())


async def forgotten(bus: Bus) -> bool:
    """Whether the duplicate window is over: a message's copy is taken for a new one."""
    probe = OutgoingMessage("$KV.credentials.probe", b"", "probe")
    return not await publish_one(bus, probe)
