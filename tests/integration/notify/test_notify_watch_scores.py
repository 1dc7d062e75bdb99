"""WatchScores of a running notify, with the broker's and scoring's answers as they are."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from scoreline.common.v1 import scope_pb2
from scoreline.scoring.v1.lead_pb2 import Lead
from tests.integration.notify.conftest import Rig
from tests.support.eventually import eventually_async
from tests.support.grpc_calls import Refusal
from tests.support.notify_rig import (
    Broker,
    Client,
    FakeScoring,
    opened,
    receive,
    receive_changes,
)


async def refusal(call: Any) -> Refusal:
    """How the call ends; messages before that are skipped."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _read_to_the_end(call)
    return _Refusal(caught.value)


async def _read_to_the_end(call: Any) -> None:
    async with asyncio.timeout(15):
        while await call.read() is not grpc.aio.EOF:
            pass


class _Refusal(Refusal):
    """An asyncio call's error, whose details are found in the same trailing metadata."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        super().__init__(error)  # type: ignore[arg-type]


async def key_of(at_broker: Broker, notify: Client, project: str) -> str:
    """A key of the project that notify knows."""
    key = await at_broker.let_in(project)

    async def known() -> bool:
        call = notify.watch(key)
        try:
            await opened(call)
        except grpc.aio.AioRpcError:
            return False
        finally:
            call.cancel()
        return True

    await eventually_async(known)
    return key


async def test_changes_arrive_once_in_order_with_tokens_that_resume(
    at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    call = notify.watch(key)
    first_token = await opened(call)
    sent = [at_broker.change(project, lead, score=1.0) for lead in "abacab"]
    await at_broker.publish(project, sent)
    tokens = [first_token]
    for change in sent:
        message = await receive(call)
        assert message.score_change == change
        tokens.append(message.resume_token)
    call.cancel()
    for seen, token in enumerate(tokens):
        resumed = notify.watch(key, resume_token=token)
        assert await opened(resumed) == token
        expected = [(change.lead_id, change.version) for change in sent[seen:]]
        assert await receive_changes(resumed, len(expected)) == expected
        resumed.cancel()


async def test_two_projects_with_the_same_leads_stay_apart(
    at_broker: Broker, notify: Client, project: str
) -> None:
    projects = [project + "-a", project + "-b"]
    keys = [await key_of(at_broker, notify, name) for name in projects]
    calls = [notify.watch(key) for key in keys]
    tokens = [await opened(call) for call in calls]
    for count in (3, 2):
        for name in projects[: count - 1]:
            await at_broker.publish(name, [at_broker.change(name, "same", score=count)])
    assert await receive_changes(calls[0], 2) == [("same", 1), ("same", 2)]
    assert await receive_changes(calls[1], 1) == [("same", 1)]
    other = notify.watch(keys[1], resume_token=tokens[0])
    said = await refusal(other)
    assert (said.code, said.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "RESUME_TOKEN_INVALID",
    )
    own = notify.watch(keys[1], resume_token=tokens[1])
    await opened(own)
    assert await receive_changes(own, 1) == [("same", 1)]


async def test_filters(at_broker: Broker, notify: Client, project: str) -> None:
    key = await key_of(at_broker, notify, project)
    calls = {
        "lead": notify.watch(key, lead_ids=["a"]),
        "stage": notify.watch(key, stages=["hot"]),
        "delta": notify.watch(key, min_delta=5),
        "moves": notify.watch(key, stage_changes_only=True),
    }
    for call in calls.values():
        await opened(call)
    await at_broker.publish(
        project,
        [
            at_broker.change(project, "a", delta=1, previous_stage="cold", stage="cold"),
            at_broker.change(project, "b", delta=-5, previous_stage="cold", stage="cold"),
            at_broker.change(project, "b", delta=4.999, previous_stage="cold", stage="hot"),
            at_broker.change(project, "c", delta=4, previous_stage="cold", stage="warm"),
            at_broker.change(project, "a", delta=9, previous_stage="hot", stage="hot"),
        ],
    )
    assert await receive_changes(calls["lead"], 2) == [("a", 1), ("a", 2)]
    assert await receive_changes(calls["stage"], 2) == [("b", 2), ("a", 2)]
    assert await receive_changes(calls["delta"], 2) == [("b", 1), ("a", 2)]
    assert await receive_changes(calls["moves"], 2) == [("b", 2), ("c", 1)]


async def test_heartbeats_move_on_although_everything_is_filtered(
    at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    call = notify.watch(key, lead_ids=["nobody"], heartbeat_s=1)
    first = await opened(call)
    await at_broker.publish(project, [at_broker.change(project, "a")])

    async def moved() -> str:
        token = await opened(call)
        return token if token != first else ""

    token = await eventually_async(moved)
    resumed = notify.watch(key, resume_token=token)
    await opened(resumed)
    await at_broker.publish(project, [at_broker.change(project, "a")])
    assert await receive_changes(resumed, 1) == [("a", 2)]


async def test_a_long_absence_is_read_from_the_stream(
    at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    call = notify.watch(key)
    token = await opened(call)
    call.cancel()
    history = []
    for _ in range(5):  # 2,500 changes: more than the ring holds
        changes = [at_broker.change(project, f"lead-{n % 50}") for n in range(500)]
        await at_broker.publish(project, changes)
        history += [(change.lead_id, change.version) for change in changes]
    resumed = notify.watch(key, resume_token=token)
    await opened(resumed)
    assert await receive_changes(resumed, len(history)) == history
    only = notify.watch(key, resume_token=token, lead_ids=["lead-7"])
    await opened(only)
    assert await receive_changes(only, 50) == [("lead-7", version) for version in range(1, 51)]


async def test_a_reader_that_falls_behind_is_cut_off_and_resumes(
    at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    slow, quick = notify.watch(key), notify.watch(key)
    token = await opened(slow)
    await opened(quick)
    history, wide = [], "x" * 1_000
    for _ in range(8):  # 4,000 changes of 1 KB: more than the queue and gRPC's windows take
        changes = [at_broker.change(project, "a", event_id=wide) for _ in range(500)]
        await at_broker.publish(project, changes)
        history += [change.version for change in changes]
        # The quick one gets everything, and is not held up.
        await receive_changes(quick, 500)
    seen: list[int] = []
    try:
        while True:
            message = await receive(slow)
            seen.append(message.score_change.version)
            token = message.resume_token
    except grpc.aio.AioRpcError as error:
        said = _Refusal(error)
    assert (said.code, said.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "WATCHER_TOO_SLOW",
    )
    assert 500 <= len(seen) < 4_000
    resumed = notify.watch(key, resume_token=token)
    await opened(resumed)
    rest = await receive_changes(resumed, len(history) - len(seen))
    assert seen + [version for _, version in rest] == history


async def test_bad_requests_are_refused(at_broker: Broker, notify: Client, project: str) -> None:
    key = await key_of(at_broker, notify, project)
    said = await refusal(notify.watch(key, stages=[""], min_delta=-1))
    assert (said.code, said.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert said.fields == ["stages[0]", "min_delta"]
    said = await refusal(notify.watch(key, resume_token="not-a-token"))
    assert said.reason == "RESUME_TOKEN_INVALID"


async def test_credentials(at_broker: Broker, notify: Client, project: str) -> None:
    said = await refusal(notify.watch(""))
    assert (said.code, said.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_MISSING")
    ingest_key = await at_broker.let_in(project, scope_pb2.SCOPE_INGEST)

    async def refused_for_scope() -> bool:
        return (await refusal(notify.watch(ingest_key))).code == grpc.StatusCode.PERMISSION_DENIED

    await eventually_async(refused_for_scope)


async def test_a_revoked_keys_watch_ends_soon(
    at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    call = notify.watch(key)
    await opened(call)
    started = asyncio.get_running_loop().time()
    await at_broker.shut_out(key)
    said = await refusal(call)
    assert (said.code, said.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID")
    # Promised is a second; a loaded machine gets some more.
    assert asyncio.get_running_loop().time() - started < 3


async def test_watchers_that_come_and_go_leave_nothing_behind(
    at_broker: Broker, notify: Client, project: str
) -> None:
    """At most 25 watchers are let in at once, so one of 12 left behind would show."""
    key = await key_of(at_broker, notify, project)
    first = notify.watch(key)
    token = await opened(first)
    first.cancel()
    # Of the process itself: its live edge, and its planner of deliveries.
    readers = await at_broker.consumers()
    for _ in range(3):
        changes = [at_broker.change(project, "a") for _ in range(500)]
        await at_broker.publish(project, changes)
    for cycle in range(300):
        # In turn: at the live edge, while catching up from the stream, and before the first message.
        resume_token = token if cycle % 3 else ""
        call = notify.watch(key, resume_token=resume_token, heartbeat_s=1)
        if cycle % 3 != 2:

            async def let_in(call: Any = call) -> str:
                return await opened(call)

            await let_in()
        call.cancel()

    async def all_left() -> bool:
        calls = [notify.watch(key) for _ in range(25)]
        try:
            for call in calls:
                await opened(call)
        except grpc.aio.AioRpcError:
            return False
        finally:
            for call in calls:
                call.cancel()
        return True

    await eventually_async(all_left)

    async def no_other_readers() -> bool:
        count = await at_broker.consumers()
        assert count == readers
        return True

    await eventually_async(no_other_readers)


# Snapshots


async def test_a_snapshot_then_only_newer_changes(
    shared: Rig, at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    scoring = FakeScoring()
    await at_broker.publish(project, [at_broker.change(project, lead) for lead in "abcde"])
    scoring.release.clear()
    other = notify.watch(key)
    await opened(other)
    async with scoring.serve(shared.scoring_port):
        call = notify.watch(key, include_snapshot=True)
        first = asyncio.create_task(receive(call))
        await scoring.listing.wait()
        # Changes while the snapshot is read: a's and f's are in it, b's is not.
        await at_broker.publish(project, [at_broker.change(project, lead) for lead in "afb"])
        await receive_changes(other, 3)  # so notify has read them
        versions = {"a": 2, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}
        scoring.leads[key] = [
            Lead(lead_id=lead_id, version=version, score=version, attributes={"n": version})
            for lead_id, version in versions.items()
        ]
        scoring.release.set()
        messages = [await first] + [await receive(call) for _ in range(6)]
        assert [message.snapshot_lead for message in messages[:6]] == scoring.leads[key]
        assert {message.resume_token for message in messages[:6]} == {""}
        assert messages[6].snapshot_complete.lead_count == 6
        assert await receive_changes(call, 1) == [("b", 2)]
        await at_broker.publish(project, [at_broker.change(project, lead) for lead in "af"])
        assert await receive_changes(call, 2) == [("a", 3), ("f", 2)]
        resumed = notify.watch(key, resume_token=messages[6].resume_token)
        await opened(resumed)
        assert await receive_changes(resumed, 3) == [("b", 2), ("a", 3), ("f", 2)]


async def test_a_snapshot_of_some_leads_or_stages(
    shared: Rig, at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    scoring = FakeScoring()
    scoring.leads[key] = [
        Lead(lead_id=f"lead-{n:02}", version=1, stage="hot" if n % 2 else "cold") for n in range(40)
    ]

    async def snapshot(**fields: Any) -> list[str]:
        call = notify.watch(key, include_snapshot=True, **fields)
        found = []
        while (message := await receive(call)).WhichOneof("message") == "snapshot_lead":
            found.append(message.snapshot_lead.lead_id)
        assert message.snapshot_complete.lead_count == len(found)
        call.cancel()
        return found

    async with scoring.serve(shared.scoring_port):

        async def scoring_is_there() -> bool:
            try:
                return len(await snapshot()) == 40
            except grpc.aio.AioRpcError:
                return False

        await eventually_async(scoring_is_there)
        hot = [f"lead-{n:02}" for n in range(1, 40, 2)]
        assert await snapshot(stages=["hot"]) == hot
        some = [f"lead-{n:02}" for n in range(5, 45)]
        assert await snapshot(lead_ids=some) == some[:35]
        assert await snapshot(lead_ids=["lead-01", "lead-02"], stages=["hot"]) == ["lead-01"]


async def test_without_scoring_there_is_no_snapshot_but_notify_serves(
    shared: Rig, at_broker: Broker, notify: Client, project: str
) -> None:
    key = await key_of(at_broker, notify, project)
    said = await refusal(notify.watch(key, include_snapshot=True))
    assert (said.code, said.reason) == (
        grpc.StatusCode.UNAVAILABLE,
        "DEPENDENCY_UNAVAILABLE",
    )
    assert said.retry_after
    assert shared.notify.serving()
    await opened(notify.watch(key))
