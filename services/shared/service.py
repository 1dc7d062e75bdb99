"""One process of the suite from start to end: settings, logs, broker, credentials, gRPC server, background loops, and
a graceful drain. A service's `main.py` hands `run` a function that wires its parts onto a `Service`."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import grpc
import uvloop
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.shared import config as configuration
from services.shared import contracts, logs
from services.shared.bus import Bus
from services.shared.clock import SystemClock
from services.shared.config import InvalidConfig, ServiceConfig
from services.shared.credentials import Credentials
from services.shared.health import Health
from services.shared.interceptor import CallInterceptor, CallLimit
from services.shared.retrying import SupervisedLoop
from services.shared.service_keys import service_keys
from services.shared.tasks import cancel

log = logs.get("service")

CONCURRENT_CALLS_MAX = 20_000
"""More calls at once are refused with RESOURCE_EXHAUSTED: each holds memory."""

ConfigT = TypeVar("ConfigT", bound=ServiceConfig)


class StartRefused(Exception):
    """The surroundings can't keep what the service promises; the text is one line that says what to change. Raised by
    a `build`; the process exits with 3."""


class Service:
    """What a `main.py` builds on: connections that are there, and places to register its own parts."""

    def __init__(
        self, name: str, config: ServiceConfig, bus: Bus, resources: AsyncExitStack
    ) -> None:
        self.name = name
        self.config = config
        self.bus = bus
        self.resources = resources
        """Closed in reverse order at the very end; put connections here."""
        self.service_keys = service_keys(config, SystemClock())
        """What to call other services with in a project's name; None where the settings have no key for it."""
        self.credentials = Credentials(bus, self.service_keys)
        self.health = Health(contracts.service_names(name))
        self._drains: list[Callable[[], Awaitable[None]]] = []
        self._loops: list[tuple[SupervisedLoop, Callable[[], None] | None]] = []
        self._interceptor = CallInterceptor(self.credentials, contracts.required_scopes())
        self._server = grpc.aio.server(
            options=_server_options(config),
            maximum_concurrent_rpcs=CONCURRENT_CALLS_MAX,
        )
        self.server = self._interceptor.on(self._server)
        """Where a service registers its methods."""
        self.health.depends_on("broker", self._broker_connected)
        bus.on_reconnect(self.health.look_again)

    def add_loop(
        self,
        name: str,
        body: Callable[[], Awaitable[None]],
        stop: Callable[[], None] | None = None,
        vital: bool = True,
    ) -> SupervisedLoop:
        """Run `body` in the background, again whenever it fails. At drain `stop` asks it to return when its work in
        hand is done; without `stop` it is cancelled. One that is not vital may fail, which the log says, without making
        the service NOT_SERVING."""
        loop = SupervisedLoop(name, body)
        self._loops.append((loop, stop))

        async def healthy() -> bool:
            return loop.healthy

        if vital:
            self.health.depends_on(f"loop {name}", healthy)
        return loop

    def limit_calls(self, limit: CallLimit) -> None:
        """Have the calls of keys with a limit counted; without this their limit does not count here."""
        self._interceptor.limit = limit

    def on_drain(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` when the drain begins, while calls in flight go on."""
        self._drains.append(callback)

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain: NOT_SERVING, finish calls and work in hand, flush, stop."""
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, self._server)
        names = (*contracts.SERVICE_NAMES, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        port = self._server.add_insecure_port(self.config.listen)
        loops = [
            asyncio.create_task(loop.run(), name=loop.name)
            for loop in (
                SupervisedLoop("credentials", self.credentials.follow),
                SupervisedLoop("health", self.health.run),
                *(loop for loop, _ in self._loops),
            )
        ]
        # In this order: grpc's health servicer says SERVING until it is told otherwise.
        await self.health.check_now()
        await self._server.start()
        log.info("listening", port=port)
        await _terminated()
        log.info("draining")
        await self._drain(loops)
        log.info("stopped")

    async def _drain(self, loops: list[asyncio.Task[None]]) -> None:
        await self.health.drain()
        for callback in self._drains:
            await callback()
        await self._server.stop(self.config.drain_timeout_s)
        stoppable = {loop.name for loop, stop in self._loops if stop}
        for _, stop in self._loops:
            if stop:
                stop()
        finishing = [task for task in loops if task.get_name() in stoppable]
        if finishing:
            await asyncio.wait(finishing, timeout=self.config.drain_timeout_s)
        await cancel(loops)
        await self.credentials.close()

    async def _broker_connected(self) -> bool:
        return self.bus.connected


Build = Callable[[Service, ConfigT], Awaitable[None]]


def run(name: str, config_type: type[ConfigT], build: Build[ConfigT]) -> None:
    """The whole life of a service process. Exits with 2 and a line for each bad setting, with 3 and a line on
    StartRefused."""
    try:
        config = configuration.load(config_type, f"SCORELINE_{name.upper()}_")
    except InvalidConfig as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    logs.configure(name, config.log_level)
    try:
        uvloop.run(_live(name, config, build))
    except StartRefused as refused:
        sys.stderr.write(f"{name} does not start: {refused}\n")
        sys.exit(3)


async def _live(name: str, config: ConfigT, build: Build[ConfigT]) -> None:
    async with AsyncExitStack() as resources:
        bus = await Bus.connect(config.nats_url, f"scoreline-{name}", config.startup_timeout_s)
        resources.push_async_callback(bus.close)
        service = Service(name, config, bus, resources)
        await build(service, config)
        await service.credentials.load(config.startup_timeout_s)
        # Stubs and connections live as long as the process: the collector need not look through them again, and of
        # what a start makes less than a hundredth is garbage.
        gc.freeze()
        await service.serve()


async def _terminated() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def _server_options(config: ServiceConfig) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", int(config.keepalive_time_s * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            int(config.keepalive_min_client_interval_s * 1000),
        ),
    ]
