"""The way of score changes out of the outbox: every version once, in order, whoever dies on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.scoring import tables
from services.scoring.main import SCORES_STREAM
from services.shared import outbox
from services.shared.bus import subject_token
from services.shared.outbox import OutboxRelay
from services.shared.publishing import OutgoingMessage, publish_one
from tests.support import scoring_cases as cases
from tests.support import scoring_rig
from tests.support.background import background
from tests.support.eventually import eventually_async
from tests.support.scoring_rig import Rig, versions_by_lead

LEADS = 5


async def apply(rig: Rig, project: str, count: int, start: int = 0) -> None:
    """Two more handlers' worth of events, some of them late, at once."""
    events = [
        cases.incoming(f"e{n}", "signup", (n * 37) % 101, f"lead:l{n % LEADS}", project)
        for n in range(start, start + count)
    ]
    batches = [events[n : n + 9] for n in range(0, count, 9)]
    await asyncio.gather(
        *(rig.handlers.apply_events(batch) for batch in batches[: len(batches) // 2])
    )
    for batch in batches[len(batches) // 2 :]:
        await rig.handlers.apply_events(batch)


def expected(count: int) -> dict[str, list[int]]:
    return {f"l{n}": list(range(1, count // LEADS + 1)) for n in range(LEADS)}


async def outbox_is_empty(rig: Rig, project: str) -> bool:
    return not any([await rig.subject.outbox(project, f"l{n}") for n in range(LEADS)])


async def test_every_version_is_published_once_and_in_order(rig: Rig, project: str) -> None:
    relay = rig.relay()
    async with background(relay.run()):
        await apply(rig, project, 200)
        relay.nudge()
        await apply(rig, project, 200, 200)
        relay.nudge()
        await eventually_async(lambda: outbox_is_empty(rig, project))
    published = await rig.published(project)
    assert versions_by_lead(published) == expected(400)
    for message, change in published:
        subject = f"scores.{project}.{subject_token(change.lead_id)}"
        assert message.subject == subject
        assert (message.headers or {})["Nats-Msg-Id"] == f"{subject}:{change.version}"
    # What was published is the audit trail.
    async with rig.subject.store.begin() as tx:
        for n in range(LEADS):
            recorded = await tx.score_changes((project, f"l{n}"), 0, 1_000)
            own = [change for _, change in published if change.lead_id == f"l{n}"]
            assert [one.change.score / 1_000 for one in recorded] == [one.score for one in own]


class Killed(Exception):
    """Stands for a process that is no more."""


class DyingRelay(OutboxRelay):
    """Dies between the broker's acknowledgement and the delete."""

    async def _publish(self, messages: Sequence[OutgoingMessage]) -> None:
        await super()._publish(messages)
        raise Killed


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_relay_killed_between_publish_and_delete_repeats_nothing(
    rig: Rig, project: str, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the next relay comes so late that the stream has forgotten the ids it has seen, and when what was
    published at once comes to it in several batches."""
    if forgotten:
        await scoring_rig.make_streams(rig.bus, duplicate_window_s=0.1)
    await apply(rig, project, 50)
    dying = DyingRelay(
        rig.database, rig.bus, tables.outbox, SCORES_STREAM, "scoring_outbox", atomic=True
    )
    with pytest.raises(Killed):
        await dying.run()
    assert versions_by_lead(await rig.published(project)) == expected(50)
    assert not await outbox_is_empty(rig, project)
    monkeypatch.setattr(outbox, "RELAY_BATCH", 10)
    if forgotten:
        probe = OutgoingMessage(f"scores.{project}.probe", b"", f"probe:{project}")
        await publish_one(rig.bus, probe)

        async def taken_again() -> bool:
            return not await publish_one(rig.bus, probe)

        await eventually_async(taken_again)
    await apply(rig, project, 50, 50)
    async with background(rig.relay().run()):
        await eventually_async(lambda: outbox_is_empty(rig, project))
    published = [one for one in await rig.published(project) if one[1].lead_id]
    assert versions_by_lead(published) == expected(100)


async def test_a_second_relay_takes_over_and_is_told_until_then(rig: Rig, project: str) -> None:
    first, second = rig.relay(), rig.relay()
    async with background(first.run()) as leading:
        await apply(rig, project, 10)
        first.nudge()
        await eventually_async(lambda: outbox_is_empty(rig, project))
        async with background(second.run()):
            await apply(rig, project, 40, 10)
            second.nudge()  # it is not the relay: the first one publishes
            await eventually_async(lambda: outbox_is_empty(rig, project))
            leading.cancel()
            await asyncio.wait([leading])
            await apply(rig, project, 50, 50)
            second.nudge()
            await eventually_async(lambda: outbox_is_empty(rig, project))
    assert versions_by_lead(await rig.published(project)) == expected(100)


async def test_a_stopped_relay_publishes_what_is_there_first(rig: Rig, project: str) -> None:
    await apply(rig, project, 600)
    relay = rig.relay()
    relay.stop()
    await relay.run()
    assert await outbox_is_empty(rig, project)
    assert versions_by_lead(await rig.published(project)) == expected(600)
