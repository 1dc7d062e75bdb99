"""What runs in the background: events into scores, activations into rules in force, and the re-scoring that follows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services.scoring import convert
from services.scoring.convert import Undecodable
from services.scoring.errors import CannotStore, OutOfDate, StoreBroken
from services.scoring.handlers import EventHandlers
from services.scoring.ports import POISON, UNDECODABLE, IncomingEvent, Quarantined
from services.shared import logs
from services.shared.bus import Bus
from services.shared.consuming import PullConsumer, StreamReader, delivery
from services.shared.db import Database
from services.shared.errors import DependencyUnavailable
from services.shared.exclusive import LOCK_RETRY_S, exclusive
from services.shared.outbox import OutboxRelay

log = logs.get("worker")

EVENTS_STREAM = "EVENTS"
EVENTS_CONSUMER = "scoring"
"""Durable, shared by all scoring processes."""

RULES_STREAM = "RULES"

WINDOW_BATCHES = 2
"""A batch is scored while the next one arrives."""

BATCH_INTERVAL_S = 0.02
"""Batches begin no sooner after each other. A batch costs some ten crossings to the database and two syncs, whatever
its size: at a few hundred events a second what each event waits is won back by all of them together."""

UNACKNOWLEDGED_MAX = 20_000
"""Over all processes; the broker holds back further events."""

POISON_DELIVERIES = 5
"""A message that failed alone this often, with nothing else to compare it with, is poison."""

_NOT_THE_EVENTS_FAULT = (DependencyUnavailable, StoreBroken, nats.errors.Error)
"""No event goes to quarantine for these: everything waits until the database or the broker is mended."""

EXCLUSIVE_IDLE_S = 1.0
"""How often an exclusive worker that is not nudged looks for work: how late a due change may be."""

RULES_BATCH = 50


class EventWorker:
    """Pulls events, has them scored batch by batch, and acknowledges after the commit."""

    def __init__(
        self,
        bus: Bus,
        handlers: EventHandlers,
        relay: OutboxRelay,
        batch_events_max: int,
        ack_wait_s: float,
    ) -> None:
        self._bus = bus
        self._handlers = handlers
        self._relay = relay
        self._batch_events_max = batch_events_max
        self._ack_wait_s = ack_wait_s
        self._consumer: PullConsumer | None = None
        self._undone: list[Msg] = []
        """Messages that a run which fails leaves to the next, in whatever process."""
        self._stopping = False

    def stop(self) -> None:
        """Return from `run` when the batch in hand is done."""
        self._stopping = True
        if self._consumer is not None:
            self._consumer.interrupt()

    async def run(self) -> None:
        """Until stopped; a failure ends the run, its messages are delivered again."""
        await self._ensure_consumer()
        window = WINDOW_BATCHES * self._batch_events_max
        consumer = PullConsumer(self._bus, EVENTS_STREAM, EVENTS_CONSUMER, window)
        self._consumer = consumer
        await consumer.start()
        try:
            clock = asyncio.get_running_loop().time
            began_s = clock() - BATCH_INTERVAL_S
            while not self._stopping:
                await asyncio.sleep(began_s + BATCH_INTERVAL_S - clock())
                messages = await consumer.take(self._batch_events_max)
                began_s = clock()
                if messages:
                    await self._process(messages)
        finally:
            # Only now: before, the broker would deliver them again to this consumer, which nobody reads any more.
            await self._hand_back([*self._undone, *await consumer.close()])
            self._undone = []

    async def _ensure_consumer(self) -> None:
        config = ConsumerConfig(
            durable_name=EVENTS_CONSUMER,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait_s,
            max_ack_pending=UNACKNOWLEDGED_MAX,
            filter_subject="events.>",
        )
        await self._bus.jetstream.add_consumer(EVENTS_STREAM, config)

    async def _process(self, messages: Sequence[Msg]) -> None:
        self._undone = list(messages)
        decoded: list[tuple[Msg, IncomingEvent]] = []
        for message in messages:
            try:
                decoded.append((message, convert.incoming_event(message.data)))
            except Undecodable as error:
                await self._give_up(message, UNDECODABLE, "", error)
        try:
            await self._apply(decoded)
        except _NOT_THE_EVENTS_FAULT:
            raise
        except Exception as error:
            log.warning("batch failed", events=len(decoded), exc_info=error)
            await self._isolate(decoded)
        self._undone = []

    async def _apply(self, decoded: Sequence[tuple[Msg, IncomingEvent]]) -> None:
        if not decoded:
            return
        report = await self._handlers.apply_events([event for _, event in decoded])
        self._relay.nudge()
        if report.conflicts:
            log.warning("events in quarantine", reason="conflict", events=report.conflicts)
        if report.unlinked:
            log.warning("identities in conflict", events=report.unlinked)
        for message, _ in decoded:
            await self._bus.client.publish(message.reply, b"+ACK")

    async def _isolate(self, decoded: Sequence[tuple[Msg, IncomingEvent]]) -> None:
        """Score each event alone, so that one the store or the rules choke on does not hold up the others. When all of
        them fail, the fault is not theirs: they go back and the failure is reported."""
        failed: list[tuple[Msg, IncomingEvent, Exception]] = []
        for message, event in decoded:
            try:
                await self._apply([(message, event)])
            except _NOT_THE_EVENTS_FAULT:
                raise
            except OutOfDate:
                await self._hand_back([message])
            except Exception as error:  # noqa: BLE001 - told apart below
                failed.append((message, event, error))
        others_work = len(failed) < len(decoded)
        alone = len(decoded) == 1
        unexplained: Exception | None = None
        for message, event, cause in failed:
            often = alone and delivery(message).delivery_count >= POISON_DELIVERIES
            if others_work or often or isinstance(cause, CannotStore):
                await self._give_up(message, POISON, event.entry.event_id, cause)
            else:
                unexplained = cause
        if unexplained:
            raise unexplained

    async def _give_up(self, message: Msg, reason: str, event_id: str, error: Exception) -> None:
        log.error("event in quarantine", reason=reason, error=type(error).__name__)
        project_id = message.subject.split(".")[1]
        # An error of ours says what it is; the text of another may have anything in it.
        detail = str(error) if isinstance(error, Undecodable) else type(error).__name__
        item = Quarantined(project_id, reason, event_id, message.data, detail)
        await self._handlers.quarantine([item])
        await self._bus.client.publish(message.reply, b"+TERM")

    async def _hand_back(self, messages: Sequence[Msg]) -> None:
        """Have them delivered again; those that are acknowledged already are not."""
        if not self._bus.connected:
            return  # the broker does it by itself, later
        for message in messages:
            await self._bus.client.publish(message.reply, b"-NAK")


class RulesWorker:
    """Puts activations in force as the rules service publishes them; reads all of them again at each start."""

    def __init__(self, bus: Bus, handlers: EventHandlers, rescoring: "ExclusiveWorker") -> None:
        self._bus = bus
        self._handlers = handlers
        self._rescoring = rescoring

    async def run(self) -> None:
        """Until cancelled."""
        reader = StreamReader(self._bus, RULES_STREAM, "rules.>", after_sequence=0)
        try:
            while True:
                for message, _ in await reader.take(RULES_BATCH):
                    await self._put_in_force(message)
                self._rescoring.nudge()
        finally:
            await reader.close()

    async def _put_in_force(self, message: Msg) -> None:
        try:
            found = convert.activation(message.data)
        except Undecodable as error:
            # One project's message must not keep the rules of the others from them.
            log.error("activation in quarantine", subject=message.subject, error=str(error))
            project_id = message.subject.split(".")[1]
            item = Quarantined(project_id, UNDECODABLE, "", message.data, str(error), RULES_STREAM)
            await self._handlers.quarantine([item])
            return
        if await self._handlers.record_activation(found):
            log.info("rules in force", project_id=found.project_id, activation=found.number)


class ExclusiveWorker:
    """Does a kind of work step by step, in one process at a time; another takes over when that one is gone. What is
    left to do is in the database, so nothing is lost in between. Two such workers: one scores existing leads anew when
    other rules are in force, one makes the versions that are due because time has passed."""

    def __init__(
        self, name: str, database: Database, step: Callable[[], Awaitable[int]], relay: OutboxRelay
    ) -> None:
        self._name = name
        self._database = database
        self._step = step
        self._relay = relay
        self._nudged = asyncio.Event()
        self._stopping = False

    def nudge(self) -> None:
        """There may be something to do."""
        self._nudged.set()

    def stop(self) -> None:
        """Return from `run` when the step in hand is done."""
        self._stopping = True
        self._nudged.set()

    async def run(self) -> None:
        """Until stopped."""
        async with exclusive(self._database, f"scoring_{self._name}", self._stand_by) as lock:
            while lock is not None and not self._stopping:
                if await self._step():
                    self._relay.nudge()
                else:
                    await self._nudge_within(EXCLUSIVE_IDLE_S)

    async def _stand_by(self) -> bool:
        await self._nudge_within(LOCK_RETRY_S)
        return not self._stopping

    async def _nudge_within(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._nudged.wait()
        except TimeoutError:
            return
        self._nudged.clear()
