"""Whole rule sets through both clients, which ask the same."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

import scoreline
from scoreline.client import errors
from scoreline.client.aio.rules import Rules as AsyncRules
from scoreline.client.blocking.rules import Rules
from scoreline.rules.v1 import rules_service_pb2 as pb
from scoreline.rules.v1.rule_set_pb2 import Activation, Rule, RuleSet
from tests.support.fake_edge import API_KEY, FakeEdge, refuse, status

SOME_DAY = datetime(2026, 5, 1, tzinfo=UTC)
DRAFT = RuleSet(rules=[Rule(event_type="chat", points=5)])


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as running:
        yield running


@pytest.fixture(params=["blocking", "aio"])
async def call(request: pytest.FixtureRequest, edge: FakeEdge) -> Any:
    """Calls a method of `client.rules` of either client."""
    if request.param == "blocking":
        with scoreline.Client(edge.target, API_KEY) as client:

            async def blocking(method: str, *arguments: Any, **named: Any) -> Any:
                return getattr(client.rules, method)(*arguments, **named)

            yield blocking
        return
    async with scoreline.AsyncClient(edge.target, API_KEY) as async_client:

        async def asynchronous(method: str, *arguments: Any, **named: Any) -> Any:
            return await getattr(async_client.rules, method)(*arguments, **named)

        yield asynchronous


async def test_validation(edge: FakeEdge, call: Any) -> None:
    edge.on("ValidateRuleSet", lambda *_: pb.ValidateRuleSetResponse(valid=True))
    assert (await call("validate")).valid
    await call("validate", 7)
    await call("validate", rule_set=DRAFT)
    await call("validate", yaml="rules: []")
    newest, version, rule_set, text = edge.requests["ValidateRuleSet"]
    assert (newest.WhichOneof("source"), newest.version) == ("version", 0)
    assert version.version == 7
    assert rule_set.rule_set == DRAFT
    assert text.yaml == "rules: []"
    with pytest.raises(ValueError, match="one of"):
        await call("validate", 1, yaml="")


async def test_drafts_come_whole(edge: FakeEdge, call: Any) -> None:
    edge.on("CreateRuleSet", lambda *_: pb.CreateRuleSetResponse(rule_set=DRAFT))
    edge.on("ImportRuleSet", lambda *_: pb.ImportRuleSetResponse(rule_set=DRAFT))
    edge.on("ExportRuleSet", lambda *_: pb.ExportRuleSetResponse(yaml="a", etag="2.1"))
    assert await call("create_draft", DRAFT) == DRAFT
    assert await call("import_yaml", "text", replace=True, etag="2.1") == DRAFT
    [created], [imported] = edge.requests["CreateRuleSet"], edge.requests["ImportRuleSet"]
    assert (created.rule_set, created.replace_draft, created.etag) == (DRAFT, False, "")
    assert (imported.yaml, imported.replace_draft, imported.etag) == ("text", True, "2.1")
    assert (await call("export", 2)).yaml == "a"
    assert edge.requests["ExportRuleSet"][0].version == 2


async def test_differences(edge: FakeEdge, call: Any) -> None:
    edge.on("DiffRuleSets", lambda *_: pb.DiffRuleSetsResponse(base_version=1, version=2))
    assert (await call("diff", 1, 2)).version == 2
    [asked] = edge.requests["DiffRuleSets"]
    assert (asked.base_version, asked.version) == (1, 2)


@pytest.mark.parametrize(
    ("effective", "in_words", "time"),
    [
        (None, pb.EFFECTIVE_UNSPECIFIED, None),
        ("all", pb.EFFECTIVE_ALL_HISTORY, None),
        ("now", pb.EFFECTIVE_NOW, None),
        (SOME_DAY, pb.EFFECTIVE_UNSPECIFIED, SOME_DAY),
    ],
)
async def test_from_when_on_rules_score(
    edge: FakeEdge, call: Any, effective: Any, in_words: int, time: datetime | None
) -> None:
    made = Activation(number=2)
    edge.on("ActivateRuleSet", lambda *_: pb.ActivateRuleSetResponse(activation=made))
    edge.on("RollbackRuleSet", lambda *_: pb.RollbackRuleSetResponse(activation=made))
    assert await call("activate", 2, etag="2.1", effective=effective) == made
    assert await call("rollback", 1, effective=effective) == made
    [activated], [back] = edge.requests["ActivateRuleSet"], edge.requests["RollbackRuleSet"]
    assert (activated.version, activated.etag, back.version) == (2, "2.1", 1)
    for one in (activated, back):
        assert one.effective == in_words
        assert one.HasField("effective_time") == (time is not None)
        assert time is None or one.effective_time.ToDatetime(tzinfo=UTC) == time


async def test_what_is_no_time(call: Any) -> None:
    with pytest.raises(ValueError, match="all, now and datetimes"):
        await call("activate", effective="later")
    with pytest.raises(ValueError, match="time zone"):
        await call("rollback", effective=SOME_DAY.replace(tzinfo=None))


@pytest.mark.parametrize(("version", "attempts"), [(0, 1), (2, 2)])
async def test_going_back_by_one_is_not_repeated(
    edge: FakeEdge, call: Any, version: int, attempts: int
) -> None:
    """Once it may have happened already, it would go forth again."""
    answers: list[str] = []

    def fail_once(_: Any, context: grpc.ServicerContext) -> pb.RollbackRuleSetResponse:
        answers.append("one")
        if len(answers) == 1:
            refuse(context, status(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"))
        return pb.RollbackRuleSetResponse()

    edge.on("RollbackRuleSet", fail_once)
    if attempts == 1:
        with pytest.raises(errors.Unavailable):
            await call("rollback", version)
    else:
        await call("rollback", version)
    assert len(answers) == attempts


def test_the_clients_are_twins() -> None:
    def shapes(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in vars(kind).items()
            if inspect.isfunction(method) and not name.startswith("_")
        }

    assert shapes(Rules) == shapes(AsyncRules)
    for name in shapes(Rules):
        assert inspect.getdoc(getattr(Rules, name)) == inspect.getdoc(getattr(AsyncRules, name))
