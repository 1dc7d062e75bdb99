"""A process of notify that asks a name server which rebinds: it sends to the address that may be sent to, and never to
the other one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scoreline.common.v1 import scope_pb2
from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from tests.support.endpoint_rig import SETTINGS, endpoints
from tests.support.eventually import eventually_async
from tests.support.hostile_name_server import HostileNameServer, Question, Reply
from tests.support.hostile_receiver import Receiver
from tests.support.notify_rig import broker, free_port

PROJECT = "rebinding"
NAME_SERVER_PORT = free_port()
VERSIONS = 20


@pytest.fixture(scope="module")
def rig(_make_rig: Any) -> Any:
    return _make_rig(
        **SETTINGS
        | {
            "allow_private_targets": '["127.0.0.2/32"]',
            "nameservers": json.dumps([f"127.0.0.1:{NAME_SERVER_PORT}"]),
        }
    )


@pytest.mark.timeout(90)
async def test_a_name_that_rebinds_leads_nowhere_else(rig: Any) -> None:
    asked: list[str] = []

    def rebind(question: Question) -> Reply:
        if question.kind == "AAAA":
            return Reply()
        asked.append(question.name)
        address = "127.0.0.2" if len(asked) % 2 else "127.0.0.3"
        return Reply(((question.name, "A", address),))

    async with (
        Receiver().serve(host="127.0.0.2") as allowed,
        Receiver().serve(host="127.0.0.3", port=allowed.port) as forbidden,
        HostileNameServer(rebind).serve(NAME_SERVER_PORT),
        broker(rig.stack.nats_url) as at,
    ):
        key = await at.let_in(PROJECT, scope_pb2.SCOPE_ADMIN)
        # A connection for each attempt, so that the name is looked up for each.
        allowed.behaviours["/"] = lambda receipt: (
            "break off" if len(allowed.receipts["/"]) % 2 else "204"
        )
        async with endpoints(rig.notify.target, key) as hooks:
            await eventually_async(hooks.known)
            made, _ = await hooks.create(allowed.url("/", "rebinding.test"))
            for version in range(VERSIONS):
                await at.publish(PROJECT, [at.change(PROJECT, f"lead-{version}", delta=1)])
            found = await hooks.settled(made.endpoint_id, timeout_s=40)
    assert [one.state for one in found] == [pb.WebhookDelivery.STATE_SUCCEEDED] * VERSIONS
    errors = {attempt.error for one in found for attempt in one.attempts}
    assert "address refused" in errors
    assert forbidden.connections == 0
    assert set(asked) == {"rebinding.test"}
