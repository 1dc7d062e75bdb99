"""Sends the rows of a file in batches, a few in flight, and takes their results in the order of the file."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from scoreline.cli.importing.rejects import Rejects
from scoreline.cli.importing.row import Row
from scoreline.client import AsyncClient, EventOutcome
from scoreline.client.calls import may_pass
from scoreline.client.errors import ScorelineError
from scoreline.client.events import encoded_bytes
from scoreline.client.settings import BATCH_BYTES_MAX, BATCH_EVENTS

IN_FLIGHT: Final = 4
"""Batches at once: hides the way there and back; more gain nothing, since ingest commits to one disk."""

_PLACE = re.compile(r"^events\[\d+\]\.?|^event\.")


@dataclass(slots=True)
class Summary:
    """What became of a file."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    """Of the accepted: those the broker still knew. The ledger knows all others."""
    rejected: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def rows_per_s(self) -> float:
        """Speed so far."""
        return self.rows / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "seconds": round(self.seconds, 3),
            "rows_per_s": round(self.rows_per_s, 1),
        }


class ImportStopped(Exception):
    """The suite refused events for good or for too long. What was accepted stays; running again is safe."""

    def __init__(self, line: int, error: ScorelineError, summary: Summary) -> None:
        super().__init__(f"stopped at line {line}: {error.message}")
        self.line = line
        self.error = error
        self.summary = summary


Progress = Callable[[Summary], None]
Observer = Callable[[EventOutcome], None]


async def import_rows(
    client: AsyncClient,
    rows: Iterable[Row],
    rejects: Rejects,
    *,
    progress: Progress,
    observe: Observer | None = None,
) -> Summary:
    """Send every row; `observe` sees what became of each event. Raises ImportStopped."""
    return await _Import(client, rejects, progress, observe).run(rows)


class _Import:
    def __init__(
        self, client: AsyncClient, rejects: Rejects, progress: Progress, observe: Observer | None
    ) -> None:
        self._client = client
        self._rejects = rejects
        self._progress = progress
        self._observe = observe
        self._summary = Summary()
        self._in_flight: deque[tuple[list[Row], asyncio.Task[list[EventOutcome]]]] = deque()

    async def run(self, rows: Iterable[Row]) -> Summary:
        batch: list[Row] = []
        size = 0
        try:
            for row in rows:
                weight = encoded_bytes(row.event) if row.event else 0
                if batch and (len(batch) == BATCH_EVENTS or size + weight > BATCH_BYTES_MAX):
                    await self._dispatch(batch)
                    batch, size = [], 0
                batch.append(row)
                size += weight
            if batch:
                await self._dispatch(batch)
            while self._in_flight:
                await self._settle()
        finally:
            for _, task in self._in_flight:
                task.cancel()
            await asyncio.gather(*(task for _, task in self._in_flight), return_exceptions=True)
        return self._summary

    async def _dispatch(self, batch: list[Row]) -> None:
        while len(self._in_flight) >= IN_FLIGHT:
            await self._settle()
        events = [row.event for row in batch if row.event is not None]
        self._in_flight.append((batch, asyncio.create_task(self._client.ingest.send_batch(events))))

    async def _settle(self) -> None:
        """Take in the results of the oldest batch."""
        batch, task = self._in_flight.popleft()
        try:
            outcomes = iter(await task)
        except ScorelineError as error:
            raise ImportStopped(batch[0].line, error, self._summary) from error
        finally:
            task.cancel()
        for row in batch:
            self._take(row, next(outcomes) if row.event is not None else None)
        self._summary.seconds = time.monotonic() - self._summary.began
        self._progress(self._summary)

    def _take(self, row: Row, outcome: EventOutcome | None) -> None:
        summary = self._summary
        reason = row.reason
        if outcome is not None:
            if outcome.error is not None and may_pass(outcome.error):
                raise ImportStopped(row.line, outcome.error, summary)
            if self._observe is not None:
                self._observe(outcome)
            reason = _reason(outcome.error) if outcome.error is not None else ""
            if outcome.receipt is not None:
                summary.accepted += 1
                summary.duplicates += outcome.receipt.duplicate
        summary.rows += 1
        if reason:
            summary.rejected += 1
            self._rejects.add(row, reason)


def _reason(error: ScorelineError) -> str:
    if not error.violations:
        return error.message or error.code.name
    # `events[17].type` counts within a call, which nobody who reads the file can see.
    return "; ".join(
        f"{_PLACE.sub('', one.field) or 'event'}: {one.description}" for one in error.violations
    )
