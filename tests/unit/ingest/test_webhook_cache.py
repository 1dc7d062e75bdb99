"""Sources in memory: how old they may be, what serves while the database is away, and that made-up ids cost little."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from services.ingest import webhook_cache
from services.ingest.domain.webhooks.model import Source
from services.ingest.webhook_secrets import draw_source_id
from services.shared.errors import DependencyUnavailable
from tests.support.webhook_rig import Rig, new_source


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The event loop's clock, to be moved on by hand."""
    passed = [0.0]
    real = asyncio.BaseEventLoop.time
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda loop: real(loop) + passed[0])
    return passed


async def made(rig: Rig) -> Source:
    source, _ = await rig.sources.create("p", new_source(preset="github"))
    return source


async def test_a_source_is_read_again_after_two_seconds(rig: Rig, seconds: list[float]) -> None:
    source = await made(rig)
    first = await rig.cache.find(source.source_id)
    assert first is not None
    assert await rig.cache.find(source.source_id) == first
    assert rig.store.reads == 1
    changed = replace(source, disabled=True, revision=2)
    rig.store.sources[source.source_id] = changed
    seconds[0] += 1.9
    assert await rig.cache.find(source.source_id) == first
    seconds[0] += 0.2
    found = await rig.cache.find(source.source_id)
    assert found is not None
    assert found.source == changed
    assert found.mapping is not first.mapping


async def test_a_mapping_is_compiled_once_for_each_revision(rig: Rig, seconds: list[float]) -> None:
    source = await made(rig)
    first = await rig.cache.find(source.source_id)
    seconds[0] += 3
    again = await rig.cache.find(source.source_id)
    assert first is not None
    assert again is not None
    assert rig.store.reads == 2
    assert again.mapping is first.mapping


async def test_what_was_read_last_serves_while_the_database_is_away(
    rig: Rig, seconds: list[float]
) -> None:
    source = await made(rig)
    first = await rig.cache.find(source.source_id)
    rig.store.away = True
    seconds[0] += 3_600
    assert await rig.cache.find(source.source_id) == first
    # And it is not asked at each delivery.
    reads = rig.store.reads
    assert await rig.cache.find(source.source_id) == first
    assert rig.store.reads == reads
    with pytest.raises(DependencyUnavailable):
        await rig.cache.find(draw_source_id())
    rig.store.away = False
    seconds[0] += 3
    del rig.store.sources[source.source_id]
    assert await rig.cache.find(source.source_id) is None


async def test_a_database_that_does_not_answer_holds_up_no_delivery(
    rig: Rig, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await made(rig)
    first = await rig.cache.find(source.source_id)
    seconds[0] += 3
    stuck = asyncio.Event()

    async def find(*_: object) -> Source | None:
        await stuck.wait()
        return None

    monkeypatch.setattr(rig.store, "find", find)
    monkeypatch.setattr(webhook_cache, "READ_TIMEOUT_S", 0.01)
    assert await rig.cache.find(source.source_id) == first
    stuck.set()


async def test_ids_of_nothing_are_asked_for_once_a_second(rig: Rig, seconds: list[float]) -> None:
    unknown = draw_source_id()
    for _ in range(5):
        assert await rig.cache.find(unknown) is None
    assert rig.store.reads == 1
    seconds[0] += 1.1
    assert await rig.cache.find(unknown) is None
    assert rig.store.reads == 2
    for no_id in ("", "whs_", "whs_" + "a" * 23 + "-", "x" * 28):
        assert await rig.cache.find(no_id) is None
    assert rig.store.reads == 2


async def test_deliveries_that_come_together_read_once(rig: Rig) -> None:
    source = await made(rig)
    found = await asyncio.gather(*(rig.cache.find(source.source_id) for _ in range(20)))
    assert all(one is found[0] for one in found)
    assert rig.store.reads == 1


async def test_memory_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_cache, "KEPT_MAX", 3)
    sources = [await made(rig) for _ in range(4)]
    unknown = [draw_source_id() for _ in range(4)]
    for found in (sources, unknown):
        for one in found:
            await rig.cache.find(getattr(one, "source_id", one))
    reads = rig.store.reads
    # Made-up ids drive out each other, not sources.
    await rig.cache.find(sources[3].source_id)
    await rig.cache.find(unknown[3])
    assert rig.store.reads == reads
    await rig.cache.find(sources[0].source_id)
    await rig.cache.find(unknown[0])
    assert rig.store.reads == reads + 2


async def test_a_slow_database_serves_nothing_that_is_too_old(
    rig: Rig, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await made(rig)
    await rig.cache.find(source.source_id)
    rig.store.sources[source.source_id] = replace(source, disabled=True, revision=2)
    find, answer = rig.store.find, asyncio.Event()

    async def slow(source_id: str, now: datetime) -> Source | None:
        await answer.wait()
        return await find(source_id, now)

    monkeypatch.setattr(rig.store, "find", slow)
    monkeypatch.setattr(webhook_cache, "READ_TIMEOUT_S", 0.01)
    seconds[0] += 3
    served = await rig.cache.find(source.source_id)
    assert served is not None
    assert not served.source.disabled
    # An hour without deliveries later: also right after another source's reading was late.
    seconds[0] += 3_600
    rig.cache._slow_until = asyncio.get_running_loop().time() + 2
    waiting = asyncio.create_task(rig.cache.find(source.source_id))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    answer.set()
    served = await waiting
    assert served is not None
    assert served.source.disabled


async def test_made_up_ids_hold_up_no_source(
    rig: Rig, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await made(rig)
    await rig.cache.find(source.source_id)
    find, stuck = rig.store.find, asyncio.Event()

    async def slow(source_id: str, now: datetime) -> Source | None:
        if source_id != source.source_id:
            await stuck.wait()
        return await find(source_id, now)

    monkeypatch.setattr(rig.store, "find", slow)
    flood = [
        asyncio.create_task(rig.cache.find(draw_source_id()))
        for _ in range(webhook_cache.UNKNOWN_WAITING_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(DependencyUnavailable, match="too many"):
        await rig.cache.find(draw_source_id())
    rig.store.sources[source.source_id] = replace(source, disabled=True, revision=2)
    for change in (lambda: rig.cache.forget(source.source_id), lambda: None):
        change()
        found = await asyncio.wait_for(rig.cache.find(source.source_id), 1)
        assert found is not None
        assert found.source.disabled
        seconds[0] += 3
    stuck.set()
    assert await asyncio.gather(*flood) == [None] * len(flood)


async def test_a_change_by_this_process_is_in_force_at_once(rig: Rig) -> None:
    source = await made(rig)
    await rig.cache.find(source.source_id)
    await rig.sources.update("p", source.source_id, lambda one: replace(one, disabled=True))
    found = await rig.cache.find(source.source_id)
    assert found is not None
    assert found.source.disabled
