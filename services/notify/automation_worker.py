"""Looks at candidates and carries out executions. Any number of processes do so at once: automation_queue.py sees to it
that each is in one's hands."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from services.notify.automation_looking import Looking
from services.notify.automation_occasions import LeadGone, Occasions
from services.notify.automation_ports import AutomationQueue, Candidates, Claimed, Doing
from services.notify.domain import executing, retries
from services.notify.domain.actions import Action, AssignOwner, Occasion, Outcome, Webhook
from services.notify.domain.automations import ExecutionState
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import DependencyUnavailable
from services.shared.retrying import until_available
from services.shared.tasks import cancel

log = logs.get("automations")

POLL_S = 0.5
"""How soon is noticed what another process planned, what is due again, and what a dead process left."""

IN_FLIGHT_MAX = 256
"""Executions, and as many candidates, of this process at once: mostly they wait for somebody's answer."""

LEASE = timedelta(seconds=60)
"""A claim lasts so long, and anew from every action on: longer than asking scoring and one action may take."""

ACTION_S_MAX = 30.0
"""An action that takes longer is given up for this time; each has shorter limits of its own."""

WRITE_S = 15.0
"""For as long it is tried to write down what was done; with asking scoring and an action it is within the lease."""

AGAIN = timedelta(seconds=5)
"""When scoring could not be asked for the lead."""

GATHER_S = 0.02
"""Between two claims while there is much to do: one for all that came to its end meanwhile."""

RETRY_S = 1.0
"""Between two tries while the database is away."""

WAIT_MAX = timedelta(days=7)
"""Of executions and candidates that can't be carried out: their automation is disabled, or there are too many."""

SWEEP_S = 60.0
SWEEP_BATCH = 1_000

T = TypeVar("T")


class AutomationWorker:
    """Looks, and acts."""

    def __init__(
        self,
        candidates: Candidates,
        queue: AutomationQueue,
        looking: Looking,
        occasions: Occasions,
        doings: Mapping[str, Doing[Any]],
        nudge_webhooks: Callable[[], None],
        clock: Clock,
        schedule_s: Sequence[float],
    ) -> None:
        self._candidates = candidates
        self._queue = queue
        self._looking = looking
        self._occasions = occasions
        self._doings = doings
        self._nudge_webhooks = nudge_webhooks
        self._clock = clock
        self._schedule_s = schedule_s
        self._looks: set[asyncio.Task[None]] = set()
        self._attempts: set[asyncio.Task[None]] = set()
        self._nudged = asyncio.Event()
        self._stopping = False

    def nudge(self) -> None:
        """There may be something to do."""
        self._nudged.set()

    def stop(self) -> None:
        """Return from `run` when what is being done is over."""
        self._stopping = True
        self._nudged.set()

    async def run(self) -> None:
        """Work until stopped."""
        try:
            while not self._stopping:
                self._nudged.clear()
                if await self._take() == 0:
                    await self._wait(POLL_S)
                else:
                    await asyncio.sleep(GATHER_S)
            for tasks in (self._looks, self._attempts):
                if tasks:
                    await asyncio.wait(tasks)
        finally:
            await cancel(self._looks | self._attempts)

    async def sweep(self) -> None:
        """Give up for ever what waited too long."""
        while True:
            try:
                now = self._clock.now()
                while dropped := await self._queue.drop_waiting(now - WAIT_MAX, now, SWEEP_BATCH):
                    log.warning("executions waited too long", count=dropped)
                while dropped := await self._candidates.forget(now - WAIT_MAX, SWEEP_BATCH):
                    log.warning("candidates waited too long", count=dropped)
            except DependencyUnavailable:
                log.info("sweep waits for the database")
            await asyncio.sleep(SWEEP_S)

    async def _take(self) -> int:
        now = self._clock.now()
        try:
            free = IN_FLIGHT_MAX - len(self._looks)
            candidates = await self._candidates.claim(free, LEASE, now) if free else []
            free = IN_FLIGHT_MAX - len(self._attempts)
            claimed = await self._queue.claim(free, LEASE, now) if free else []
        except DependencyUnavailable:
            await asyncio.sleep(RETRY_S)
            return 0
        for automation, candidate in candidates:
            self._begin(self._looks, self._looking.look(automation, candidate))
        for one in claimed:
            self._begin(self._attempts, self.attempt(one))
        return len(candidates) + len(claimed)

    def _begin(self, among: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        among.add(task)

        def over(ended: asyncio.Task[None]) -> None:
            among.discard(ended)
            self._nudged.set()
            error = None if ended.cancelled() else ended.exception()
            if error is not None:
                # A defect, or the database is away; the claim runs out, and it is done again.
                log.error("work on an automation failed", exc_info=error)

        task.add_done_callback(over)

    async def attempt(self, claimed: Claimed) -> None:
        """Carry out what is left of an execution. Raises DependencyUnavailable when the database stays away."""
        actions = claimed.automation.definition.actions
        states = executing.states_of(actions, claimed.outcomes)
        try:
            occasion = await self._occasions.of(claimed)
        except LeadGone:
            gone = executing.given_up(states, "the lead is not there any more")
            await self._over(claimed, gone)
            return
        except DependencyUnavailable as error:
            # Nothing was tried: scoring being away uses up no attempt.
            log.info("execution waits", execution=claimed.execution_id, error=error.message)
            await self._queue.put_back(claimed, self._clock.now() + AGAIN)
            return
        for place, action in enumerate(actions):
            if not executing.is_due(states[place], self._clock.now()):
                continue
            done = await self._act(claimed, states, place, action, occasion)
            if done is None:
                log.info("execution lost", execution=claimed.execution_id)
                return
            states = done
            if isinstance(action, AssignOwner):
                occasion = await self._written(partial(self._occasions.with_owner, occasion))
        await self._over(claimed, states)

    async def _act(
        self,
        claimed: Claimed,
        states: executing.States,
        place: int,
        action: Action,
        occasion: Occasion,
    ) -> executing.States | None:
        """The states after one action; None: the claim was lost."""
        doing = self._doings.get(action.kind)
        if doing is None:
            now = self._clock.now()
            done = await self._written(
                lambda: self._queue.carry_out(claimed, states, place, occasion, now, now + LEASE)
            )
            if isinstance(action, Webhook):
                self._nudge_webhooks()
            return done
        outcome = await self._outcome(doing, claimed, action, occasion)
        now = self._clock.now()
        after = executing.after(states, place, outcome, now)
        if not await self._written(lambda: self._queue.note(claimed, after, now + LEASE)):
            return None
        if not outcome.succeeded:
            log.warning(
                "action failed",
                automation=claimed.automation.automation_id,
                execution=claimed.execution_id,
                kind=action.kind,
                permanent=outcome.permanent,
            )
        return after

    async def _outcome(
        self, doing: Doing[Any], claimed: Claimed, action: Action, occasion: Occasion
    ) -> Outcome:
        try:
            async with asyncio.timeout(ACTION_S_MAX):
                return await doing.do(action, occasion)
        except TimeoutError:
            return Outcome(error="timeout")
        except Exception as error:
            log.error(
                "action is defective",
                automation=claimed.automation.automation_id,
                kind=action.kind,
                exc_info=error,
            )
            return Outcome(error="a defect of this service; its log says more")

    async def _over(self, claimed: Claimed, states: executing.States) -> None:
        """The attempt is over: it ends, or is tried again."""
        now = self._clock.now()
        draw = random.random()  # noqa: S311 - spreads load, keeps no secret
        delay_s = retries.delay_s(self._schedule_s, claimed.attempt_count + 1, 0.0, draw)
        states, retry_time = executing.next_attempt(states, delay_s, now)
        await self._written(lambda: self._queue.end(claimed, states, retry_time, now))
        if retry_time is None:
            if executing.state_of(states) is ExecutionState.FAILED:
                log.warning(
                    "execution failed for good",
                    automation=claimed.automation.automation_id,
                    execution=claimed.execution_id,
                )
            self._nudge_webhooks()

    async def _written(self, write: Callable[[], Awaitable[T]]) -> T:
        """What was done outside is done again where it is not written down: so it is tried for as long as the claim
        lasts."""
        return await until_available("record of an action", write, DependencyUnavailable, WRITE_S)

    async def _wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._nudged.wait()
        except TimeoutError:
            return
