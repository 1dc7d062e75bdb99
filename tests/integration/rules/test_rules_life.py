"""Activations reach the RULES stream once, in order, whatever is killed; new projects get their rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from scoreline.accounts.v1 import account_pb2, accounts_service_pb2, accounts_service_pb2_grpc
from scoreline.rules.v1 import rule_set_pb2, rules_service_pb2_grpc
from scoreline.rules.v1 import rules_service_pb2 as pb
from services.rules import presets
from services.rules.domain.model import Rule
from services.rules.handlers import Installer, Rules
from services.rules.store import PostgresStore
from services.shared.clock import SystemClock
from stack import Stack, StackConfig
from tests.support import projects, service_database
from tests.support.eventually import eventually
from tests.support.grpc_calls import Keyed, channel
from tests.support.rules_golden import FakeTests
from tests.support.streams import Stored, stored

pytestmark = pytest.mark.xdist_group("rules")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackConfig(services=("accounts", "rules"), envoy=False)) as stack:
        yield stack


def told(stack: Stack, project_id: str) -> list[tuple[Stored, rule_set_pb2.Activation]]:
    """What scoring is told of the project, in stream order."""
    messages = asyncio.run(stored(stack.nats_url, "RULES", f"rules.{project_id}.>"))
    return [(one, rule_set_pb2.Activation.FromString(one.payload)) for one in messages]


def numbers_told(stack: Stack, project_id: str) -> list[int]:
    numbers = []
    for message, activation in told(stack, project_id):
        assert message.subject == f"rules.{project_id}.{activation.number}"
        numbers.append(activation.number)
    return numbers


def activate_new_version(service: Keyed, name: str) -> rule_set_pb2.Activation:
    rule = rule_set_pb2.Rule(rule_id=name, event_type="x", points=1)
    service.CreateRule(pb.CreateRuleRequest(rule=rule))
    activated: rule_set_pb2.Activation = service.ActivateRuleSet(
        pb.ActivateRuleSetRequest()
    ).activation
    return activated


def test_a_new_project_is_told_without_any_call(stack: Stack) -> None:
    """Only accounts is asked anything: rules hears of the project from the bucket."""
    make_project(stack, "quiet")
    eventually(lambda: numbers_told(stack, "quiet") == [1])
    [(_, activation)] = told(stack, "quiet")
    assert activation.rule_set.state == rule_set_pb2.RULE_SET_STATE_ACTIVE
    assert [rule.points for rule in activation.rule_set.rules][:3] == [1.0, 1.0, 3.0]


def make_project(stack: Stack, project_id: str) -> None:
    with channel(stack.service_target("accounts")) as opened:
        accounts = Keyed(accounts_service_pb2_grpc.AccountsServiceStub(opened), stack.api_key)
        project = account_pb2.Project(project_id=project_id)
        accounts.CreateProject(accounts_service_pb2.CreateProjectRequest(project=project))


def test_an_activation_is_told_complete(stack: Stack) -> None:
    project = projects.new_project(stack)
    with channel(stack.service_target("rules")) as opened:
        service = Keyed(rules_service_pb2_grpc.RulesServiceStub(opened), project.api_key)
        answered = activate_new_version(service, "mine")
    eventually(lambda: numbers_told(stack, project.project_id) == [1, 2])
    assert told(stack, project.project_id)[-1][1] == answered


def test_a_project_made_while_rules_is_down_gets_its_rules(stack: Stack) -> None:
    accounts_only = projects.new_project(stack, "before")
    stack.terminate("rules")
    make_project(stack, "meanwhile")
    stack.restart("rules")
    eventually(lambda: numbers_told(stack, "meanwhile") == [1])
    assert numbers_told(stack, accounts_only.project_id) == [1]


def test_what_was_committed_by_a_process_that_died_is_published_by_the_next(stack: Stack) -> None:
    """Killed between commit and publish: the use cases run here, without a relay."""
    project = projects.new_project(stack)
    stack.kill("rules")

    async def commit_without_publishing() -> None:
        async with service_database.opened(stack, "rules") as database:
            store, clock = PostgresStore(database), SystemClock()
            known = presets.load_all()
            installer = Installer(store, clock, known[presets.SIMPLE], _no_nudge)
            rules = Rules(store, clock, installer, _no_nudge, known, FakeTests())
            for number in range(5):
                rule = Rule(f"r{number}", "x", 1_000, True, "")
                await rules.create_rule(project.project_id, rule)
                await rules.activate(project.project_id, 0, "", "key_test")

    asyncio.run(commit_without_publishing())
    assert numbers_told(stack, project.project_id) == [1]
    stack.restart("rules")
    eventually(lambda: numbers_told(stack, project.project_id) == [1, 2, 3, 4, 5, 6])


def test_activations_while_the_broker_is_away_are_told_when_it_is_back(stack: Stack) -> None:
    project = projects.new_project(stack)
    with channel(stack.service_target("rules")) as opened:
        service = Keyed(rules_service_pb2_grpc.RulesServiceStub(opened), project.api_key)
        activate_new_version(service, "before")
        stack.kill("nats")
        for number in range(3):
            activate_new_version(service, f"meanwhile-{number}")
        stack.restart("nats")
        activate_new_version(service, "after")
    eventually(lambda: numbers_told(stack, project.project_id) == [1, 2, 3, 4, 5, 6])


def test_racing_activations_through_two_processes_one_of_them_killed(stack: Stack) -> None:
    """Dense numbers, each told once, in order, also by the process that takes the relay over."""
    project = projects.new_project(stack)
    other = stack.add("rules")
    with (
        channel(stack.service_target("rules")) as first,
        channel(stack.service_target(other)) as second,
        ThreadPoolExecutor(8) as pool,
    ):
        stubs = [rules_service_pb2_grpc.RulesServiceStub(one) for one in (first, second)]
        killed, lives = [Keyed(stub, project.api_key) for stub in stubs]
        for number in range(3):
            activate_new_version(lives, f"r{number}")
        half = [pool.submit(activate, killed, 1 + number % 4) for number in range(30)]
        other_half = [pool.submit(activate, lives, 1 + number % 3) for number in range(30)]
        eventually(lambda: any(one.done() for one in half))
        stack.kill("rules")
        answered = [number for one in (*half, *other_half) if (number := one.result())]
        # The survivor works on, and becomes the relay.
        activate_new_version(lives, "last")
        kept = lives.ListActivations(pb.ListActivationsRequest(page_size=1000)).activations
    numbers = [activation.number for activation in reversed(kept)]
    assert numbers == list(range(1, len(kept) + 1))
    assert set(answered) <= set(numbers)
    eventually(lambda: numbers_told(stack, project.project_id) == numbers)
    versions = {activation.number: activation.version for activation in kept}
    for message, activation in told(stack, project.project_id):
        assert activation.version == versions[activation.number]
        assert activation.rule_set.version == activation.version
        assert message.sequence
    stack.terminate(other)
    stack.restart("rules")


def activate(service: Keyed, version: int) -> int | None:
    """The number answered; None when the process was killed meanwhile."""
    try:
        number: int = service.ActivateRuleSet(
            pb.ActivateRuleSetRequest(version=version)
        ).activation.number
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:  # type: ignore[attr-defined]
            raise
        return None
    return number


def _no_nudge() -> None:
    """Nobody is there to be told."""
