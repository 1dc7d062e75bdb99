"""Projects and keys in Postgres. The only place that knows SQL and translates the driver's errors.

A change and what the bucket is to be told of it are one transaction; the outbox relay publishes it afterwards.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.accounts import convert, errors
from services.accounts.convert import BucketEntry
from services.accounts.domain.model import ApiKey, KeyChanges, Project, Scope
from services.accounts.ports import ListPosition
from services.accounts.tables import api_keys, outbox, projects
from services.shared import db
from services.shared.db import Database
from services.shared.outbox import outbox_row, versioned

_OPERATOR_LOCK = "accounts_operator"
"""Processes that start together make the operator's project one after the other."""

_KEYS_LOCK = "accounts_keys"
"""Keys of a project are counted and added one after the other."""


class PostgresStore:
    """A ports.Store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_project(self, project: Project, first_key: ApiKey) -> None:
        try:
            async with self._database.begin() as connection:
                await _insert_project(connection, project)
                await _insert_key(connection, first_key, bootstrap=False)
        except IntegrityError as error:
            if db.constraint(error) == "projects_pkey":
                raise errors.ProjectExists(project.project_id) from error
            raise _key_error(error) from error

    async def project(self, project_id: str) -> Project | None:
        query = sa.select(projects).where(projects.c.project_id == project_id)
        async with self._database.begin() as connection:
            row = (await connection.execute(query)).one_or_none()
        return _project(row) if row else None

    async def add_key(self, key: ApiKey, valid_keys_max: int) -> None:
        count = (
            sa.select(sa.func.count())
            .select_from(api_keys)
            .where(api_keys.c.project_id == key.project_id, api_keys.c.revoke_time.is_(None))
        )
        try:
            async with self._database.begin() as connection:
                await _lock(connection, _KEYS_LOCK, key.project_id)
                if (await connection.scalar(count) or 0) >= valid_keys_max:
                    raise errors.TooManyKeys(valid_keys_max)
                await _insert_key(connection, key, bootstrap=False)
        except IntegrityError as error:
            raise _key_error(error) from error

    async def keys(self, project_id: str, after: ListPosition | None, limit: int) -> list[ApiKey]:
        query = (
            sa.select(api_keys)
            .where(api_keys.c.project_id == project_id)
            .order_by(api_keys.c.create_time.desc(), api_keys.c.key_id.desc())
            .limit(limit)
        )
        if after is not None:
            position = sa.tuple_(api_keys.c.create_time, api_keys.c.key_id)
            query = query.where(position < sa.tuple_(after.create_time, after.key_id))
        async with self._database.begin() as connection:
            return [_key(row) for row in await connection.execute(query)]

    async def update_key(self, project_id: str, key_id: str, changes: KeyChanges) -> ApiKey | None:
        wanted = (
            api_keys.c.project_id == project_id,
            api_keys.c.key_id == key_id,
            api_keys.c.revoke_time.is_(None),
        )
        async with self._database.begin() as connection:
            found = sa.select(api_keys).where(*wanted).with_for_update()
            row = (await connection.execute(found)).one_or_none()
            if row is None:
                return None
            key = changes.applied_to(_key(row))
            await connection.execute(
                sa.update(api_keys)
                .where(*wanted)
                .values(
                    display_name=key.display_name,
                    allowed_origins=list(key.allowed_origins),
                    requests_per_minute=key.requests_per_minute,
                    version=key.version,
                )
            )
            await _tell(connection, convert.valid_key_entry(key))
        return key

    async def revoke_key(self, project_id: str, key_id: str, now: datetime) -> ApiKey | None:
        wanted = (api_keys.c.project_id == project_id, api_keys.c.key_id == key_id)
        async with self._database.begin() as connection:
            revoked = await _revoke(connection, sa.and_(*wanted), now)
            if revoked is not None:
                return revoked
            row = (await connection.execute(sa.select(api_keys).where(*wanted))).one_or_none()
        return _key(row) if row else None

    async def ensure_operator(self, project: Project, key: ApiKey) -> ApiKey:
        known_project = sa.select(projects).where(projects.c.project_id == project.project_id)
        known_key = sa.select(api_keys).where(api_keys.c.key_hash == key.key_hash)
        try:
            async with self._database.begin() as connection:
                await _lock(connection, _OPERATOR_LOCK, project.project_id)
                if (await connection.execute(known_project)).one_or_none() is None:
                    await _insert_project(connection, project)
                row = (await connection.execute(known_key)).one_or_none()
                if row is not None:
                    kept = _key(row)
                    if kept.project_id != project.project_id:
                        raise errors.KeyTaken("the key belongs to another project")
                    return kept
                before = sa.and_(
                    api_keys.c.project_id == project.project_id, api_keys.c.bootstrap.is_(True)
                )
                await _revoke(connection, before, key.create_time)
                await _insert_key(connection, key, bootstrap=True)
                return key
        except IntegrityError as error:
            raise _key_error(error) from error


async def _lock(connection: AsyncConnection, name: str, project_id: str) -> None:
    # Locks of two numbers never meet those of one, which the relay and migrations hold for long.
    keys = (sa.func.hashtext(name), sa.func.hashtext(project_id))
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*keys)))


async def _insert_project(connection: AsyncConnection, project: Project) -> None:
    await connection.execute(
        sa.insert(projects).values(
            project_id=project.project_id,
            display_name=project.display_name,
            create_time=project.create_time,
        )
    )
    await _tell(connection, convert.project_entry(project))


async def _insert_key(connection: AsyncConnection, key: ApiKey, *, bootstrap: bool) -> None:
    await connection.execute(
        sa.insert(api_keys).values(
            project_id=key.project_id,
            key_id=key.key_id,
            key_hash=key.key_hash,
            display_name=key.display_name,
            scopes=sorted(scope.value for scope in key.scopes),
            create_time=key.create_time,
            bootstrap=bootstrap,
            allowed_origins=list(key.allowed_origins),
            requests_per_minute=key.requests_per_minute,
            version=key.version,
        )
    )
    await _tell(connection, convert.valid_key_entry(key))


async def _revoke(
    connection: AsyncConnection, which: sa.ColumnElement[bool], now: datetime
) -> ApiKey | None:
    """Revoke the one key that is meant; None when it is revoked already or not there."""
    change = (
        sa.update(api_keys)
        .where(which, api_keys.c.revoke_time.is_(None))
        .values(revoke_time=now, version=api_keys.c.version + 1)
        .returning(api_keys)
    )
    row = (await connection.execute(change)).one_or_none()
    if row is None:
        return None
    key = _key(row)
    await _tell(connection, convert.revoked_key_entry(key))
    return key


async def _tell(connection: AsyncConnection, entry: BucketEntry) -> None:
    await connection.execute(
        sa.insert(outbox).values(
            outbox_row([versioned(entry.subject, entry.version, entry.payload)])
        )
    )


def _key_error(error: IntegrityError) -> Exception:
    name = db.constraint(error)
    if name in ("api_keys_pkey", "api_keys_key_hash_key"):
        return errors.KeyTaken("the id or the key is taken")
    return error


def _project(row: sa.Row[Any]) -> Project:
    return Project(row.project_id, row.display_name, row.create_time)


def _key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        project_id=row.project_id,
        key_id=row.key_id,
        key_hash=row.key_hash,
        display_name=row.display_name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        create_time=row.create_time,
        revoke_time=row.revoke_time,
        allowed_origins=tuple(row.allowed_origins),
        requests_per_minute=row.requests_per_minute,
        version=row.version,
    )
