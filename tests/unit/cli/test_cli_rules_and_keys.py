"""`scoreline rules` and `scoreline keys`: what they ask and what they show."""

from __future__ import annotations

from scoreline.accounts.v1.accounts_service_pb2 import CreateApiKeyResponse, ListApiKeysResponse
from scoreline.rules.v1.rules_service_pb2 import (
    ActivateRuleSetResponse,
    CreateRuleResponse,
    GetRuleSetResponse,
    ListRulesResponse,
    UpdateRuleResponse,
)
from tests.support.command_line import run
from tests.support.fake_edge import FakeEdge


def rules_answer(*types: str) -> ListRulesResponse:
    answer = ListRulesResponse(rule_set_version=3)
    for number, event_type in enumerate(types):
        answer.rules.add(rule_id=f"r{number}", event_type=event_type, etag=f"etag{number}")
    return answer


def test_setting_a_rule_changes_the_one_there_is(edge: FakeEdge) -> None:
    edge.on("ListRules", lambda request, context: rules_answer("signup", "refund"))
    edge.on("UpdateRule", lambda request, context: UpdateRuleResponse(rule=request.rule))
    result = run(edge, "rules", "set", "Refund", "-50", "--disabled")
    assert result.exit_code == 0, result.output
    request = edge.requests["UpdateRule"][0]
    assert (request.rule.rule_id, request.rule.points, request.rule.etag) == ("r1", -50, "etag1")
    assert sorted(request.update_mask.paths) == ["enabled", "points"]


def test_setting_a_rule_adds_one_where_there_is_none(edge: FakeEdge) -> None:
    edge.on("ListRules", lambda request, context: rules_answer("signup"))
    edge.on("CreateRule", lambda request, context: CreateRuleResponse(rule=request.rule))
    assert run(edge, "rules", "set", "trial_started", "15.5").exit_code == 0
    rule = edge.requests["CreateRule"][0].rule
    assert (rule.event_type, rule.points, rule.enabled) == ("trial_started", 15.5, True)


def test_setting_one_of_several_rules_needs_its_id(edge: FakeEdge) -> None:
    edge.on("ListRules", lambda request, context: rules_answer("signup", "signup"))
    edge.on("UpdateRule", lambda request, context: UpdateRuleResponse(rule=request.rule))
    result = run(edge, "rules", "set", "signup", "5")
    assert result.exit_code == 1
    assert "--rule-id (r0, r1)" in result.stderr
    assert run(edge, "rules", "set", "signup", "5", "--rule-id", "r1").exit_code == 0


def test_listing_and_activating_rules(edge: FakeEdge) -> None:
    answer = GetRuleSetResponse()
    answer.rule_set.version = 3
    answer.rule_set.rules.add(rule_id="signup", event_type="signup", points=20, enabled=False)
    answer.rule_set.stages.add(name="hot", min_score=60)
    answer.rule_set.bounds.max_score = 1000
    edge.on("GetRuleSet", lambda request, context: answer)
    result = run(edge, "rules", "list", "--version", 3)
    assert edge.requests["GetRuleSet"][0].version == 3
    for said in ("version 3", "+20", "(disabled)", "hot from 60", "score: at most 1000"):
        assert said in result.stdout
    activated = ActivateRuleSetResponse()
    activated.activation.version = 3
    activated.activation.number = 2
    edge.on("ActivateRuleSet", lambda request, context: activated)
    assert "version 3 is in force" in run(edge, "rules", "activate").stdout
    assert edge.requests["ActivateRuleSet"][0].version == 0


def test_keys(edge: FakeEdge) -> None:
    made = CreateApiKeyResponse(secret="sl_new_secret")
    made.api_key.key_id = "new"
    edge.on("CreateApiKey", lambda request, context: made)
    result = run(edge, "keys", "create", "--name", "ci", "--scope", "read", "--scope", "ingest")
    # The key alone on stdout, for `KEY=$(scoreline keys create ...)`.
    assert result.stdout == "sl_new_secret\n"
    assert [*edge.requests["CreateApiKey"][0].api_key.scopes] == [2, 1]
    listed = ListApiKeysResponse()
    listed.api_keys.add(key_id="new", display_name="ci", scopes=[2])
    edge.on("ListApiKeys", lambda request, context: listed)
    assert "read" in run(edge, "keys", "list").stdout
    run(edge, "keys", "revoke", "new")
    assert edge.requests["RevokeApiKey"][0].key_id == "new"
