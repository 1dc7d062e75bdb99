"""Webhooks while Postgres is away, and what a process that stops leaves behind."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import grpc
import pytest

from scoreline.ingest.v1 import webhook_source_pb2 as wire
from services.ingest.webhook_cache import FRESH_S
from stack import Stack
from tests.integration.ingest.support import StoredEvents
from tests.integration.ingest.test_webhooks import BEARER, Webhooks, by_email
from tests.support.eventually import eventually_async
from tests.support.grpc_calls import refused

pytestmark = pytest.mark.xdist_group("mortal ingest")

BODY = json.dumps({"type": "signup", "email": "a@x.com", "id": "while-away"}).encode()


async def test_known_sources_take_deliveries_while_postgres_is_away(mortal: Stack) -> None:
    async with (
        grpc.aio.insecure_channel(mortal.service_target("ingest")) as channel,
        StoredEvents.of(mortal) as stored,
    ):
        webhooks = Webhooks(channel, mortal.api_key)
        mapping = by_email(event_id="body.id")
        made = await webhooks.create(verification=BEARER, mapping=mapping)
        asleep = await webhooks.create(verification=BEARER, mapping=mapping)
        source_id = made.webhook_source.source_id
        bearer = ("authorization", f"Bearer {made.secret}")
        await webhooks.deliver(source_id, b'{"type": "x", "email": "a@x.com"}', bearer)

        mortal.kill("postgres")
        answer = await webhooks.deliver(source_id, BODY, bearer)
        assert (answer.event_count, answer.duplicate) == (1, False)
        away_since = time.monotonic()
        taken = 0

        async def taken_from_memory() -> bool:
            nonlocal taken
            assert (await webhooks.deliver(source_id, BODY, bearer)).duplicate
            taken += 1
            return time.monotonic() > away_since + FRESH_S + 1

        await eventually_async(taken_from_memory)
        assert await stored.count(["while-away"]) == 1
        with refused(grpc.StatusCode.UNAUTHENTICATED, "SIGNATURE_INVALID"):
            await webhooks.deliver(source_id, BODY)
        # What needs Postgres is left to the sender: a source nobody asked for yet, and what has to be kept.
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
            await webhooks.deliver(asleep.webhook_source.source_id, BODY, bearer)
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
            await webhooks.deliver(source_id, b"no json", bearer)

        mortal.restart("postgres")

        async def kept() -> bool:
            with suppress(grpc.aio.AioRpcError):
                return (await webhooks.deliver(source_id, b"no json", bearer)).quarantined
            return False

        await eventually_async(kept)

        async def counted() -> bool:
            counters = (await webhooks.get(source_id)).counters
            found = (counters.accepted, counters.rejected, counters.quarantined)
            return found == (taken + 2, 1, 1)

        await eventually_async(counted)


async def test_a_process_that_stops_adds_what_it_counted(mortal: Stack) -> None:
    async with grpc.aio.insecure_channel(mortal.service_target("ingest")) as channel:
        webhooks = Webhooks(channel, mortal.api_key)
        how = wire.WebhookVerification(kind=wire.WebhookVerification.KIND_NONE)
        made = await webhooks.create(verification=how, mapping=by_email())
        source_id = made.webhook_source.source_id
        for _ in range(3):
            await webhooks.deliver(source_id, BODY)
        mortal.restart("ingest")
    async with grpc.aio.insecure_channel(mortal.service_target("ingest")) as channel:
        webhooks = Webhooks(channel, mortal.api_key)
        counters = (await webhooks.get(source_id)).counters
        assert (counters.accepted, counters.events) == (3, 3)
