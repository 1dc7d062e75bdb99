"""RulesService as its callers see it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from scoreline.rules.v1 import rule_set_pb2, rules_service_pb2_grpc
from scoreline.rules.v1 import rules_service_pb2 as pb
from stack import Stack
from tests.support import projects
from tests.support.grpc_calls import Keyed, channel, refused
from tests.support.projects import TestProject

pytestmark = pytest.mark.xdist_group("rules")


def create(rules: Keyed, **fields: object) -> rule_set_pb2.Rule:
    request = pb.CreateRuleRequest(rule=rule_set_pb2.Rule(**fields))  # type: ignore[arg-type]
    made: rule_set_pb2.Rule = rules.CreateRule(request).rule
    return made


def test_a_new_project_starts_with_the_preset_in_force(rules: Keyed, project: TestProject) -> None:
    answer = rules.ListRules(pb.ListRulesRequest())
    assert len(answer.rules) == 14
    assert answer.rules[0].event_type == "page_view"
    assert (answer.rule_set_version, answer.etag) == (1, "1.1")
    assert answer.state == rule_set_pb2.RULE_SET_STATE_ACTIVE
    [activation] = rules.ListActivations(pb.ListActivationsRequest()).activations
    assert (activation.number, activation.version, activation.actor) == (1, 1, "system")
    assert activation.project_id == project.project_id
    assert not activation.HasField("rule_set")


def test_the_life_of_a_draft(rules: Keyed, project: TestProject) -> None:
    made = create(rules, event_type="Web Chat", points=1.5, description="Says hello")
    assert (made.rule_id, made.event_type, made.enabled) == ("web_chat", "web_chat", True)
    changed = rules.UpdateRule(
        pb.UpdateRuleRequest(
            rule=rule_set_pb2.Rule(rule_id="web_chat", etag=made.etag),
            update_mask=FieldMask(paths=["points"]),
        )
    ).rule
    assert (changed.points, changed.description) == (0.0, "Says hello")
    rules.DeleteRule(pb.DeleteRuleRequest(rule_id="refund"))
    draft = rules.UpdateRuleSet(
        pb.UpdateRuleSetRequest(
            rule_set=rule_set_pb2.RuleSet(
                description="Ours", stages=[rule_set_pb2.Stage(name="all", min_score=0)]
            )
        )
    ).rule_set
    assert (draft.version, draft.description, len(draft.rules)) == (2, "Ours", 14)
    assert draft == rules.GetRuleSet(pb.GetRuleSetRequest()).rule_set
    assert rules.GetRuleSet(pb.GetRuleSetRequest(version=1)).rule_set.state == (
        rule_set_pb2.RULE_SET_STATE_ACTIVE
    )
    request = pb.ActivateRuleSetRequest(version=2, etag=draft.etag)
    activation = rules.ActivateRuleSet(request).activation
    assert (activation.number, activation.actor) == (2, project.key_id)
    assert activation.rule_set.state == rule_set_pb2.RULE_SET_STATE_ACTIVE
    assert list(activation.rule_set.rules) == list(draft.rules)
    assert rules.ActivateRuleSet(request).activation == activation


def test_versions_and_activations_are_listed_page_by_page(rules: Keyed) -> None:
    for number in range(3):
        create(rules, rule_id=f"r{number}", event_type="x", points=1)
        rules.ActivateRuleSet(pb.ActivateRuleSetRequest())
    versions, token = [], ""
    while True:
        page = rules.ListRuleSets(pb.ListRuleSetsRequest(page_size=3, page_token=token))
        versions += [(one.version, len(one.rules), len(one.stages)) for one in page.rule_sets]
        if not (token := page.next_page_token):
            break
    assert versions == [(4, 0, 4), (3, 0, 4), (2, 0, 4), (1, 0, 4)]
    first = rules.ListActivations(pb.ListActivationsRequest(page_size=3))
    rest = rules.ListActivations(
        pb.ListActivationsRequest(page_size=3, page_token=first.next_page_token)
    )
    numbers = [one.number for one in (*first.activations, *rest.activations)]
    assert numbers == [4, 3, 2, 1]
    assert rest.next_page_token == ""
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        rules.ListRuleSets(pb.ListRuleSetsRequest(page_token="AAAAAAAAWyJhIl0"))
    assert said[0].fields == ["page_token"]


def test_refusals_say_why(rules: Keyed) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        create(rules, points=0.0005)
    assert said[0].fields == ["rule.event_type", "rule.points"]
    with refused(grpc.StatusCode.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS") as said:
        create(rules, event_type="signup", points=1)
    assert said[0].metadata == {"resource_type": "rule", "resource": "signup"}
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        rules.DeleteRule(pb.DeleteRuleRequest(rule_id="nope"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        rules.DeleteRule(pb.DeleteRuleRequest())
    with refused(grpc.StatusCode.ABORTED, "ETAG_MISMATCH") as said:
        rules.DeleteRule(pb.DeleteRuleRequest(rule_id="signup", etag="9.9"))
    assert said[0].metadata == {"resource_type": "rule", "resource": "signup"}
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND") as said:
        rules.GetRuleSet(pb.GetRuleSetRequest(version=2))
    assert said[0].metadata == {"resource_type": "rule_set", "resource": "2"}
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        rules.ListRules(pb.ListRulesRequest(rule_set_version=-1))
    assert said[0].fields == ["rule_set_version"]
    with refused(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"):
        rules.ActivateRuleSet(pb.ActivateRuleSetRequest(etag="1.2"))


def test_a_rule_set_without_rules_is_not_activated(rules: Keyed) -> None:
    for rule in rules.ListRules(pb.ListRulesRequest()).rules:
        rules.DeleteRule(pb.DeleteRuleRequest(rule_id=rule.rule_id, etag=rule.etag))
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "RULE_SET_STATE") as said:
        rules.ActivateRuleSet(pb.ActivateRuleSetRequest())
    assert said[0].metadata == {"resource_type": "rule_set", "resource": "2"}


def test_conditions_limits_groups_and_decay(rules: Keyed) -> None:
    week = Duration(seconds=7 * 86_400)
    contribution = rule_set_pb2.ContributionDecay(every=week, percent=25, gone_after=week)
    group = rule_set_pb2.Group(
        name="engagement",
        bounds=rule_set_pb2.Bounds(min_score=0, max_score=50.5),
        decay=rule_set_pb2.Decay(contribution=contribution),
    )
    decay = rule_set_pb2.Decay(half_life=rule_set_pb2.HalfLifeDecay(days=30))
    rules.UpdateRuleSet(
        pb.UpdateRuleSetRequest(rule_set=rule_set_pb2.RuleSet(groups=[group], decay=decay))
    )
    made = create(
        rules,
        event_type="web_chat",
        points=5,
        group="engagement",
        when="event.properties.minutes >= 3 && lead.plan != 'free'",
        limits=[
            rule_set_pb2.Limit(count=2, window=week, key="event.properties.room"),
            rule_set_pb2.Limit(count=5),
        ],
    )
    activation = rules.ActivateRuleSet(pb.ActivateRuleSetRequest()).activation
    assert activation.rule_set.rules[-1] == made
    assert list(activation.rule_set.groups) == [group]
    assert activation.rule_set.decay == decay
    assert rules.GetRuleSet(pb.GetRuleSetRequest()).rule_set == activation.rule_set
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        rules.UpdateRuleSet(
            pb.UpdateRuleSetRequest(
                rule_set=rule_set_pb2.RuleSet(), update_mask=FieldMask(paths=["groups"])
            )
        )
    assert said[0].fields == ["rule_set.groups"]
    rule = rule_set_pb2.Rule(
        rule_id="web_chat", group="sales", when="event.type = 'x'", limits=[rule_set_pb2.Limit()]
    )
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        rules.UpdateRule(pb.UpdateRuleRequest(rule=rule))
    assert said[0].fields == ["rule.when", "rule.limits[0].count"]
    rule = rule_set_pb2.Rule(rule_id="web_chat", group="sales")
    rules.UpdateRule(pb.UpdateRuleRequest(rule=rule))
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "RULE_SET_STATE") as said:
        rules.ActivateRuleSet(pb.ActivateRuleSetRequest())
    assert said[0].fields == ["rule_set.rules[14].group"]


def test_presets_are_listed_applied_and_activated(rules: Keyed) -> None:
    presets = rules.ListPresets(pb.ListPresetsRequest()).presets
    assert [preset.name for preset in presets] == sorted(preset.name for preset in presets)
    assert {"simple", "default-b2b", "leadflow"} <= {preset.name for preset in presets}
    for preset in presets:
        newest = rules.GetRuleSet(pb.GetRuleSetRequest()).rule_set
        request = pb.ApplyPresetRequest(preset=preset.name, etag=newest.etag)
        draft = rules.ApplyPreset(request).rule_set
        assert draft.state == rule_set_pb2.RULE_SET_STATE_DRAFT
        activation = rules.ActivateRuleSet(pb.ActivateRuleSetRequest(etag=draft.etag)).activation
        assert activation.rule_set.description == preset.rule_set.description
        assert list(activation.rule_set.groups) == list(preset.rule_set.groups)
        for rule in activation.rule_set.rules:
            rule.etag = ""
        assert list(activation.rule_set.rules) == list(preset.rule_set.rules)
        with refused(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"):
            rules.ApplyPreset(request)
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND") as said:
        rules.ApplyPreset(pb.ApplyPresetRequest(preset="nope"))
    assert said[0].metadata == {"resource_type": "preset", "resource": "nope"}


def test_a_reader_reads_and_changes_nothing(
    running: Stack, project: TestProject, rules: Keyed
) -> None:
    reader = projects.new_key(running, project, [2])
    with channel(running.service_target("rules")) as opened:
        as_reader = Keyed(rules_service_pb2_grpc.RulesServiceStub(opened), reader.api_key)
        assert as_reader.ListRules(pb.ListRulesRequest()) == rules.ListRules(pb.ListRulesRequest())
        assert len(as_reader.ListPresets(pb.ListPresetsRequest()).presets) > 1
        for method, request in (
            ("CreateRule", pb.CreateRuleRequest()),
            ("UpdateRule", pb.UpdateRuleRequest()),
            ("DeleteRule", pb.DeleteRuleRequest()),
            ("UpdateRuleSet", pb.UpdateRuleSetRequest()),
            ("ActivateRuleSet", pb.ActivateRuleSetRequest()),
            ("ApplyPreset", pb.ApplyPresetRequest()),
        ):
            with refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
                getattr(as_reader, method)(request)


def test_projects_do_not_see_each_other(running: Stack, rules: Keyed) -> None:
    create(rules, rule_id="mine", event_type="x", points=1)
    other = projects.new_project(running, "other")
    with channel(running.service_target("rules")) as opened:
        theirs = Keyed(rules_service_pb2_grpc.RulesServiceStub(opened), other.api_key)
        ids = [rule.rule_id for rule in theirs.ListRules(pb.ListRulesRequest()).rules]
        assert "mine" not in ids
        with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
            theirs.DeleteRule(pb.DeleteRuleRequest(rule_id="mine"))


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_racing_edits_through_two_processes_one_wins(
    running: Stack, second_process: str, project: TestProject, attempt: int
) -> None:
    with (
        channel(running.service_target("rules")) as first,
        channel(running.service_target(second_process)) as second,
        ThreadPoolExecutor(8) as pool,
    ):
        stubs = [rules_service_pb2_grpc.RulesServiceStub(one) for one in (first, second)]
        services = [Keyed(stub, project.api_key) for stub in stubs]
        etag = services[0].ListRules(pb.ListRulesRequest()).rules[0].etag

        def edit(number: int) -> str:
            rule = rule_set_pb2.Rule(rule_id="page_view", points=number + 1, etag=etag)
            try:
                services[number % 2].UpdateRule(pb.UpdateRuleRequest(rule=rule))
            except grpc.RpcError as error:
                return str(error.code().name)  # type: ignore[attr-defined]
            return "OK"

        assert sorted(pool.map(edit, range(8))) == ["ABORTED"] * 7 + ["OK"]


@pytest.fixture(scope="module")
def second_process(running: Stack) -> Iterator[str]:
    """Name of one more rules process."""
    name = running.add("rules")
    yield name
    running.terminate(name)
