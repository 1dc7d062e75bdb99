"""A project, its API keys and what a key may do. Where they are kept is not here."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum


class Scope(Enum):
    """What a key may do; none includes another."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"
    TRACK = "track"


ALL_SCOPES = frozenset(Scope)

PAGE_KEY_REQUESTS_PER_MINUTE = 100
"""What a key that can only track may do in a minute unless it says otherwise: everyone can read it in the page."""


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant."""

    project_id: str
    display_name: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    project_id: str
    key_id: str
    key_hash: str
    """SHA-256 of the key, in hex: all that is kept of the secret."""
    display_name: str
    scopes: frozenset[Scope]
    create_time: datetime
    revoke_time: datetime | None = None
    """None while the key is valid."""
    allowed_origins: tuple[str, ...] = ()
    """Of the pages that may use it; empty: any caller."""
    requests_per_minute: int | None = None
    """As it was set; None: the default."""
    version: int = field(default=1, compare=False)
    """1, 2, 3 ...: of what the services are told of it."""

    @property
    def request_limit(self) -> int:
        """How many requests a minute it may make; 0: no limit."""
        if self.requests_per_minute is not None:
            return self.requests_per_minute
        return PAGE_KEY_REQUESTS_PER_MINUTE if self.scopes == {Scope.TRACK} else 0


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What of a key may change: how it is called, and the terms on which it may be used."""

    display_name: str
    allowed_origins: tuple[str, ...]
    requests_per_minute: int | None


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """Some of a key's terms made anew."""

    fields: frozenset[str]
    """Names of the terms that change."""
    terms: KeyTerms

    def applied_to(self, key: ApiKey) -> ApiKey:
        """The key as it is then, in its next version."""
        changed = {name: getattr(self.terms, name) for name in self.fields}
        return replace(key, version=key.version + 1, **changed)
