"""The accounts store in memory: what the handlers' tests run on, held to the same conformance tests as Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.accounts import convert, errors
from services.accounts.convert import BucketEntry
from services.accounts.domain.model import ApiKey, KeyChanges, Project
from services.accounts.ports import ListPosition


class InMemoryStore:
    """A ports.Store. No method awaits anything, so each is a transaction by itself."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self.api_keys: dict[tuple[str, str], ApiKey] = {}
        self.bootstrap: dict[str, str] = {}
        self.outbox: list[BucketEntry] = []

    async def add_project(self, project: Project, first_key: ApiKey) -> None:
        if project.project_id in self.projects:
            raise errors.ProjectExists(project.project_id)
        self._check_free(first_key)
        self._insert_project(project)
        self._insert_key(first_key)

    async def project(self, project_id: str) -> Project | None:
        return self.projects.get(project_id)

    async def add_key(self, key: ApiKey, valid_keys_max: int) -> None:
        if len([one for one in self._of(key.project_id) if not one.revoke_time]) >= valid_keys_max:
            raise errors.TooManyKeys(valid_keys_max)
        self._check_free(key)
        self._insert_key(key)

    async def keys(self, project_id: str, after: ListPosition | None, limit: int) -> list[ApiKey]:
        newest_first = sorted(
            self._of(project_id), key=lambda key: (key.create_time, key.key_id), reverse=True
        )
        if after is not None:
            position = (after.create_time, after.key_id)
            newest_first = [key for key in newest_first if (key.create_time, key.key_id) < position]
        return newest_first[:limit]

    async def update_key(self, project_id: str, key_id: str, changes: KeyChanges) -> ApiKey | None:
        key = self.api_keys.get((project_id, key_id))
        if key is None or key.revoke_time is not None:
            return None
        changed = changes.applied_to(key)
        self.api_keys[project_id, key_id] = changed
        self.outbox.append(convert.valid_key_entry(changed))
        return changed

    async def revoke_key(self, project_id: str, key_id: str, now: datetime) -> ApiKey | None:
        key = self.api_keys.get((project_id, key_id))
        return self._revoke(key, now) if key else None

    async def ensure_operator(self, project: Project, key: ApiKey) -> ApiKey:
        for kept in self.api_keys.values():
            if kept.key_hash == key.key_hash:
                if kept.project_id != project.project_id:
                    raise errors.KeyTaken("the key belongs to another project")
                return kept
        self._check_free(key)
        if project.project_id not in self.projects:
            self._insert_project(project)
        before = self.bootstrap.get(project.project_id)
        if before is not None:
            self._revoke(self.api_keys[project.project_id, before], key.create_time)
        self._insert_key(key)
        self.bootstrap[project.project_id] = key.key_id
        return key

    def _of(self, project_id: str) -> list[ApiKey]:
        return [key for key in self.api_keys.values() if key.project_id == project_id]

    def _check_free(self, key: ApiKey) -> None:
        hashes = {one.key_hash for one in self.api_keys.values()}
        if (key.project_id, key.key_id) in self.api_keys or key.key_hash in hashes:
            raise errors.KeyTaken("the id or the key is taken")

    def _insert_project(self, project: Project) -> None:
        self.projects[project.project_id] = project
        self.outbox.append(convert.project_entry(project))

    def _insert_key(self, key: ApiKey) -> None:
        self.api_keys[key.project_id, key.key_id] = key
        self.outbox.append(convert.valid_key_entry(key))

    def _revoke(self, key: ApiKey, now: datetime) -> ApiKey:
        if key.revoke_time is not None:
            return key
        revoked = replace(key, revoke_time=now, version=key.version + 1)
        self.api_keys[key.project_id, key.key_id] = revoked
        self.outbox.append(convert.revoked_key_entry(revoked))
        return revoked
