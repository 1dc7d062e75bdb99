"""A project, its API keys and what a key may do. Where they are kept is not here."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Scope(Enum):
    """What a key may do; none includes another."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


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
