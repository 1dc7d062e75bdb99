"""The suite as one thing: started concurrently, stopped in order, its parts killed and restarted.

How each part is configured and told ready is in its own module (postgres, nats, envoy, services).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType

from stack.component import Component
from stack.config import DRAIN_TIMEOUT_S, READY_POLL_S, READY_TIMEOUT_S, StackConfig, State
from stack.datadir import DataDir
from stack.envoy import Envoy
from stack.errors import ComponentFailed, StackError, StartCancelled
from stack.guard import Guard, sweep
from stack.parts import Parts
from stack.postgres import SUPERUSER
from stack.process import describe_exit
from stack.services import Service


class Stack:
    """Postgres, NATS, Envoy and the services of one StackConfig.

    Use it as a context manager, or call `start` and `stop`. `start` raises StackError, with a message
    that says what to do, and leaves nothing behind when it does.
    """

    def __init__(self, config: StackConfig | None = None) -> None:
        self.config = config or StackConfig()
        self._data_dir: DataDir | None = None
        self._guard: Guard | None = None
        self._parts: Parts | None = None
        self._cancel = threading.Event()
        self._hurry = threading.Event()

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # Where things are.

    @property
    def data_dir(self) -> DataDir:
        """The data directory, with logs and secrets, while the suite runs."""
        if self._data_dir is None:
            raise StackError("The suite is not running.")
        return self._data_dir

    @property
    def http_url(self) -> str:
        """Base URL of the edge, for JSON, server-sent events and grpc-web."""
        return f"http://{self.grpc_target}"

    @property
    def grpc_target(self) -> str:
        """host:port of the edge, for plain gRPC."""
        return self._running.named("envoy").address

    @property
    def nats_url(self) -> str:
        """NATS with the suite's credentials."""
        return self._running.nats.url

    @property
    def nats_monitor_url(self) -> str:
        """NATS's monitoring endpoints (/healthz, /varz, /jsz)."""
        return self._running.nats.monitor_url

    @property
    def superuser_url(self) -> str:
        """The suite's database as Postgres's superuser."""
        return self.postgres_url(SUPERUSER)

    @property
    def api_key(self) -> str:
        """Key of the operator project: scopes ingest, read and admin."""
        return self._running.credentials.api_key

    def postgres_url(self, role: str) -> str:
        """The suite's database as `role`, e.g. scoreline_scoring or scoreline_scoring_owner."""
        return self._running.postgres.url(role)

    def address(self, name: str) -> str:
        """host:port of any component."""
        return self._running.named(name).address

    def service_target(self, name: str) -> str:
        """host:port of one process of a service, past the edge; `name` as `add` returned it."""
        return self.address(name)

    def pid(self, name: str) -> int | None:
        """Process id of a component while it runs."""
        return self._running.named(name).process.pid

    # Starting and stopping.

    def start(self) -> None:
        """Start everything and wait until all of it is ready."""
        if self._data_dir is not None:
            raise StackError("The suite is running already.")
        self._cancel.clear()
        self._hurry.clear()
        self._data_dir = DataDir.claim(self.config.data_dir)
        try:
            self._guard = Guard(
                self._data_dir.stack_id, self._data_dir.path if self._data_dir.temporary else None
            )
            self._parts = Parts(self.config, self._data_dir)
            self._start_all(self._parts)
            self._publish_addresses()
        except BaseException:  # Ctrl-C too: whatever ended the start, nothing may stay behind
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in order: edge, services, NATS, Postgres. Harmless when nothing runs."""
        data_dir, parts = self._data_dir, self._parts
        if data_dir is None:
            return
        self._cancel.set()
        if parts is not None:
            self._stop_all([] if parts.envoy is None else [parts.envoy])
            self._stop_all(parts.services.values())
            self._stop_all([parts.nats])
            self._stop_all([parts.postgres])
        # Whatever a component started and left behind.
        sweep(data_dir.stack_id)
        if parts is not None:
            parts.release_ports()
        if self._guard is not None:
            self._guard.dismiss()
        data_dir.release()
        self._data_dir = self._parts = self._guard = None

    def cancel_start(self) -> None:
        """Make a start that is under way raise StartCancelled. Safe from a signal handler."""
        self._cancel.set()

    def hurry(self) -> None:
        """Have `stop` kill what has not ended yet. Safe from a signal handler."""
        self._hurry.set()

    # Parts.

    def kill(self, name: str) -> None:
        """End a component at once with SIGKILL, as a crash would; it keeps its port."""
        self._running.named(name).process.kill()
        self._report(name, "stopped", "killed")

    def terminate(self, name: str, timeout_s: float = DRAIN_TIMEOUT_S) -> int:
        """Ask a component to end and wait for it; its exit code."""
        code = self._running.named(name).process.stop(timeout_s, self._hurry)
        self._report(name, "stopped", describe_exit(code))
        return code

    def restart(self, name: str) -> None:
        """Start a component again on its port, ending it first when it runs, and wait until it is ready."""
        component = self._running.named(name)
        component.process.stop(hurry=self._hurry)
        self._start_one(component)
        if isinstance(component, Service):
            self._wait_for_edge(component)

    def add(self, kind: str) -> str:
        """Start one more process of a service on a port of its own; its name, e.g. scoring-2.

        The edge goes on talking to the first: reach this one with `service_target`.
        """
        service = self._running.add_service(kind)
        self._start_one(service)
        return service.name

    def ended(self) -> ComponentFailed | None:
        """The first component that has ended by itself, as an error to show; None when all run."""
        for component in self._running.all().values():
            code = component.process.exit_code
            if code is not None:
                return component.process.failure(
                    f"ended with {describe_exit(code)}", "The suite is not whole without it."
                )
        return None

    # How it is done.

    @property
    def _running(self) -> Parts:
        if self._parts is None:
            raise StackError("The suite is not running.")
        return self._parts

    def _start_all(self, parts: Parts) -> None:
        """Start all at once, where the cluster is new: the rest waits for Postgres, services for their schemas and each
        other's streams, by themselves. Services only start when it is made, since there is nothing to come to before.

        Where it is old the order is kept: an owner must not come before its role is as it should be, and migrations
        may take longer than a service waits.
        """
        new = parts.postgres.is_new
        postgres_up, migrated = threading.Event(), threading.Event()

        def migrate() -> None:
            if not new:
                self._wait_for(postgres_up, parts.migrations.name)
            parts.migrations.run(self._cancel)
            migrated.set()

        def start(component: Component) -> None:
            if isinstance(component, Service):
                awaited = parts.postgres.cluster_is_there if new else migrated
                self._wait_for(awaited, component.name)
            self._start_one(component)
            if component is parts.postgres:
                postgres_up.set()
            if isinstance(component, Service):
                self._wait_for_edge(component)

        components = parts.all()
        for name in (*components, parts.migrations.name):
            self.data_dir.rotate_log(name)
        with ThreadPoolExecutor(max_workers=len(components) + 1) as pool:
            starts = [pool.submit(start, component) for component in components.values()]
            if parts.services:
                starts.append(pool.submit(migrate))
            try:
                wait(starts, return_when=FIRST_EXCEPTION)
            finally:
                # Without the one that failed, or after Ctrl-C, there is nothing to wait for.
                if not all(_went_well(one) for one in starts):
                    self._cancel.set()
        _raise_cause(starts)

    def _wait_for(self, event: threading.Event, name: str) -> None:
        while not event.wait(READY_POLL_S):
            if self._cancel.is_set():
                raise StartCancelled(f"{name} had not started yet.")

    def _start_one(self, component: Component) -> None:
        self._report(component.name, "starting", "")
        try:
            component.start(self._cancel)
        except ComponentFailed as error:
            self._report(component.name, "failed", str(error))
            raise
        self._report(component.name, "ready", component.address)

    def _wait_for_edge(self, service: Service) -> None:
        """Wait until the edge passes requests on to the service, if it is the one behind the edge."""
        envoy: Envoy | None = self._running.envoy
        if envoy is None or service.name != service.kind:
            return
        deadline = time.monotonic() + READY_TIMEOUT_S
        while envoy.process.exit_code is None and not envoy.sees_healthy(service.name):
            if time.monotonic() > deadline:
                raise envoy.process.failure(
                    f"does not see {service.name} as healthy", "Its log and the service's say why."
                )
            if self._cancel.wait(READY_POLL_S):
                raise StartCancelled(f"{service.name} was still starting.")

    def _stop_all(self, components: Iterable[Component]) -> None:
        _at_once([lambda one=one: self._stop_one(one) for one in components])  # type: ignore[misc]

    def _stop_one(self, component: Component) -> None:
        if component.process.running:
            self._report(component.name, "stopping", "")
            code = component.process.stop(hurry=self._hurry)
            self._report(component.name, "stopped", describe_exit(code))

    def _publish_addresses(self) -> None:
        parts = self._running
        addresses: dict[str, object] = {
            "http_url": self.http_url if parts.envoy else None,
            "grpc_target": self.grpc_target if parts.envoy else None,
            "nats_monitor_url": self.nats_monitor_url,
            "components": {name: one.address for name, one in parts.all().items()},
        }
        self.data_dir.publish(addresses)

    def _report(self, component: str, state: State, detail: str) -> None:
        self.config.progress(component, state, detail)


def _at_once(actions: list[Callable[[], None]]) -> None:
    if actions:
        with ThreadPoolExecutor(max_workers=len(actions)) as pool:
            for done in [pool.submit(action) for action in actions]:
                done.result()


def _went_well(start: Future[None]) -> bool:
    return start.done() and start.exception() is None


def _raise_cause(starts: list[Future[None]]) -> None:
    """Raise what went wrong, if anything: the failure itself rather than the starts it cancelled."""
    errors = [error for one in starts if (error := one.exception()) is not None]
    causes = [error for error in errors if not isinstance(error, StartCancelled)]
    for error in [*causes, *errors]:
        raise error
