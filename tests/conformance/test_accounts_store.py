"""What any accounts store must do, run against the one in memory and the one in Postgres."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from scoreline.accounts.v1 import account_pb2
from services.accounts import convert, errors
from services.accounts.convert import BucketEntry
from services.accounts.domain.model import (
    ALL_SCOPES,
    ApiKey,
    KeyChanges,
    KeyTerms,
    Project,
    Scope,
)
from services.accounts.ports import ListPosition, Store
from services.accounts.store import PostgresStore
from services.accounts.tables import outbox
from services.shared.credentials import KEY_SUBJECT, PROJECT_SUBJECT
from services.shared.outbox import outbox_messages
from stack import Stack
from tests.support import service_database
from tests.support.accounts_store import InMemoryStore
from tests.support.clocks import START
from tests.support.service_database import Migrated


@dataclass
class Subject:
    """A store, and what it has written for the bucket."""

    store: Store
    outbox: Callable[[], Awaitable[list[BucketEntry]]]

    async def told(self, subject: str) -> list[tuple[int, bytes]]:
        """Version and payload of everything for one subject of the bucket, in order."""
        entries = await self.outbox()
        return [(one.version, one.payload) for one in entries if one.subject == subject]


@pytest.fixture(scope="session")
def accounts_schema(migrated: Migrated) -> Stack:
    return migrated("accounts")


@pytest.fixture(params=["memory", "postgres"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        memory = InMemoryStore()

        async def written() -> list[BucketEntry]:
            return list(memory.outbox)

        yield Subject(memory, written)
        return
    servers = request.getfixturevalue("accounts_schema")
    async with service_database.opened(servers, "accounts") as database:

        async def rows() -> list[BucketEntry]:
            async with database.begin() as connection:
                found = await connection.execute(sa.select(outbox).order_by(outbox.c.id))
                return [
                    BucketEntry(
                        one.subject, int(str(one.message_id)[len(one.subject) + 1 :]), one.payload
                    )
                    for row in found
                    for one in outbox_messages(row)
                ]

        yield Subject(PostgresStore(database), rows)


def a_project() -> Project:
    return Project(f"p-{secrets.token_hex(8)}", "Größe & Co 🚀", START)


def a_key(project: Project, number: int = 0, **changes: object) -> ApiKey:
    key = ApiKey(
        project_id=project.project_id,
        key_id=f"key_{number}",
        key_hash=secrets.token_hex(32),
        display_name=f"Key {number}",
        scopes=frozenset({Scope.READ}),
        create_time=START + timedelta(seconds=number),
    )
    return replace(key, **changes)  # type: ignore[arg-type]


async def test_a_project_is_kept_with_its_first_key(subject: Subject) -> None:
    project = a_project()
    first = a_key(project, scopes=ALL_SCOPES)
    await subject.store.add_project(project, first)
    assert await subject.store.project(project.project_id) == project
    assert await subject.store.keys(project.project_id, None, 10) == [first]
    assert await subject.told(PROJECT_SUBJECT + project.project_id) == [
        (1, convert.project_message(project).SerializeToString())
    ]
    [(version, payload)] = await subject.told(KEY_SUBJECT + first.key_hash)
    assert version == 1
    assert account_pb2.Credential.FromString(payload) == account_pb2.Credential(
        project_id=project.project_id, key_id="key_0", scopes=[1, 2, 3, 4]
    )


async def test_an_unknown_project_is_none(subject: Subject) -> None:
    assert await subject.store.project("nobody") is None
    assert await subject.store.keys("nobody", None, 10) == []


async def test_a_project_id_is_taken_once(subject: Subject) -> None:
    project = a_project()
    await subject.store.add_project(project, a_key(project))
    other = a_key(project, 1)
    with pytest.raises(errors.ProjectExists):
        await subject.store.add_project(replace(project, display_name="Other"), other)
    assert await subject.store.project(project.project_id) == project
    assert len(await subject.store.keys(project.project_id, None, 10)) == 1
    assert await subject.told(KEY_SUBJECT + other.key_hash) == []


async def test_racing_creations_of_a_project_have_one_winner(subject: Subject) -> None:
    project = a_project()
    results = await asyncio.gather(
        *(subject.store.add_project(project, a_key(project, number)) for number in range(8)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in results) == ["NoneType"] + ["ProjectExists"] * 7
    assert len(await subject.told(PROJECT_SUBJECT + project.project_id)) == 1


async def test_a_key_whose_project_could_not_be_kept_leaves_no_project(subject: Subject) -> None:
    project, other = a_project(), a_project()
    taken = a_key(project)
    await subject.store.add_project(project, taken)
    with pytest.raises(errors.KeyTaken):
        await subject.store.add_project(other, a_key(other, key_hash=taken.key_hash))
    assert await subject.store.project(other.project_id) is None
    assert await subject.told(PROJECT_SUBJECT + other.project_id) == []


async def test_key_ids_and_keys_are_taken_once(subject: Subject) -> None:
    project = a_project()
    await subject.store.add_project(project, a_key(project))
    key = a_key(project, 1)
    await subject.store.add_key(key, 10)
    for clash in (a_key(project, 1), a_key(project, 2, key_hash=key.key_hash)):
        with pytest.raises(errors.KeyTaken):
            await subject.store.add_key(clash, 10)
    assert len(await subject.store.keys(project.project_id, None, 10)) == 2


async def test_keys_come_newest_first_page_by_page(subject: Subject) -> None:
    project = a_project()
    keys = [a_key(project, number) for number in range(6)]
    # Two made in the same microsecond: the id decides.
    keys[3] = replace(keys[3], create_time=keys[4].create_time)
    await subject.store.add_project(project, keys[0])
    for key in keys[1:]:
        await subject.store.add_key(key, 10)
    pages, after = [], None
    while page := await subject.store.keys(project.project_id, after, 2):
        pages.append([key.key_id for key in page])
        after = ListPosition(page[-1].create_time, page[-1].key_id)
    assert pages == [["key_5", "key_4"], ["key_3", "key_2"], ["key_1", "key_0"]]


async def test_a_revoked_key_is_announced_once_and_keeps_its_time(subject: Subject) -> None:
    project = a_project()
    key = a_key(project)
    await subject.store.add_project(project, key)
    at = START + timedelta(hours=1)
    revoked = await subject.store.revoke_key(project.project_id, key.key_id, at)
    again = await subject.store.revoke_key(project.project_id, key.key_id, at + timedelta(hours=1))
    assert revoked == again == replace(key, revoke_time=at)
    assert await subject.store.keys(project.project_id, None, 10) == [revoked]
    told = await subject.told(KEY_SUBJECT + key.key_hash)
    assert [version for version, _ in told] == [1, 2]
    assert told[1] == (2, b"")


async def test_a_change_is_kept_and_told_in_order(subject: Subject) -> None:
    project = a_project()
    key = a_key(project, allowed_origins=("https://a.example",), requests_per_minute=5)
    await subject.store.add_project(project, key)
    assert await subject.store.keys(project.project_id, None, 10) == [key]
    terms = KeyTerms("New", (), None)
    for fields in ({"display_name"}, {"allowed_origins", "requests_per_minute"}):
        changes = KeyChanges(frozenset(fields), terms)
        assert await subject.store.update_key(project.project_id, key.key_id, changes)
    changed = replace(key, display_name="New", allowed_origins=(), requests_per_minute=None)
    assert await subject.store.keys(project.project_id, None, 10) == [changed]
    await subject.store.revoke_key(project.project_id, key.key_id, START)
    told = await subject.told(KEY_SUBJECT + key.key_hash)
    assert [version for version, _ in told] == [1, 2, 3, 4]
    limits = [
        account_pb2.Credential.FromString(payload).requests_per_minute for _, payload in told[:3]
    ]
    assert (limits, told[3][1]) == ([5, 5, 0], b"")


async def test_a_revoked_or_foreign_key_does_not_change(subject: Subject) -> None:
    project, other = a_project(), a_project()
    key = a_key(project)
    await subject.store.add_project(project, key)
    await subject.store.add_project(other, a_key(other, 1))
    changes = KeyChanges(frozenset({"display_name"}), KeyTerms("New", (), None))
    assert await subject.store.update_key(other.project_id, key.key_id, changes) is None
    await subject.store.revoke_key(project.project_id, key.key_id, START)
    assert await subject.store.update_key(project.project_id, key.key_id, changes) is None
    assert len(await subject.told(KEY_SUBJECT + key.key_hash)) == 2


async def test_racing_changes_of_a_key_are_told_one_after_the_other(subject: Subject) -> None:
    project = a_project()
    key = a_key(project)
    await subject.store.add_project(project, key)

    async def change(number: int) -> None:
        changes = KeyChanges(frozenset({"requests_per_minute"}), KeyTerms("", (), number))
        assert await subject.store.update_key(project.project_id, key.key_id, changes)

    await asyncio.gather(*(change(number) for number in range(1, 7)))
    told = await subject.told(KEY_SUBJECT + key.key_hash)
    assert [version for version, _ in told] == [1, 2, 3, 4, 5, 6, 7]
    [kept] = await subject.store.keys(project.project_id, None, 10)
    last = account_pb2.Credential.FromString(told[-1][1])
    assert last.requests_per_minute == kept.requests_per_minute


async def test_another_projects_key_can_not_be_revoked(subject: Subject) -> None:
    project, other = a_project(), a_project()
    key = a_key(project)
    await subject.store.add_project(project, key)
    await subject.store.add_project(other, a_key(other, 1))
    assert await subject.store.revoke_key(other.project_id, key.key_id, START) is None
    assert await subject.store.keys(project.project_id, None, 10) == [key]


async def test_the_limit_counts_valid_keys_only_and_holds_under_a_race(subject: Subject) -> None:
    project = a_project()
    await subject.store.add_project(project, a_key(project))
    await subject.store.revoke_key(project.project_id, "key_0", START)
    results = await asyncio.gather(
        *(subject.store.add_key(a_key(project, number), 3) for number in range(1, 9)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in results) == ["NoneType"] * 3 + ["TooManyKeys"] * 5


async def test_racing_processes_make_the_operator_once(subject: Subject) -> None:
    project = a_project()
    key = a_key(project)
    later = replace(key, create_time=START + timedelta(seconds=5))
    kept = await asyncio.gather(
        *(subject.store.ensure_operator(project, one) for one in [key] + [later] * 5)
    )
    assert len(set(kept)) == 1
    assert len(await subject.store.keys(project.project_id, None, 10)) == 1
    assert len(await subject.told(PROJECT_SUBJECT + project.project_id)) == 1
    assert len(await subject.told(KEY_SUBJECT + key.key_hash)) == 1


async def test_a_new_bootstrap_key_replaces_the_one_before_for_good(subject: Subject) -> None:
    project = a_project()
    first, second, made = a_key(project), a_key(project, 1), a_key(project, 2)
    await subject.store.ensure_operator(project, first)
    await subject.store.add_key(made, 10)
    assert await subject.store.ensure_operator(project, second) == second
    revoked = replace(first, revoke_time=second.create_time)
    assert await subject.store.keys(project.project_id, None, 10) == [made, second, revoked]
    assert [version for version, _ in await subject.told(KEY_SUBJECT + first.key_hash)] == [1, 2]
    # A process that still has the old setting changes nothing.
    assert await subject.store.ensure_operator(project, first) == revoked
    assert await subject.store.keys(project.project_id, None, 10) == [made, second, revoked]


async def test_a_bootstrap_key_of_another_project_is_refused(subject: Subject) -> None:
    project, operator = a_project(), a_project()
    key = a_key(project)
    await subject.store.add_project(project, key)
    with pytest.raises(errors.KeyTaken):
        await subject.store.ensure_operator(operator, replace(key, project_id=operator.project_id))
    assert await subject.store.project(operator.project_id) is None
