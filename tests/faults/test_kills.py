"""`kill -9` in the middle of an import of 5,000 events. Afterwards the invariants hold, all of them, whatever was
killed.

Each test has a project of its own, kills a process while events are under way, starts it again while the sender and a
watcher go on as their contracts tell them to, and then looks at what is there (invariants.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

import grpc.aio
import pytest

from stack import Stack
from tests.faults import evidence
from tests.faults.invariants import check_all
from tests.faults.sending import CONFLICTS, DUPLICATES, EVENTS, Sender, Shipment, shipment
from tests.faults.simple_rules import preset
from tests.faults.watching import Watcher, watching
from tests.support.eventually import eventually, eventually_async
from tests.support.projects import TestProject, new_project

# Each imports, restarts what it killed and waits for redelivery, and the first starts the suite: about 25 s on two idle
# cores, of which a busy machine makes more than the usual limit.
pytestmark = [pytest.mark.timeout(170), pytest.mark.xdist_group("fragile")]

SETTLE_S = 60.0


@dataclass(frozen=True)
class Import:
    """An import that is under way."""

    stack: Stack
    project: TestProject
    sender: Sender
    watcher: Watcher
    sent: Shipment

    def scored(self) -> int:
        """Events in the ledger so far."""
        return evidence.count(self.stack, "ledger", self.project.project_id)

    async def has_scored(self, number: int) -> None:
        """Wait until so many events are in the ledger."""
        await asyncio.to_thread(eventually, lambda: self.scored() >= number, timeout_s=SETTLE_S)

    async def crash(self, name: str) -> None:
        """Kill a component and start it again."""
        assert self.sender.accepted < EVENTS + DUPLICATES or self.scored() < EVENTS, "too late"
        await asyncio.to_thread(self.stack.kill, name)
        await asyncio.to_thread(self.stack.restart, name)

    async def settled(self) -> None:
        """Wait until everything is in the ledger, and all of it published and watched."""
        await self.has_scored(EVENTS)

        async def at_rest() -> bool:
            conflicts = evidence.count_quarantined(self.stack, self.project)
            changes = evidence.count(self.stack, "score_changes", self.project.project_id)
            # A heartbeat behind the last change: whatever came twice would have come before it.
            return conflicts == CONFLICTS and self.watcher.silent_since >= changes == EVENTS

        await eventually_async(at_rest, timeout_s=SETTLE_S)


@asynccontextmanager
async def importing(stack: Stack, seed: int) -> AsyncIterator[Import]:
    """Import beside the block; at its end everything has been sent and scored, and is checked."""
    project = new_project(stack, "import")
    sent = shipment(seed)
    async with (
        grpc.aio.insecure_channel(stack.grpc_target) as channel,
        watching(channel, project.metadata) as watcher,
    ):
        sender = Sender(channel, project.metadata)
        under_way = Import(stack, project, sender, watcher, sent)

        async def send() -> None:
            await sender.send(sent.order)
            await sender.send(sent.conflicting)

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            yield under_way
        assert sender.accepted == EVENTS + DUPLICATES + CONFLICTS
        try:
            await under_way.settled()
        finally:
            # Where it does not settle, what is there says more than that.
            found = await evidence.gather(stack, project)
            check_all(found, sent, preset(), watcher.changes)


async def test_scoring_is_killed(fragile: Stack) -> None:
    async with importing(fragile, seed=1) as under_way:
        await under_way.has_scored(1_000)
        await under_way.crash("scoring")


async def test_ingest_is_killed(fragile: Stack) -> None:
    async with importing(fragile, seed=2) as under_way:
        await under_way.sender.has_accepted(1_500)
        await under_way.crash("ingest")
    assert under_way.sender.repeated > 0


async def test_notify_is_killed(fragile: Stack) -> None:
    async with importing(fragile, seed=3) as under_way:
        await under_way.has_scored(1_000)
        await under_way.crash("notify")
    assert under_way.watcher.streams > 1


async def test_the_broker_is_killed(fragile: Stack) -> None:
    async with importing(fragile, seed=4) as under_way:
        await under_way.sender.has_accepted(1_500)
        await under_way.crash("nats")
    assert under_way.sender.repeated > 0


async def test_each_is_killed_in_turn(fragile: Stack) -> None:
    victims = ("scoring", "ingest", "notify", "nats")
    portion = EVENTS // (len(victims) + 1)
    async with importing(fragile, seed=5) as under_way:
        for number, victim in enumerate(victims, start=1):
            # The next portion is on its way when the process dies, and not much more.
            await under_way.sender.allow((number + 1) * portion)
            await under_way.sender.has_accepted(number * portion)
            await under_way.crash(victim)
        await under_way.sender.allow(inf)
    assert under_way.sender.repeated > 0
    assert under_way.watcher.streams > 1
