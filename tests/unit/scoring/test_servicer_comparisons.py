"""CompareRuleSets and TestRuleSet over the store in memory."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from scoreline.rules.v1 import golden_test_pb2, rule_set_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from services.scoring import simulation_handlers
from services.scoring.domain.splitting import variant_of
from tests.support import simulation_cases as cases
from tests.support.scoring_calls import CALL_TIMEOUT_S, fails
from tests.support.simulation_calls import HOUR, Simulations, service

__all__ = ["service"]

BUYER, LOOKER = range(0, 60, 3), range(60)


def variant(name: str, rule_set: rule_set_pb2.RuleSet | None = None, weight: int = 0) -> pb.Variant:
    return pb.Variant(name=name, rule_set=rule_set, weight=weight)


async def compare(service: Simulations, **request: Any) -> list[Any]:
    return await service.streamed("CompareRuleSets", pb.CompareRuleSetsRequest(**request))


async def many_leads(service: Simulations) -> None:
    """Sixty who look once or twice; every third also fills in a form, then buys, then looks again."""
    events = []
    for n in LOOKER:
        lead = f"lead:l{n:02}"
        events.append(cases.happened("p2", f"a{n}", "view", n * HOUR / 60, lead))
        if n in BUYER:
            events.append(cases.happened("p2", f"b{n}", "form", 2 * HOUR, lead, n=3))
            events.append(cases.happened("p2", f"c{n}", "purchase", 3 * HOUR, lead))
            events.append(cases.happened("p2", f"d{n}", "form", 4 * HOUR, lead, n=3))
    await service.events.apply_events(events)


def by_hand(index: int, seed: str = "") -> tuple[int, int]:
    """Leads of a variant of two, and how many of them bought."""
    own = [n for n in LOOKER if variant_of(seed, f"l{n:02}", [1, 1]) == index]
    return len(own), sum(n in BUYER for n in own)


async def test_how_well_scores_told_who_would_convert(
    service: Simulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many_leads(service)
    await cases.activate(service.events, "p2", 1, cases.RULES)
    monkeypatch.setattr(simulation_handlers, "PORTION_LEADS", 25)
    blind = cases.rule_set(rules=[{"event_type": "view", "points": 5}])
    metadata = (("x-api-key", "p2"),)
    request = pb.CompareRuleSetsRequest(
        variants=[variant("now"), variant("blind", blind)], conversion_types=["Purchase"]
    )
    call = service.stub.CompareRuleSets(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
    messages = [message async for message in call]
    progress = [m.progress for m in messages[:-1]]
    assert [(p.lead_count, p.lead_total) for p in progress] == [(25, 60), (50, 60), (60, 60)]
    # What comes with the conversion and after it is not applied.
    assert progress[-1].event_count == 60 + 20
    now, others = messages[-1].summary.variants
    assert (now.name, others.name) == ("now", "blind")
    assert (now.lead_count, now.converted_count) == by_hand(0)
    assert (others.lead_count, others.converted_count) == by_hand(1)
    assert (now.discrimination, others.discrimination) == (1.0, 0.5)
    assert (now.mean_score_converted, others.mean_score_converted) == (25, 5)
    count, bought = by_hand(0)
    assert now.mean_score == round((5 * (count - bought) + 25 * bought) / count, 3)
    assert [(s.stage, s.lead_count, s.converted_count) for s in now.stages] == [
        ("cold", count - bought, 0),
        ("warm", bought, bought),
        ("hot", 0, 0),
    ]
    # A rule set without stages has one without a name.
    assert [(s.stage, s.lead_count) for s in others.stages] == [("", others.lead_count)]


@pytest.mark.parametrize(
    "binding", [rule_set_pb2.BINDING_AT_EVENT_TIME, rule_set_pb2.BINDING_AT_PROCESSING]
)
async def test_each_variant_is_scored_as_if_it_had_always_been_in_force(
    service: Simulations, binding: rule_set_pb2.Binding
) -> None:
    """Whatever its binding, and whatever was in force when things happened."""
    await cases.activate(service.events, "p2", 1, cases.rule_set(rules=[]))
    await many_leads(service)
    in_force = cases.rule_set(rules=[{"event_type": "view", "points": 5}])
    in_force.binding = binding
    await cases.activate(service.events, "p2", 2, in_force)
    draft = rule_set_pb2.RuleSet()
    draft.CopyFrom(in_force)
    draft.rules[0].points = 7
    request = pb.CompareRuleSetsRequest(
        variants=[variant("now"), variant("draft", draft)], conversion_types=["purchase"]
    )
    call = service.stub.CompareRuleSets(
        request, metadata=(("x-api-key", "p2"),), timeout=CALL_TIMEOUT_S
    )
    messages = [message async for message in call]
    assert [one.mean_score for one in messages[-1].summary.variants] == [5, 7]


async def test_without_both_kinds_of_leads_nothing_is_told(service: Simulations) -> None:
    messages = await compare(
        service, variants=[variant("a"), variant("b")], conversion_types=["purchase"]
    )
    for outcome in messages[-1].summary.variants:
        assert not outcome.HasField("discrimination")
        assert outcome.converted_count == outcome.mean_score_converted == 0
    assert sum(one.lead_count for one in messages[-1].summary.variants) == 3


async def test_weights_and_seeds_split_leads(service: Simulations) -> None:
    async def counts(**request: Any) -> list[int]:
        messages = await compare(service, conversion_types=["purchase"], **request)
        return [one.lead_count for one in messages[-1].summary.variants]

    split = {
        seed: await counts(seed=seed, variants=[variant("a"), variant("b", weight=3)])
        for seed in "abcdefgh"
    }
    for seed, found in split.items():
        own = [variant_of(seed, one, [1, 3]) for one in ("ada", "bob", "cy")]
        assert found == [own.count(0), own.count(1)]
    assert len(set(map(tuple, split.values()))) > 1


async def test_what_is_wrong_with_a_comparison(service: Simulations) -> None:
    broken = cases.rule_set(rules=[{"event_type": "view", "points": 1, "group": "none"}])
    with fails(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELDS",
        "variants[0].weight",
        "variants[1].name",
        "variants[1].rule_set.rules[0].group",
        "variants[2].name",
        "seed",
        "conversion_types[0]",
    ):
        await compare(
            service,
            variants=[variant("a", weight=1_001), variant("a", broken), variant("\x00")],
            seed="s" * 257,
            conversion_types=["!"],
        )
    with fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "variants", "conversion_types"):
        await compare(service, variants=[variant("a")])


TESTED = cases.rule_set(
    rules=[
        {"event_type": "Page View", "points": 5},
        {"event_type": "signup", "points": 20, "when": "event.properties.plan == 'team'"},
    ],
    stages=cases.STAGES,
    tests=[
        {
            "name": "looks and signs up",
            "events": [
                {"type": "page view"},
                {"type": "signup", "at": "3600s", "properties": {"plan": "team"}},
            ],
            "expected": {"score": 25, "stage": "warm"},
        },
        {
            "name": "signs up too early to count",
            "events": [{"type": "signup", "at": "7200s"}, {"type": "page-view"}],
            "after": "3600s",
            "expected": {"score": 25},
        },
    ],
)


async def golden(
    service: Simulations, rule_set: rule_set_pb2.RuleSet
) -> list[golden_test_pb2.GoldenTestResult]:
    answer = await service.stub.TestRuleSet(
        pb.TestRuleSetRequest(rule_set=rule_set),
        metadata=(("x-api-key", "reader"),),
        timeout=CALL_TIMEOUT_S,
    )
    return list(answer.results)


async def test_golden_tests_pass_or_say_what_differs(service: Simulations) -> None:
    good, bad = await golden(service, TESTED)
    assert (good.name, good.passed, list(good.differences)) == ("looks and signs up", True, [])
    assert (good.actual.score, good.actual.stage, good.actual.risk) == (25, "warm", "")
    # Both happen at the same time, for no time was said of the second; without a plan the first is worth nothing.
    assert (bad.passed, list(bad.differences)) == (False, ["score is 5, not 25"])


async def test_tests_that_can_not_be_run(service: Simulations) -> None:
    broken = cases.rule_set(
        tests=[
            {"name": "", "expected": {"score": 1}},
            {"name": "b", "events": [{"type": "?"}], "after": "-1s"},
        ]
    )
    with fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "rule_set.tests[1].after"):
        await golden(service, broken)
    broken.tests[1].ClearField("after")
    with fails(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELDS",
        "rule_set.tests[0].name",
        "rule_set.tests[0].events",
        "rule_set.tests[1].expected",
        "rule_set.tests[1].events[0].type",
    ):
        await golden(service, broken)
