"""The `eventsourcing` library on Postgres, as its tutorial has it: a Lead aggregate for each lead, one save for each
event, aggregates in the library's cache. Events come by a method call, so that no broker takes part; the aggregate
remembers whose events it has had. What a watcher gets comes from the library's own subscription, over LISTEN and
NOTIFY.

Given fast-forwarding caches and snapshots as the documentation recommends them. It is slower with several threads: its
recorder takes a lock on the table for each save."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.projection import ApplicationSubscription

from bench.children import say, task
from bench.peers.pacing import Seen, send_paced
from bench.peers.scores import POINTS, bounded
from bench.workload import Happening, happenings


class Lead(Aggregate):
    """A lead with its score."""

    @event("Registered")
    def __init__(self, lead_id: str) -> None:
        self.lead_id = lead_id
        self.score = 0
        self.events: list[str] = []

    @staticmethod
    def create_id(lead_id: str) -> UUID:
        """See Aggregate."""
        return uuid5(NAMESPACE_URL, f"/leads/{lead_id}")

    @event("Happened")
    def happen(self, event_id: str, kind: str, occur_ms: int, page: str, points: int) -> None:
        """One more event."""
        self.score = bounded(self.score + points)
        self.events.append(event_id)


class Leads(Application[UUID]):
    """Takes events."""

    snapshotting_intervals = {Lead: 50}  # noqa: RUF012 - as the library wants it

    def take(self, one: Happening) -> None:
        """One event; nothing when it came before."""
        try:
            lead: Lead = self.repository.get(Lead.create_id(one.lead_id))
        except AggregateNotFoundError:
            lead = Lead(one.lead_id)
        if one.event_id not in lead.events:
            lead.happen(one.event_id, one.type, one.occur_ms, one.page, POINTS[one.type])
            self.save(lead)


def environment(url: str) -> dict[str, str]:
    """The library's settings."""
    parts = urlsplit(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
        "AGGREGATE_CACHE_MAXSIZE": "20000",
    }


def throughput(leads: Leads, events: Sequence[Happening]) -> float:
    """Events a second until the last is saved."""
    began = time.perf_counter()
    for one in events:
        leads.take(one)
    return len(events) / (time.perf_counter() - began)


def visible(leads: Leads, events: Sequence[Happening], rate: float) -> float:
    """The p99 of how long after its time a watcher has an event, in milliseconds."""
    seen = Seen(events)
    with ApplicationSubscription(leads, gt=leads.recorder.max_notification_id()) as subscription:

        def follow() -> None:
            for recorded, _ in subscription:
                if event_id := getattr(recorded, "event_id", ""):
                    seen.saw(event_id)

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        with ThreadPoolExecutor(max_workers=1) as pool:

            async def send(one: Happening) -> None:
                await asyncio.get_running_loop().run_in_executor(pool, leads.take, one)

            asyncio.run(send_paced(events, rate, seen, send))
    return seen.p99_ms


def run(url: str, run: str, events: int, leads: int, rate: float, paced_s: float) -> dict[str, Any]:
    """Both figures."""
    application = Leads(env=environment(url))
    made = list(happenings(events, leads, run))
    eps = throughput(application, made)
    paced = list(happenings(int(rate * paced_s), leads, f"{run}-paced", duplicates=0))
    return {"eps": eps, "p99_ms": visible(application, paced, rate)}


if __name__ == "__main__":
    say(**run(**task()))
