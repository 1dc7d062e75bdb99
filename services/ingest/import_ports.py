"""What importing files needs from outside: an import as it is kept, its file in pieces, where rows become events."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from services.ingest.domain.events import IncomingEvent, Origin
from services.ingest.domain.importing.reading import Format, Nature, ReadOptions
from services.ingest.handlers import Result

KEPT_ROWS_MAX = 100_000
"""Rows of an import that were not accepted, kept for its report; the counters count all."""


CHUNK_BYTES = 1024 * 1024
"""As a file is kept: while it comes in one is in memory, and one is a row of the table. All but the last are full."""


class State(Enum):
    """What an import is doing; the values are stored."""

    RECEIVING = "receiving"
    """Its file is on its way; nobody is shown it yet."""
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Import:
    """A file on its way into the ledger."""

    import_id: str
    project_id: str
    state: State
    file_name: str
    format: Format
    """As sent, or as found once its beginning was read."""
    options: ReadOptions
    size_bytes: int
    sha256: str
    """In hex."""
    delimiter: str
    encoding: str
    read_bytes: int
    accepted: int
    duplicate: int
    rejected: int
    failure: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def settled(self) -> int:
        """Rows that have been counted: always the first ones of the file."""
        return self.accepted + self.duplicate + self.rejected


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row that was not accepted."""

    line: int
    is_duplicate: bool
    event_id: str
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of the rows after those that were settled before."""

    accepted: int
    duplicate: int
    rejected: int
    read_bytes: int
    """In all."""
    nature: Nature | None


class ImportStore(Protocol):
    """Imports and their files. Every method raises DependencyUnavailable when the database is away."""

    async def begin(
        self, project_id: str, import_id: str, file_name: str, options: ReadOptions, now: datetime
    ) -> None:
        """Make room for a file. Raises TooManyImports, ImportsTooLarge."""
        ...

    async def add_chunk(self, import_id: str, number: int, content: bytes, now: datetime) -> None:
        """Keep the next piece of a file. Raises UploadGivenUp when nobody waits for it any more, ImportsTooLarge."""
        ...

    async def touch(self, import_id: str, now: datetime) -> None:
        """Say that a file is still coming. Raises UploadGivenUp."""
        ...

    async def complete(
        self, import_id: str, request_id: str, size_bytes: int, sha256: str, now: datetime
    ) -> Import | None:
        """Have the file imported. None when another import was made by the same request meanwhile. Raises
        UploadGivenUp."""
        ...

    async def discard(self, import_id: str) -> None:
        """Forget an import with all that belongs to it."""
        ...

    async def of_request(self, project_id: str, request_id: str) -> Import | None:
        """The import that a request made."""
        ...

    async def find(self, project_id: str, import_id: str) -> Import | None:
        """An import whose file was received."""
        ...

    async def newest(
        self, project_id: str, before: tuple[datetime, str] | None, limit: int
    ) -> list[Import]:
        """Imports, newest first, made before the one with this time and id."""
        ...

    async def kept_rows(
        self, import_id: str, after_line: int, limit: int, rejected_only: bool = False
    ) -> list[KeptRow]:
        """Rows that were not accepted, by line."""
        ...

    async def cancel(self, project_id: str, import_id: str, now: datetime) -> bool:
        """End an import that has not ended; False when there is none."""
        ...


class ImportWork(Protocol):
    """Imports as they are worked on. Every method raises DependencyUnavailable when the database is away."""

    def claimed(self) -> AbstractAsyncContextManager[Import | None]:
        """An import that is to be worked on and that nobody else works on until the context ends; None without."""
        ...

    async def piece(self, import_id: str, at: int) -> bytes:
        """The bytes of its file from a place on, as many as are read at once; none at its end."""
        ...

    async def is_running(self, import_id: str) -> bool:
        """Whether it is still to be worked on."""
        ...

    async def settle(
        self,
        import_id: str,
        settled: int,
        progress: Progress,
        kept: Sequence[KeptRow],
        now: datetime,
    ) -> bool:
        """Count the rows after the first `settled`, all or none. False when the import is not running any more or more
        rows were counted: then somebody else has it."""
        ...

    async def end(
        self, import_id: str, settled: int, state: State, failure: str, now: datetime
    ) -> bool:
        """End it and drop its file. False as of `settle`."""
        ...

    async def sweep(self, now: datetime) -> int:
        """Forget files that broke off and imports that ended long ago; how many."""
        ...


class AcceptEvents(Protocol):
    """Where rows become events: IngestHandlers."""

    async def accept_batch(self, origin: Origin, events: Sequence[IncomingEvent]) -> list[Result]:
        """Accept up to 1,000 events, each with its own result."""
        ...
