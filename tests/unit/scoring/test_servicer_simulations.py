"""SimulateRuleSet over the store in memory: what is streamed, to whom, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from scoreline.scoring.v1 import simulation_service_pb2 as pb
from services.scoring import simulation_handlers
from services.scoring.domain.splitting import is_sampled
from services.shared import turns as shared_turns
from services.shared.times import to_timestamp
from tests.support import simulation_cases as cases
from tests.support.clocks import START
from tests.support.eventually import eventually_async
from tests.support.scoring_calls import CALL_TIMEOUT_S, fails
from tests.support.simulation_calls import HOUR, NOW, Simulations, service

__all__ = ["service"]


async def test_each_lead_under_both_rule_sets_then_what_it_comes_to(service: Simulations) -> None:
    found = await service.simulate(rule_set=cases.GENEROUS)
    assert list(found.leads) == ["ada", "bob", "cy"]
    ada = found.leads["ada"]
    assert (ada.before.score, ada.before.stage, ada.before.next_action) == (45, "hot", "call")
    assert (ada.after.score, ada.after.stage, ada.after.next_action) == (35, "warm", "write")
    # Idle for 22 hours; of its events one was within the last 24.
    assert (ada.after.velocity, ada.after.risk, ada.after.grade) == (1.5, 1, "")
    assert found.scores() == {"ada": (45, 35), "bob": (20, 0), "cy": (5, 15)}
    summary = found.summary
    assert (summary.lead_count, summary.event_count) == (3, 5)
    assert (summary.changed_count, summary.stage_changed_count) == (3, 3)
    assert summary.action_changed_count == 2
    assert (summary.score_sum_before, summary.score_sum_after) == (70, 50)
    assert [(m.from_stage, m.to_stage, m.lead_count) for m in summary.migrations] == [
        ("cold", "warm", 1),
        ("warm", "cold", 1),
        ("hot", "warm", 1),
    ]
    flows = {f.stage: (f.before_count, f.after_count) for f in summary.stage_flows}
    assert flows == {"cold": (1, 1), "warm": (1, 2), "hot": (1, 0), "qualified": (0, 0)}
    assert [m.lead_id for m in summary.largest_movers] == ["bob", "ada", "cy"]
    assert sum(b.before_count for b in summary.histogram) == 3
    assert [(d.day, d.before_count, d.after_count) for d in summary.changes_per_day[-3:]] == [
        ("2026-03-01", 2, 1),
        ("2026-03-02", 1, 0),
        ("2026-03-03", 0, 1),
    ]
    assert len(summary.changes_per_day) == 30
    assert summary.as_of == to_timestamp(NOW)
    assert summary.rule_set_version == 1


async def test_the_rules_in_force_change_nothing(service: Simulations) -> None:
    found = await service.simulate()
    assert found.scores() == {"ada": (45, 45), "bob": (20, 20), "cy": (5, 5)}
    assert found.summary.changed_count == found.summary.action_changed_count == 0
    assert not found.summary.largest_movers
    assert all(d.before_count == d.after_count for d in found.summary.changes_per_day)
    # The same rules sent along are other rules that happen to say the same.
    again = await service.simulate(rule_set=cases.RULES)
    assert again.summary == found.summary


async def test_only_what_was_asked_for_is_streamed(service: Simulations) -> None:
    draft = cases.rule_set(
        rules=[{"event_type": "view", "points": 5}, {"event_type": "form", "points": 7}],
        stages=cases.STAGES,
    )
    changed = await service.simulate(rule_set=draft, changed_only=True)
    assert list(changed.leads) == ["ada", "bob"]
    alone = await service.simulate(rule_set=draft, summary_only=True)
    assert not alone.leads
    assert alone.summary == changed.summary
    assert (await service.simulate(rule_set=draft)).summary == changed.summary


async def test_only_some_leads(service: Simulations) -> None:
    by_stage = await service.simulate(stages=["warm", "cold"])
    assert list(by_stage.leads) == ["bob", "cy"]
    await service.events.apply_events(
        [cases.happened("p1", "e6", "view", subject="email:eve@example.com")]
    )
    by_id = await service.simulate(lead_ids=["cy", "email:eve@example.com", "ada", "cy"])
    assert len(by_id.leads) == 3
    assert by_id.progress[-1].lead_total == 3
    both = await service.simulate(lead_ids=["cy", "ada"], stages=["hot"])
    assert list(both.leads) == ["ada"]
    with fails(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await service.simulate(lead_ids=["nobody"])


async def test_a_sample_is_the_same_each_time(service: Simulations) -> None:
    names = [f"l{n:02}" for n in range(40)]
    await service.events.apply_events(
        [cases.happened("p1", f"s-{one}", "view", subject=f"lead:{one}") for one in names]
    )
    found = await service.simulate(sample=0.3)
    everybody = ["ada", "bob", "cy", *names]
    assert list(found.leads) == [one for one in everybody if is_sampled(one, 0.3)]
    assert 5 < len(found.leads) < 22
    assert found.summary.lead_count == len(found.leads)
    # Looked at, and left out.
    assert found.progress[-1].lead_count == found.progress[-1].lead_total == 43


async def test_as_of_a_time_and_so_many_days(service: Simulations) -> None:
    found = await service.simulate(as_of=to_timestamp(START + 3 * HOUR), days=2)
    assert found.scores() == {"ada": (25, 25), "bob": (20, 20), "cy": (0, 0)}
    assert [d.day for d in found.summary.changes_per_day] == ["2026-02-28", "2026-03-01"]
    assert found.summary.event_count == 3


async def test_leads_come_in_portions_with_progress_after_each(
    service: Simulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation_handlers, "PORTION_LEADS", 2)
    found = await service.simulate()
    kinds = [message.WhichOneof("message") for message in found.messages]
    assert kinds == ["lead", "lead", "progress", "lead", "progress", "summary"]
    assert [(p.lead_count, p.lead_total, p.event_count) for p in found.progress] == [
        (2, 3, 4),
        (3, 3, 5),
    ]
    named = await service.simulate(lead_ids=["ada", "bob", "cy"])
    assert list(named.leads) == ["ada", "bob", "cy"]


async def test_rules_that_want_entries_in_another_order(service: Simulations) -> None:
    await service.events.apply_events([cases.happened("p1", "e9", "form", n=3)])
    draft = cases.rule_set(
        rules=[{"event_type": "form", "points": 20}, {"event_type": "view", "points": 5}],
        late_events=3,
    )
    found = await service.simulate(rule_set=draft)
    assert found.scores()["ada"] == (65, 45)


async def test_a_project_sees_its_own_leads_only(service: Simulations) -> None:
    found = await service.simulate("p2", rule_set=cases.GENEROUS)
    assert not found.leads
    summary = found.summary
    assert (summary.lead_count, summary.rule_set_version, len(summary.histogram)) == (0, 0, 0)
    with fails(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        await service.simulate("p2", lead_ids=["ada"])


async def test_a_reader_may_and_a_writer_may_not(service: Simulations) -> None:
    assert (await service.simulate("reader")).leads
    with fails(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
        await service.simulate("writer")


async def test_everything_wrong_with_a_request_is_said_at_once(service: Simulations) -> None:
    draft = cases.rule_set(rules=[{"event_type": "view", "points": 1, "when": "event."}])
    with fails(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELDS",
        "sample",
        "lead_ids[1]",
        "days",
        "rule_set.rules[0].when",
    ):
        await service.simulate(rule_set=draft, sample=1.5, lead_ids=["ada", ""], days=367)
    with fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "sample"):
        await service.simulate(sample=float("nan"))
    with fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "lead_ids", "days"):
        await service.simulate(lead_ids=["ada"] * 1_001, days=-1)
    with fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "stages"):
        await service.simulate(stages=["s"] * 33)
    rules = [{"event_type": "view", "points": 1, "rule_id": f"r{n}"} for n in range(501)]
    with fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        await service.simulate(rule_set=cases.rule_set(rules=rules))


async def test_nothing_is_changed(service: Simulations) -> None:
    before = service.store.contents
    copy = before.copy()
    await service.simulate(rule_set=cases.GENEROUS)
    assert service.store.contents is before
    assert before == copy


async def test_a_caller_who_leaves_stops_the_work(
    service: Simulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation_handlers, "PORTION_LEADS", 1)
    many = range(400)
    await service.events.apply_events(
        [cases.happened("p1", f"m{n}", "view", subject=f"lead:m{n:03}") for n in many]
    )
    folded: list[str] = []
    usual = simulation_handlers._apply

    async def noted(tx: Any, project_id: str, folds: Any, *rest: Any) -> None:
        folded.extend(folds)
        await usual(tx, project_id, folds, *rest)

    monkeypatch.setattr(simulation_handlers, "_apply", noted)
    call = service.stub.SimulateRuleSet(
        pb.SimulateRuleSetRequest(), metadata=(("x-api-key", "p1"),), timeout=CALL_TIMEOUT_S
    )
    await call.read()
    call.cancel()
    free = service.handlers._portions

    async def stopped() -> bool:
        seen = len(folded)
        for _ in range(100):
            await asyncio.sleep(0)
        return seen == len(folded) < 403 and not free.locked()

    await eventually_async(stopped)
    # Others are not in the way of what comes next.
    assert (await service.simulate(lead_ids=["ada"])).leads


async def test_others_have_their_turn_within_a_portion(
    service: Simulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_turns, "TURN_S", 0.0)
    turns = 0

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody_else())
    steps = service.handlers.simulate(
        "p1", None, simulation_handlers.Selection(simulation_handlers.LeadFilter()), NOW, 1
    )
    await anext(steps)
    other.cancel()
    await steps.aclose()
    # Five entries and three leads.
    assert turns >= 8
