"""What webhooks need from outside: sources that are kept, and their counters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.domain.webhooks.model import Counters, Secret, Source


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """The last source of a page: the next page begins after it."""

    create_time: datetime
    source_id: str


Change = Callable[[Source], Source]
"""Makes the source as it should be of the source as it is, which has its secrets in the clear; may raise."""


class SourceStore(Protocol):
    """Webhook sources. All raise DependencyUnavailable."""

    async def add(self, source: Source, sources_max: int) -> None:
        """Keep a new source with its secrets. Raises TooManySources when its project has `sources_max` already."""
        ...

    async def find(self, source_id: str, now: datetime) -> Source | None:
        """A source of whatever project, with the secrets valid now in the clear; None when there is none."""
        ...

    async def get(self, project_id: str, source_id: str, now: datetime) -> Source | None:
        """A source of the project as it is shown: secrets without themselves, counters."""
        ...

    async def newest(
        self, project_id: str, after: SourcePosition | None, limit: int, now: datetime
    ) -> list[Source]:
        """Sources of the project as they are shown, newest first; those behind `after`."""
        ...

    async def change(
        self, project_id: str, source_id: str, change: Change, now: datetime
    ) -> Source | None:
        """Change a source, one change at a time, and return it as it is shown; None when the project has no such
        source."""
        ...

    async def add_secret(
        self, project_id: str, source_id: str, secret: Secret, expire_time: datetime, now: datetime
    ) -> Source | None:
        """Give a source another secret, whose number is found; those before end at `expire_time` if they do not end
        sooner. Raises TooManySecrets. Returns as `change`."""
        ...

    async def remove(self, project_id: str, source_id: str) -> bool:
        """Remove a source; whether there was one."""
        ...

    async def count(self, counted: Mapping[str, Counters]) -> None:
        """Add to the counters of sources, by their ids; those that are gone are left out."""
        ...
