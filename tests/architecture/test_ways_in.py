"""Whatever scoring, rules and automations offer is there for everybody: each method has a method in both clients, under
one name, and a command that calls it. (That each has a route over HTTP is checked in test_contracts.py.)"""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from scoreline.cli.main import app
from scoreline.notify.v1 import automations_service_pb2, follow_ups_service_pb2
from scoreline.rules.v1 import rules_service_pb2
from scoreline.scoring.v1 import (
    analytics_service_pb2,
    scoring_service_pb2,
    simulation_service_pb2,
)
from tests.architecture.tree import ROOT

CONTRACTS = (
    rules_service_pb2,
    scoring_service_pb2,
    simulation_service_pb2,
    analytics_service_pb2,
    automations_service_pb2,
    follow_ups_service_pb2,
)
METHODS = sorted(
    method.name
    for contract in CONTRACTS
    for service in contract.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)

COMMANDS = {
    "ActivateRuleSet": "rules activate",
    "AdjustScore": "leads adjust",
    "ApplyPreset": "rules apply",
    "CompareRuleSets": "compare-rules",
    "CreateAutomation": "automations create",
    "CreateRule": "rules set",
    "CreateRuleSet": "rules create",
    "DeleteAutomation": "automations delete",
    "DeleteRule": "rules remove",
    "DiffRuleSets": "rules diff",
    "ExplainScore": "explain",
    "ExportEvents": "export events",
    "ExportLeads": "export leads",
    "ExportRuleSet": "rules export",
    "GetActivity": "analytics activity",
    "GetAutomation": "automations show",
    "GetCohorts": "analytics cohorts",
    "GetCompanyDistribution": "analytics companies",
    "GetFunnel": "analytics funnel",
    "GetIntelligence": "intelligence",
    "GetLead": "lead",
    "GetLeadIdentities": "leads identities",
    "GetLeaderboard": "leaderboard",
    "GetMovers": "analytics movers",
    "GetRuleImpact": "analytics rules",
    "GetRuleSet": "rules list",
    "GetScore": "score",
    "GetScoreTrend": "analytics trend",
    "GetStageCounts": "leads",
    "ImportRuleSet": "rules import",
    "ListActivations": "rules activations",
    "ListAutomationExecutions": "automations executions",
    "ListAutomationTemplates": "automations templates",
    "ListAutomations": "automations list",
    "ListIdentityConflicts": "leads conflicts",
    "ListLeadOwners": "owners list",
    "ListLeads": "leads",
    "ListPresets": "rules presets",
    "ListRuleSets": "rules versions",
    "ListRules": "rules set",
    "ListTasks": "tasks list",
    "ListTimeline": "lead",
    "MergeLeads": "leads merge",
    "ReplayLeads": "ledger replay",
    "RetractEvents": "events retract",
    "RetryExecution": "automations retry",
    "RollbackRuleSet": "rules rollback",
    "SetLeadOwner": "owners set",
    "SimulateRuleSet": "simulate-rules",
    "TestAutomation": "automations test",
    "UnmergeLeads": "leads unmerge",
    "UpdateAutomation": "automations update",
    "UpdateRule": "rules set",
    "UpdateRuleSet": "rules update",
    "UpdateTask": "tasks assign",
    "ValidateRuleSet": "rules validate",
    "VerifyLedger": "ledger verify",
}

WITHOUT_COMMAND = {
    # What a lead is called comes from events, and from systems that use the SDK or HTTP.
    "CreateLead",
    "UpdateLead",
    # `lead` shows what made each change, `watch` the changes themselves.
    "ListScoreChanges",
    # For programs that try something on what happened; people have `analytics movers`.
    "ListProjectScoreChanges",
    # `rules validate` has the rules service run them.
    "TestRuleSet",
}


def calls(twin: str) -> dict[str, set[str]]:
    """The public methods of a client that make a call, by the method they call."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "scoreline" / "client" / twin).glob("*.py"):
        for function in functions(path):
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and not function.name.startswith("_"):
                    found[node.attr].add(function.name)
    return {method: found[method] for method in METHODS}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with what it runs."""
    if found.callback is not None:
        yield " ".join(path), found.callback
    for name, inner in getattr(found, "commands", {}).items():
        yield from commands(inner, (*path, name))


TREE = dict(commands(get_command(app)))
BLOCKING, AIO = calls("blocking"), calls("aio")


@pytest.mark.parametrize("method", METHODS)
def test_both_clients_have_it_under_one_name(method: str) -> None:
    assert BLOCKING[method], f"no method of the blocking client calls {method}"
    assert BLOCKING[method] == AIO[method]


@pytest.mark.parametrize("method", sorted(set(METHODS) - WITHOUT_COMMAND))
def test_a_command_calls_it(method: str) -> None:
    assert method in COMMANDS, f"which command calls {method}?"
    callback = TREE[COMMANDS[method]]
    source = inspect.getsourcefile(inspect.unwrap(callback))
    assert source is not None
    called = {
        node.attr
        for node in ast.walk(ast.parse(Path(source).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert called & BLOCKING[method]


def test_the_tables_name_what_there_is() -> None:
    assert COMMANDS.keys() | WITHOUT_COMMAND <= set(METHODS)
    assert not COMMANDS.keys() & WITHOUT_COMMAND
    assert set(COMMANDS.values()) <= TREE.keys()
