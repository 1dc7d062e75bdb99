"""What can't be scored on its way to ingest: written with the transaction that says so, told at least once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import nats.js.errors
import pytest
import sqlalchemy as sa

from scoreline.ingest.v1 import quarantine_service_pb2 as pb
from scoreline.ingest.v1.quarantined_message_pb2 import QuarantinedMessage
from services.ingest.quarantine_worker import QUARANTINE_STREAM, STREAM
from services.scoring import tables
from services.scoring.main import quarantine_relay
from services.scoring.ports import CONFLICT, UNDECODABLE, Quarantined
from services.scoring.quarantine_conversion import PAYLOAD_BYTES_MAX
from services.shared.outbox import OutboxRelay
from tests.support import scoring_cases as cases
from tests.support.background import background
from tests.support.clocks import START
from tests.support.eventually import eventually_async
from tests.support.scoring_rig import Rig


@pytest.fixture(autouse=True)
async def stream(rig: Rig) -> AsyncIterator[None]:
    """An empty stream as ingest makes it, and nothing left to tell."""
    async with rig.database.begin() as connection:
        await connection.execute(sa.delete(tables.quarantine_outbox))
    with suppress(nats.js.errors.NotFoundError):
        await rig.bus.jetstream.delete_stream(STREAM)
    await rig.bus.ensure_stream(QUARANTINE_STREAM, 10)
    yield
    await rig.bus.jetstream.delete_stream(STREAM)


async def told(rig: Rig) -> list[QuarantinedMessage]:
    state = (await rig.bus.jetstream.stream_info(STREAM)).state
    found = []
    for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
        message = await rig.bus.jetstream.get_msg(STREAM, sequence)
        said = QuarantinedMessage.FromString(message.data or b"")
        name = pb.QuarantineReason.Name(said.reason).removeprefix("QUARANTINE_REASON_").lower()
        assert message.subject == f"quarantine.{said.project_id}.{name}"
        found.append(said)
    return found


async def waiting(rig: Rig) -> int:
    query = sa.select(sa.func.sum(sa.func.cardinality(tables.quarantine_outbox.c.subjects)))
    async with rig.database.begin() as connection:
        return await connection.scalar(query) or 0


async def nothing_waits(rig: Rig) -> bool:
    return await waiting(rig) == 0


async def test_a_conflict_and_what_is_no_event_are_told_with_all_there_is_to_say(
    rig: Rig, project: str
) -> None:
    other = cases.accepted("e1", "purchase", project_id=project)
    await rig.send(cases.accepted("e1", "signup", project_id=project), other)
    await rig.send_raw(project, b"\xff\xff\xff")
    relay = quarantine_relay(rig.database, rig.bus)
    async with background(rig.worker().run()), background(relay.run()):
        await eventually_async(lambda: _number(rig, 2))
        await eventually_async(lambda: nothing_waits(rig))
    conflict, undecodable = sorted(await told(rig), key=lambda said: -said.reason)
    assert (conflict.project_id, conflict.event_id) == (project, "e1")
    assert conflict.payload == other.SerializeToString()
    assert conflict.reason == pb.QUARANTINE_REASON_CONFLICT
    assert (undecodable.payload, undecodable.event_id) == (b"\xff\xff\xff", "")
    assert undecodable.detail == "not an AcceptedEvent"
    assert {said.stream for said in (conflict, undecodable)} == {"EVENTS"}
    assert conflict.HasField("last_seen_time")


async def _number(rig: Rig, least: int) -> bool:
    return len(await told(rig)) >= least


async def test_what_was_told_by_a_relay_that_died_is_told_once(
    rig: Rig, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [Quarantined(project, CONFLICT, f"e{n}", b"%d" % n) for n in range(7)]
    await rig.handlers.quarantine(items)
    relay = quarantine_relay(rig.database, rig.bus)

    class Killed(Exception):
        """Stands for a process that is no more."""

    publish = OutboxRelay._publish

    async def and_die(self: OutboxRelay, messages: object) -> None:
        await publish(self, messages)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(OutboxRelay, "_publish", and_die)
    with pytest.raises(Killed):
        await relay.run()
    monkeypatch.undo()
    assert await waiting(rig) == 7
    await rig.handlers.quarantine([Quarantined(project, CONFLICT, "e9", b"9")])
    async with background(quarantine_relay(rig.database, rig.bus).run()):
        await eventually_async(lambda: nothing_waits(rig))
    counted = Counter(said.event_id for said in await told(rig))
    assert counted == {**{f"e{n}": 1 for n in range(7)}, "e9": 1}


async def test_the_same_again_is_told_again(rig: Rig, project: str) -> None:
    one = Quarantined(project, CONFLICT, "e1", b"x")
    await rig.handlers.quarantine([one, one])
    await rig.handlers.quarantine([one])
    async with background(quarantine_relay(rig.database, rig.bus).run()):
        await eventually_async(lambda: nothing_waits(rig))
    assert len(await told(rig)) == 3


async def test_what_has_no_room_in_a_message_does_not_hold_up_the_others(
    rig: Rig, project: str
) -> None:
    large = Quarantined(
        project, UNDECODABLE, "", bytes(PAYLOAD_BYTES_MAX + 1), "not an Activation", "RULES"
    )
    fits = Quarantined(project, CONFLICT, "e1", bytes(PAYLOAD_BYTES_MAX))
    await rig.handlers.quarantine([large, fits])
    async with background(quarantine_relay(rig.database, rig.bus).run()):
        await eventually_async(lambda: nothing_waits(rig))
    short, whole = sorted(await told(rig), key=lambda said: len(said.payload))
    assert (short.payload, short.stream) == (b"", "RULES")
    assert short.detail == f"not an Activation ({PAYLOAD_BYTES_MAX + 1} bytes left out)"
    assert whole.payload == fits.payload


async def test_nothing_is_told_of_what_was_rolled_back(rig: Rig, project: str) -> None:
    class Failed(Exception):
        pass

    async def fail() -> None:
        async with rig.subject.store.begin() as tx:
            await tx.quarantine([Quarantined(project, CONFLICT, "e1", b"x")], START)
            raise Failed

    with pytest.raises(Failed):
        await fail()
    assert await waiting(rig) == 0
