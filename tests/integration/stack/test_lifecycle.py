"""The whole suite, with stand-ins for the services: up, killed part by part, back, and gone without a trace."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import psutil
import psycopg
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stack import ComponentFailed, Stack, StackConfig, StackError
from stack.config import DATABASE_SERVICES, REPO_ROOT, SERVICES
from stack.guard import ID_VARIABLE
from tests.integration.stack.conftest import FAKE_SERVICE
from tests.support.eventually import eventually

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture(scope="module")
def edge(fakes: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fakes.http_url, trust_env=False) as client:
        yield client


def serving(target: str) -> bool:
    with grpc.insecure_channel(target) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=2
        )
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def carriers(stack_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(ID_VARIABLE) == stack_id:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_everything_is_ready_when_start_returns(fakes: Stack, edge: httpx.Client) -> None:
    assert edge.get("/healthz").status_code == 200
    for name in SERVICES:
        assert serving(fakes.service_target(name)), name


def test_migrations_ran_as_the_owner_before_the_service(fakes: Stack) -> None:
    for service in DATABASE_SERVICES:
        with psycopg.connect(fakes.postgres_url(f"scoreline_{service}_owner")) as database:
            row = database.execute("SELECT count(*) FROM starts").fetchone()
            assert row == (1,), service


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_service_is_missed_and_comes_back_on_its_port(
    fakes: Stack, edge: httpx.Client, name: str
) -> None:
    before, pid = fakes.service_target(name), fakes.pid(name)
    fakes.kill(name)
    eventually(lambda: edge.get("/healthz").status_code == 503)
    fakes.restart(name)
    assert edge.get("/healthz").status_code == 200
    assert fakes.service_target(name) == before
    assert fakes.pid(name) not in (None, pid)


def test_a_terminated_service_drains(fakes: Stack) -> None:
    assert fakes.terminate("rules") == 0
    assert "rules drained" in fakes.data_dir.log_path("rules").read_text()
    fakes.restart("rules")


def test_the_edge_and_the_servers_come_back_too(fakes: Stack, edge: httpx.Client) -> None:
    for name in ("envoy", "nats", "postgres"):
        fakes.kill(name)
        fakes.restart(name)
    assert edge.get("/healthz").status_code == 200


def test_a_second_process_has_its_own_port(fakes: Stack) -> None:
    name = fakes.add("scoring")
    assert name == "scoring-2"
    assert fakes.service_target(name) != fakes.service_target("scoring")
    assert serving(fakes.service_target(name))
    assert fakes.terminate(name) == 0


def test_what_is_not_there_is_said_so(fakes: Stack) -> None:
    with pytest.raises(StackError, match="There is no toaster here; there is postgres, nats"):
        fakes.kill("toaster")
    with pytest.raises(ValueError, match="no such service: toaster"):
        StackConfig(services=("toaster",))


def test_nothing_is_left_after_a_stop() -> None:
    stack = Stack(StackConfig(module=FAKE_SERVICE, services=("rules",)))
    stack.start()
    directory, stack_id = stack.data_dir.path, stack.data_dir.stack_id
    assert len(carriers(stack_id)) >= 4
    stack.stop()
    stack.stop()
    assert carriers(stack_id) == []
    assert not directory.exists()


@pytest.mark.parametrize(
    ("mode", "component", "complaint"),
    [
        ("exit", "rules", "the moon is in the wrong phase"),
        ("migrate-exit", "migrations", "rules: revision 0042 can't be applied"),
    ],
)
def test_a_service_that_cannot_start_is_named_and_nothing_is_left(
    mode: str, component: str, complaint: str
) -> None:
    seen: list[tuple[str, str]] = []
    stack = Stack(
        StackConfig(
            module=FAKE_SERVICE,
            env={"FAKE_RULES": mode},
            progress=lambda name, state, detail: seen.append((name, state)),
        )
    )
    with pytest.raises(ComponentFailed) as failure:
        stack.start()
    assert failure.value.component == component
    assert "\n" not in str(failure.value)
    assert complaint in "\n".join(failure.value.log_tail)
    assert ("postgres", "stopped") in seen
    with pytest.raises(StackError, match="not running"):
        _ = stack.data_dir


def test_a_start_can_be_cancelled_while_a_service_is_not_ready() -> None:
    stack = Stack(
        StackConfig(module=FAKE_SERVICE, services=("ingest",), env={"FAKE_INGEST": "deaf"})
    )

    def cancel(name: str, state: str, detail: str) -> None:
        if (name, state) == ("ingest", "starting"):
            stack.cancel_start()

    stack = Stack(
        StackConfig(
            module=FAKE_SERVICE,
            services=("ingest",),
            env={"FAKE_INGEST": "deaf"},
            progress=cancel,
        )
    )
    with pytest.raises(StackError, match="was still starting"):
        stack.start()


def test_a_component_that_ends_by_itself_is_reported() -> None:
    with Stack(StackConfig(module=FAKE_SERVICE, services=("ingest",), envoy=False)) as stack:
        assert stack.ended() is None
        pid = stack.pid("ingest")
        assert pid is not None
        psutil.Process(pid).send_signal(signal.SIGKILL)
        ended = eventually(stack.ended)
        assert "ingest ended with signal SIGKILL" in str(ended)


def test_the_edge_containers_health_check_tells_up_from_down(fakes: Stack) -> None:
    """The command docker-compose.yml gives the engine, asked of this edge."""
    compose = yaml.safe_load((REPO_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    port = fakes.grpc_target.rpartition(":")[2]
    how, *command = compose["services"]["envoy"]["healthcheck"]["test"]
    command = [part.replace("/8080", f"/{port}") for part in command]

    def exit_code() -> int:
        return subprocess.run(command, check=False).returncode

    assert how == "CMD"
    assert exit_code() == 0
    fakes.kill("notify")
    eventually(lambda: exit_code() != 0)
    fakes.restart("notify")
    assert exit_code() == 0


def test_services_come_after_the_migrations_of_an_old_cluster(data_dir: Path) -> None:
    """They may take longer than a service waits."""
    rules = StackConfig(module=FAKE_SERVICE, services=("rules",), envoy=False, data_dir=data_dir)
    with Stack(rules):
        pass
    seen: list[str] = []
    failing = replace(
        rules,
        env={"FAKE_RULES": "migrate-exit"},
        progress=lambda name, state, detail: seen.append(name),
    )
    with pytest.raises(ComponentFailed):
        Stack(failing).start()
    assert "postgres" in seen
    assert "rules" not in seen
