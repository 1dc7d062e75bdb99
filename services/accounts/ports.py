"""What the handlers need from outside: a transactional store, fresh keys, and the bucket that every service follows.

Two stores pass the same conformance tests: the Postgres one (store.py) and the tests' in memory.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.accounts.domain.model import ApiKey, KeyChanges, Project


@dataclass(frozen=True, slots=True)
class ListPosition:
    """The last key of a page: the next page begins after it."""

    create_time: datetime
    key_id: str


class Store(Protocol):
    """Projects and keys. With every change it puts, in the same transaction, what the bucket is to be told."""

    async def add_project(self, project: Project, first_key: ApiKey) -> None:
        """Keep a new project with its first key. Raises ProjectExists, KeyTaken."""
        ...

    async def project(self, project_id: str) -> Project | None:
        """The project; None when there is none."""
        ...

    async def add_key(self, key: ApiKey, valid_keys_max: int) -> None:
        """Keep a new key. Raises TooManyKeys when the project has `valid_keys_max` already, KeyTaken."""
        ...

    async def keys(self, project_id: str, after: ListPosition | None, limit: int) -> list[ApiKey]:
        """Up to `limit` keys of the project, revoked ones too, newest first; those behind `after`."""
        ...

    async def update_key(self, project_id: str, key_id: str, changes: KeyChanges) -> ApiKey | None:
        """Change the key and return it. None when the project has no such valid key."""
        ...

    async def revoke_key(self, project_id: str, key_id: str, now: datetime) -> ApiKey | None:
        """Revoke the key and return it; a key revoked before keeps its time. None when the project has no such key."""
        ...

    async def ensure_operator(self, project: Project, key: ApiKey) -> ApiKey:
        """Keep the operator's project and its bootstrap key, each where it is missing; the key as it is kept.

        A key that is new revokes the bootstrap key before it. A key that is known stays as it is, revoked or not.
        Raises KeyTaken when the key belongs to another project or its id to another key.
        """
        ...


class KeyMint(Protocol):
    """Draws keys."""

    def draw(self) -> str:
        """A new random key."""
        ...


class Announcer(Protocol):
    """Tells every service about keys."""

    async def announce(self, key: ApiKey) -> bool:
        """See to it that what the store was told of the key is published; whether that shows within a moment."""
        ...
