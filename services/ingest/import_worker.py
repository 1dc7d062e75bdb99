"""The loops behind imports: each works on one import after the other, and a sweep forgets what is over. The database
may be away: they wait for it, and ingest goes on taking events meanwhile."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from services.ingest.import_ports import AcceptEvents, ImportWork
from services.ingest.import_run import ImportRun, Lost
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable

log = logs.get("imports")

IMPORTS_AT_ONCE = 2
"""In a process: a large one and, beside it, those that come meanwhile. Each has a connection to the database."""

IDLE_S = 1.0
"""How soon a file that another process received, or left behind, is found."""

UNAVAILABLE_S = 1.0
SWEEP_EVERY_S = 60.0

DRAIN_S_MAX = 5.0
"""How long the slices on their way may take to be settled before the process ends; what is not is sent once more."""


class ImportWorker:
    """Works on imports until it is drained."""

    def __init__(self, store: ImportWork, events: AcceptEvents, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        # One for each: a file that is slow to read does not hold up another project's.
        self._threads = ThreadPoolExecutor(IMPORTS_AT_ONCE, thread_name_prefix="imports")
        self._received = asyncio.Event()
        self._draining = asyncio.Event()
        self._runs: set[ImportRun] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def nudge(self) -> None:
        """There is something to work on."""
        self._received.set()

    async def work(self) -> None:
        """One loop: an import after the other."""
        while not self._draining.is_set():
            try:
                if await self._work_on_one():
                    continue
            except DependencyUnavailable:
                log.warning("imports wait for the database")
                await self._pause(UNAVAILABLE_S)
                continue
            self._received.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._received.wait()

    async def sweep(self) -> None:
        """The loop that forgets what is over."""
        while not self._draining.is_set():
            try:
                forgotten = await self._store.sweep(self._clock.now())
                if forgotten:
                    log.info("imports forgotten", imports=forgotten)
            except DependencyUnavailable:
                log.warning("sweep of imports waits for the database")
            await self._pause(SWEEP_EVERY_S)

    async def drain(self) -> None:
        """Settle what is on its way and take up nothing more: another process goes on with it."""
        self._draining.set()
        self._received.set()
        for run in self._runs:
            run.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S_MAX):
                await self._idle.wait()

    async def _work_on_one(self) -> bool:
        """Whether there was one."""
        async with self._store.claimed() as found:
            if found is None:
                return False
            run = ImportRun(found, self._store, self._events, self._clock, self._threads)
            self._runs.add(run)
            self._idle.clear()
            log.info("import begins", import_id=found.import_id, settled=found.settled)
            try:
                if await run.run():
                    log.info("import has ended", import_id=found.import_id)
            except Lost:
                log.info("import given up", import_id=found.import_id)
            finally:
                self._runs.discard(run)
                if not self._runs:
                    self._idle.set()
            return True

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()
