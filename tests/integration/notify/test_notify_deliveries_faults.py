"""Deliveries while everything goes wrong: a receiver that fails in all the ways there are, and processes of notify that
are killed. In the end each endpoint has got every version of every lead, first receipts in order, the same id for the
same thing, everything signed."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import Any

import pytest
from standardwebhooks import Webhook

from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from tests.support.endpoint_rig import SETTINGS, Endpoints, endpoints
from tests.support.eventually import eventually, eventually_async
from tests.support.hostile_receiver import Receipt, Receiver
from tests.support.notify_rig import Broker, broker

LEADS = [f"lead-{number}" for number in range(10)]
ROUNDS = 10
PROJECT = "faults"

BAD = ("500", "503", "redirect", "wait", "stall", "cut", "break off")


def _temper(draw: random.Random, badness: float) -> Any:
    def behave(_: Receipt) -> str:
        return draw.choice(BAD) if draw.random() < badness else "204"

    return behave


def _once_gone(path_gone: set[str]) -> Any:
    def behave(receipt: Receipt) -> str:
        if receipt.data["version"] == 3 and receipt.path not in path_gone:
            path_gone.add(receipt.path)
            return "410"
        return "204"

    return behave


@pytest.fixture(scope="module")
def rig(_make_rig: Any) -> Any:
    return _make_rig(**SETTINGS)


@pytest.mark.timeout(150)
async def test_every_endpoint_gets_everything_in_order(rig: Any) -> None:
    other = rig.another(**SETTINGS)
    other.start()
    draw = random.Random(7)
    async with Receiver().serve() as receiver, broker(rig.stack.nats_url) as at:
        key = await at.let_in(PROJECT, scope_pb2.SCOPE_ADMIN)
        receiver.behaviours |= {
            "/mild": _temper(draw, 0.1),
            "/bad": _temper(draw, 0.5),
            "/gone": _once_gone(set()),
        }
        async with endpoints(other.target, key) as hooks:
            await eventually_async(hooks.known)
            made = {
                path: await hooks.create(
                    receiver.url(path), ("score.changed", "lead.stage_changed")
                )
                for path in ("/good", "/mild", "/bad", "/gone")
            }
            publishing = asyncio.create_task(_publish(at, receiver))
            for turn, victim in enumerate((rig.notify, other, rig.notify), start=1):
                await eventually_async(lambda n=turn: _has(receiver, n * 60), timeout_s=40)
                victim.signal(signal.SIGKILL)
                victim.ended()
                victim.start(wait=False)
                await asyncio.to_thread(eventually, victim.serving)
            await publishing
            gone = made["/gone"][0].endpoint_id
            await eventually_async(lambda: _is_gone(hooks, gone))
            await hooks.update(gone, ["disabled"], disabled=False)
            for endpoint, _ in made.values():
                await eventually_async(
                    lambda e=endpoint: _all_told(hooks, e.endpoint_id), timeout_s=60
                )

    for path, (_, secret) in made.items():
        receipts = receiver.receipts[path]
        ids = {(one.data["lead_id"], one.data["version"], one.type, one.id) for one in receipts}
        assert len(ids) == len({one[:3] for one in ids}), "one thing had two ids"
        told = receiver.first_receipts(path)
        every = list(range(1, ROUNDS + 1))
        assert told == {
            (lead, kind): every if kind == "score.changed" else every[::3]
            for lead in LEADS
            for kind in ("score.changed", "lead.stage_changed")
        }
        for one in receipts:
            Webhook(secret).verify(one.body, one.headers)
    assert not receiver.receipts["/redirected"]
    assert len(receiver.receipts["/bad"]) > len(receiver.receipts["/good"])


async def _publish(at: Broker, receiver: Receiver) -> None:
    for number in range(ROUNDS):
        moved = {"previous_stage": "a", "stage": "b"} if number % 3 == 0 else {}
        changes = [at.change(PROJECT, lead, delta=1, score=number, **moved) for lead in LEADS]
        await at.publish_surely(PROJECT, changes)
        # The load is spread over the time in which processes are killed.
        await eventually_async(lambda n=number: _has(receiver, (n + 1) * 15), timeout_s=40)


async def _has(receiver: Receiver, count: int) -> bool:
    return sum(map(len, receiver.receipts.values())) >= count


async def _is_gone(hooks: Endpoints, endpoint_id: str) -> bool:
    return (await hooks.get(endpoint_id)).disabled_reason == "gone"


async def _all_told(hooks: Endpoints, endpoint_id: str) -> bool:
    found = await hooks.deliveries(endpoint_id)
    wanted = len(LEADS) * (ROUNDS + len(range(0, ROUNDS, 3)))
    states = [one.state for one in found]
    assert pb.WebhookDelivery.STATE_FAILED not in states
    return states == [pb.WebhookDelivery.STATE_SUCCEEDED] * wanted
