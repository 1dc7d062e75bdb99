"""Rule sets and activations in Postgres. The only place that knows SQL.

A change holds the project's row, so changes of one project come one after the other, and so do its outbox rows.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules import convert, errors, rows
from services.rules.domain.model import Activation, RuleSet, State
from services.rules.ports import Change
from services.rules.tables import activations, outbox, projects, rule_sets
from services.shared.db import Database
from services.shared.outbox import outbox_row, versioned


class PostgresStore:
    """A ports.Store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def missing(self, project_ids: Sequence[str]) -> list[str]:
        wanted = sa.literal(list(project_ids), ARRAY(sa.Text))
        query = sa.select(projects.c.project_id).where(projects.c.project_id == sa.any_(wanted))
        async with self._database.begin() as connection:
            there = set((await connection.scalars(query)).all())
        return [project_id for project_id in project_ids if project_id not in there]

    async def install(self, rule_set: RuleSet, activation: Activation) -> bool:
        project_id = activation.project_id
        claim = (
            insert(projects)
            .values(
                project_id=project_id,
                version_count=rule_set.version,
                activation_count=activation.number,
            )
            .on_conflict_do_nothing()
            .returning(projects.c.project_id)
        )
        async with self._database.begin() as connection:
            if await connection.scalar(claim) is None:
                return False
            change = _PostgresChange(connection, project_id)
            await change.save(rule_set)
            await change.record(activation, rule_set)
        return True

    @asynccontextmanager
    async def change(self, project_id: str) -> AsyncIterator[Change]:
        lock = (
            sa.select(projects.c.project_id)
            .where(projects.c.project_id == project_id)
            .with_for_update()
        )
        async with self._database.begin() as connection:
            if await connection.scalar(lock) is None:
                raise errors.ProjectNotInstalled(project_id)
            yield _PostgresChange(connection, project_id)

    async def rule_set(self, project_id: str, version: int) -> RuleSet | None:
        async with self._database.begin() as connection:
            return await _rule_set(connection, project_id, version)

    async def rule_sets(self, project_id: str, before: int | None, limit: int) -> list[RuleSet]:
        left_out = sa.literal(list(rows.LEFT_OUT_OF_LISTS), ARRAY(sa.Text))
        short = rule_sets.c.content.op("-")(left_out).label("content")
        columns: list[sa.ColumnElement[Any]] = [
            short if column is rule_sets.c.content else column for column in rule_sets.c
        ]
        query = (
            sa.select(*columns)
            .where(rule_sets.c.project_id == project_id)
            .order_by(rule_sets.c.version.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(rule_sets.c.version < before)
        async with self._database.begin() as connection:
            return [_to_rule_set(row) for row in await connection.execute(query)]

    async def activations(
        self, project_id: str, before: int | None, limit: int
    ) -> list[Activation]:
        query = _newest_activations(project_id).limit(limit)
        if before is not None:
            query = query.where(activations.c.number < before)
        async with self._database.begin() as connection:
            return [_to_activation(row) for row in await connection.execute(query)]


class _PostgresChange:
    """A ports.Change: the open transaction that holds the project's row."""

    def __init__(self, connection: AsyncConnection, project_id: str) -> None:
        self._connection = connection
        self._project_id = project_id

    async def newest(self) -> RuleSet:
        found = await _rule_set(self._connection, self._project_id, 0)
        if found is None:
            raise errors.ProjectNotInstalled(self._project_id)
        return found

    async def find(self, version: int) -> RuleSet | None:
        return await _rule_set(self._connection, self._project_id, version)

    async def in_force(self) -> Activation:
        newest = await self._connection.execute(_newest_activations(self._project_id).limit(1))
        return _to_activation(newest.one())

    async def activation_before(self, present: Activation) -> Activation | None:
        earlier = _newest_activations(self._project_id).where(
            activations.c.number < present.number, activations.c.version != present.version
        )
        row = (await self._connection.execute(earlier.limit(1))).one_or_none()
        return _to_activation(row) if row else None

    async def next_version(self) -> int:
        return await self._next(projects.c.version_count)

    async def next_activation(self) -> int:
        return await self._next(projects.c.activation_count)

    async def save(self, rule_set: RuleSet) -> None:
        changing = {
            "state": rule_set.state.value,
            "revision": rule_set.revision,
            "content": rows.content(rule_set),
            "update_time": rule_set.update_time,
        }
        statement = insert(rule_sets).values(
            project_id=self._project_id,
            version=rule_set.version,
            create_time=rule_set.create_time,
            **changing,
        )
        key = (rule_sets.c.project_id, rule_sets.c.version)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=key, set_=changing)
        )

    async def record(self, activation: Activation, rule_set: RuleSet) -> None:
        await self._connection.execute(
            sa.insert(activations).values(
                project_id=activation.project_id,
                number=activation.number,
                version=activation.version,
                activate_time=activation.activate_time,
                actor=activation.actor,
                effective_time=activation.effective_time,
            )
        )
        entry = convert.activation_entry(activation, rule_set)
        await self._connection.execute(
            sa.insert(outbox).values(
                outbox_row([versioned(entry.subject, entry.version, entry.payload)])
            )
        )

    async def _next(self, counter: sa.Column[int]) -> int:
        number: int | None = await self._connection.scalar(
            sa.update(projects)
            .where(projects.c.project_id == self._project_id)
            .values({counter: counter + 1})
            .returning(counter)
        )
        if number is None:
            raise errors.ProjectNotInstalled(self._project_id)
        return number


async def _rule_set(connection: AsyncConnection, project_id: str, version: int) -> RuleSet | None:
    query = sa.select(rule_sets).where(rule_sets.c.project_id == project_id)
    if version:
        query = query.where(rule_sets.c.version == version)
    else:
        draft_first = (rule_sets.c.state == State.DRAFT.value).desc()
        living = rule_sets.c.state.in_((State.DRAFT.value, State.ACTIVE.value))
        query = query.where(living).order_by(draft_first).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return _to_rule_set(row) if row else None


def _newest_activations(project_id: str) -> sa.Select[Any]:
    return (
        sa.select(activations)
        .where(activations.c.project_id == project_id)
        .order_by(activations.c.number.desc())
    )


def _to_activation(row: sa.Row[Any]) -> Activation:
    return Activation(
        row.project_id,
        row.number,
        row.version,
        row.activate_time,
        row.actor,
        row.effective_time,
    )


def _to_rule_set(row: sa.Row[Any]) -> RuleSet:
    return RuleSet(
        version=row.version,
        state=State(row.state),
        revision=row.revision,
        create_time=row.create_time,
        update_time=row.update_time,
        **rows.parts(row.content),
    )
