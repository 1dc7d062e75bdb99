"""Whole rule sets as RulesService's callers see them: validated, created, imported, exported, compared, put in force
once golden tests pass, and put back. Golden tests are run by a stand-in for scoring that does as scoring does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import grpc
import pytest

from scoreline.rules.v1 import rule_set_pb2, rules_service_pb2_grpc
from scoreline.rules.v1 import rules_service_pb2 as pb
from stack import Stack
from tests.support import projects
from tests.support.grpc_calls import Keyed, channel, refused
from tests.support.projects import TestProject
from tests.support.rules_golden import FakeSimulation

pytestmark = pytest.mark.xdist_group("rules")

TEXT = """
description: Chats
bounds: {max_score: 20}
groups: [{name: talk, bounds: {min_score: 0, max_score: 15}}]
stages: [{name: cold}, {name: warm, min_score: 10}]
engagement_group: talk
binding: AT_EVENT_TIME
rules:
- {event_type: chat, points: 5, group: talk}
- {rule_id: big, event_type: '*', points: 10, when: lead.size > 9, standing: true}
tests:
- name: Two chats
  events: [{type: chat}, {type: chat, at: 1h}]
  expected: {score: 10, stage: warm}
- name: A big one
  events: [{type: identify, properties: {size: 10}}, {type: chat}, {type: identify, properties: {size: 2}}]
  expected: {score: 5}
"""
FAILING = TEXT.replace("{score: 10", "{score: 11")


@pytest.fixture(autouse=True)
def _willing(simulation: FakeSimulation) -> Iterator[None]:
    simulation.metadata.clear()
    yield
    simulation.refusal = None


def import_text(rules: Keyed, text: str, **fields: object) -> rule_set_pb2.RuleSet:
    request = pb.ImportRuleSetRequest(yaml=text, **fields)  # type: ignore[arg-type]
    draft: rule_set_pb2.RuleSet = rules.ImportRuleSet(request).rule_set
    return draft


def activate(rules: Keyed, **fields: object) -> rule_set_pb2.Activation:
    request = pb.ActivateRuleSetRequest(**fields)  # type: ignore[arg-type]
    made: rule_set_pb2.Activation = rules.ActivateRuleSet(request).activation
    return made


def test_a_text_becomes_the_draft_and_the_draft_a_text(rules: Keyed) -> None:
    draft = import_text(rules, TEXT)
    assert (draft.version, draft.state) == (2, rule_set_pb2.RULE_SET_STATE_DRAFT)
    exported = rules.ExportRuleSet(pb.ExportRuleSetRequest())
    assert (exported.version, exported.etag) == (2, draft.etag)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS"):
        import_text(rules, exported.yaml)
    with refused(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"):
        import_text(rules, exported.yaml, replace_draft=True, etag="1.1")
    again = import_text(rules, exported.yaml, replace_draft=True, etag=draft.etag)
    assert rules.ExportRuleSet(pb.ExportRuleSetRequest(version=2)).yaml == exported.yaml
    differences = rules.DiffRuleSets(pb.DiffRuleSetsRequest(base_version=2, version=2)).differences
    assert list(differences) == []
    assert again.etag != draft.etag
    [listed, _] = rules.ListRuleSets(pb.ListRuleSetsRequest()).rule_sets
    assert (len(listed.tests), len(listed.rules), listed.engagement_group) == (0, 0, "talk")


def test_a_message_becomes_the_draft(rules: Keyed) -> None:
    preset = rules.ListPresets(pb.ListPresetsRequest()).presets[0].rule_set
    draft = rules.CreateRuleSet(pb.CreateRuleSetRequest(rule_set=preset)).rule_set
    for rule in draft.rules:
        rule.etag = ""
    for field in ("version", "state", "create_time", "update_time", "etag"):
        draft.ClearField(field)
    assert draft == preset
    with refused(grpc.StatusCode.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS") as said:
        rules.CreateRuleSet(pb.CreateRuleSetRequest(rule_set=preset))
    assert said[0].metadata == {"resource_type": "rule_set", "resource": "2"}
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        wrong = rule_set_pb2.RuleSet(rules=[rule_set_pb2.Rule()], engagement_group="?")
        rules.CreateRuleSet(pb.CreateRuleSetRequest(rule_set=wrong))
    assert said[0].fields == ["rule_set.rules[0].event_type", "rule_set.engagement_group"]


def test_a_text_with_faults_is_refused_with_their_paths(rules: Keyed) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        import_text(rules, "rules: [{event_type: a, point: 1, when: lead.}]\ncolour: red")
    assert said[0].fields == ["rules[0].point", "colour", "rules[0].when"]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        import_text(rules, "rules: [")
    assert said[0].fields == ["yaml"]
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED") as said:
        import_text(rules, "rules:\n" + "- {event_type: a}\n" * 501)
    assert said[0].metadata == {"limit": "500"}


def test_what_is_wrong_is_an_answer(rules: Keyed, simulation: FakeSimulation) -> None:
    def validate(**source: object) -> pb.ValidateRuleSetResponse:
        request = pb.ValidateRuleSetRequest(**source)  # type: ignore[arg-type]
        answer: pb.ValidateRuleSetResponse = rules.ValidateRuleSet(request)
        return answer

    found = validate(yaml=TEXT)
    assert (found.valid, len(found.faults), len(found.warnings)) == (True, 0, 0)
    assert [(one.name, one.passed) for one in found.test_results] == [
        ("Two chats", True),
        ("A big one", True),
    ]
    assert found.test_results[0].actual.score == 10
    assert found.rule_set.rules[1].standing
    found = validate(yaml=FAILING)
    assert (found.valid, list(found.faults)) == (False, [])
    assert list(found.test_results[0].differences) == ["score is 10, not 11"]
    found = validate(
        yaml=TEXT.replace("group: talk}", "group: walk}").replace("score: 5", "risk: no")
    )
    assert not found.valid
    assert [one.field for one in found.faults] == ["tests[1].expected.risk", "rules[0].group"]
    assert list(found.test_results) == []
    found = validate(rule_set=rule_set_pb2.RuleSet(stages=[rule_set_pb2.Stage(name="")]))
    assert [one.field for one in found.faults] == ["stages[0].name", "rules"]
    found = validate(version=0)
    assert (found.valid, found.rule_set.version) == (True, 1)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        validate()
    assert said[0].fields == ["source"]
    simulation.refusal = grpc.StatusCode.UNAVAILABLE
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        validate(yaml=TEXT)
    # Nobody is asked about a rule set that can't be put in force anyway.
    assert not validate(yaml="rules: [{}]").valid
    assert [one.version for one in rules.ListRuleSets(pb.ListRuleSetsRequest()).rule_sets] == [1]


def test_a_failing_test_keeps_a_version_from_being_put_in_force(rules: Keyed) -> None:
    import_text(rules, FAILING)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "RULE_SET_STATE") as said:
        activate(rules)
    assert said[0].fields == ["rule_set.tests[0]"]
    import_text(rules, TEXT, replace_draft=True)
    assert activate(rules).version == 2


def test_tests_are_run_in_the_callers_name(
    running: Stack, rules: Keyed, project: TestProject, simulation: FakeSimulation
) -> None:
    import_text(rules, TEXT)
    activate(rules)
    [sent] = simulation.metadata
    assert sent["x-api-key"] == project.api_key
    assert sent["x-request-id"]
    import_text(rules, TEXT)
    for code, refusal, reason in (
        (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"),
        (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID"),
        (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"),
        (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL, "INTERNAL"),
    ):
        simulation.refusal = code
        with refused(refusal, reason):
            activate(rules)
    simulation.refusal = None
    assert activate(rules).version == 3


def test_what_changed_from_one_version_to_another(rules: Keyed) -> None:
    import_text(rules, TEXT)
    activate(rules)
    other = TEXT.replace("points: 5", "points: 6").replace("name: warm", "name: hot")
    import_text(rules, other.replace("description: Chats\n", ""))
    answer = rules.DiffRuleSets(pb.DiffRuleSetsRequest())
    assert (answer.base_version, answer.version) == (2, 3)
    assert [(one.kind, one.path, one.before, one.after) for one in answer.differences] == [
        (pb.DIFFERENCE_KIND_REMOVED, "description", "Chats", ""),
        (pb.DIFFERENCE_KIND_REMOVED, "stages[warm]", "{name: warm, min_score: 10}", ""),
        (pb.DIFFERENCE_KIND_ADDED, "stages[hot]", "", "{name: hot, min_score: 10}"),
        (pb.DIFFERENCE_KIND_CHANGED, "rules[chat].points", "5", "6"),
    ]
    back = rules.DiffRuleSets(pb.DiffRuleSetsRequest(base_version=3, version=2)).differences
    assert [one.path for one in back][-1] == "rules[chat].points"
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        rules.DiffRuleSets(pb.DiffRuleSetsRequest(base_version=9))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        rules.DiffRuleSets(pb.DiffRuleSetsRequest(base_version=-1))
    assert said[0].fields == ["base_version"]


def test_from_when_on_rules_score(rules: Keyed) -> None:
    import_text(rules, TEXT)
    made = activate(rules)
    assert made.effective_time == made.activate_time
    import_text(rules, TEXT)
    made = activate(rules, effective=pb.EFFECTIVE_ALL_HISTORY)
    assert made.effective_time.ToSeconds() == 0
    some_day = datetime(2026, 5, 1, tzinfo=UTC)
    import_text(rules, TEXT)
    made = activate(rules, effective_time=some_day)
    assert made.effective_time.ToDatetime(tzinfo=UTC) == some_day
    listed = rules.ListActivations(pb.ListActivationsRequest()).activations
    assert [one.effective_time.ToSeconds() for one in listed][::3] == [some_day.timestamp(), 0]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        activate(rules, effective_time=some_day, effective=pb.EFFECTIVE_NOW)
    assert said[0].fields == ["effective"]


def test_going_back(rules: Keyed, project: TestProject) -> None:
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "RULE_SET_STATE"):
        rules.RollbackRuleSet(pb.RollbackRuleSetRequest())
    import_text(rules, TEXT)
    activate(rules)
    import_text(rules, TEXT.replace("Chats", "More"))
    request = pb.RollbackRuleSetRequest(effective=pb.EFFECTIVE_NOW)
    made = rules.RollbackRuleSet(request).activation
    assert (made.number, made.version, made.actor) == (3, 1, project.key_id)
    assert made.effective_time == made.activate_time
    assert made.rule_set.state == rule_set_pb2.RULE_SET_STATE_ACTIVE
    assert rules.GetRuleSet(pb.GetRuleSetRequest()).rule_set.description == "More"
    made = rules.RollbackRuleSet(pb.RollbackRuleSetRequest(version=2)).activation
    assert (made.number, made.version) == (4, 2)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "RULE_SET_STATE"):
        rules.RollbackRuleSet(pb.RollbackRuleSetRequest(version=3))
    with refused(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"):
        rules.RollbackRuleSet(pb.RollbackRuleSetRequest(version=4))


def test_a_rule_is_looked_at_as_a_whole_when_it_changes(rules: Keyed) -> None:
    import_text(rules, TEXT)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as said:
        rule = rule_set_pb2.Rule(rule_id="big", event_type="chat", when="event.type == 'chat'")
        rules.UpdateRule(pb.UpdateRuleRequest(rule=rule))
    assert said[0].fields == ["rule.event_type", "rule.when"]
    rule = rule_set_pb2.Rule(rule_id="chat", limits=[rule_set_pb2.Limit(count=1)])
    assert rules.UpdateRule(pb.UpdateRuleRequest(rule=rule)).rule.limits[0].count == 1


def test_a_reader_validates_compares_and_exports_and_changes_nothing(
    running: Stack, project: TestProject
) -> None:
    reader = projects.new_key(running, project, [2])
    with channel(running.service_target("rules")) as opened:
        rules = Keyed(rules_service_pb2_grpc.RulesServiceStub(opened), reader.api_key)
        assert rules.ValidateRuleSet(pb.ValidateRuleSetRequest(yaml=TEXT)).valid
        assert rules.ExportRuleSet(pb.ExportRuleSetRequest()).yaml
        assert list(rules.DiffRuleSets(pb.DiffRuleSetsRequest()).differences) == []
        for method, request in (
            ("CreateRuleSet", pb.CreateRuleSetRequest()),
            ("ImportRuleSet", pb.ImportRuleSetRequest()),
            ("RollbackRuleSet", pb.RollbackRuleSetRequest()),
        ):
            with refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"):
                getattr(rules, method)(request)
