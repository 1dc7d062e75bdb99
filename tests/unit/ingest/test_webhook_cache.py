"""Sources in memory: how old they may be, what serves while the database is away, and that made-up ids cost little."""

from __future__ import annotations

import asyncio
from dataclasses import replace

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
    source = await made(rig)
    await rig.cache.find(source.source_id)
    for _ in range(3):
        await rig.cache.find(draw_source_id())
    reads = rig.store.reads
    await rig.cache.find(source.source_id)
    assert rig.store.reads == reads + 1


async def test_a_change_by_this_process_is_in_force_at_once(rig: Rig) -> None:
    source = await made(rig)
    await rig.cache.find(source.source_id)
    await rig.sources.update("p", source.source_id, lambda one: replace(one, disabled=True))
    found = await rig.cache.find(source.source_id)
    assert found is not None
    assert found.source.disabled
