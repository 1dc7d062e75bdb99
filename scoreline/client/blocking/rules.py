"""Reading and editing scoring rules, blocking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scoreline.client import requests
from scoreline.client.blocking.paging import items
from scoreline.client.calls import Calls
from scoreline.client.requests import PAGE_SIZE
from scoreline.rules.v1.rule_set_pb2 import Activation, Decay, Group, Limit, Rule, RuleSet
from scoreline.rules.v1.rules_service_pb2 import (
    ActivateRuleSetRequest,
    ApplyPresetRequest,
    DeleteRuleRequest,
    GetRuleSetRequest,
    ListActivationsRequest,
    ListPresetsRequest,
    ListRuleSetsRequest,
    ListRulesRequest,
    ListRulesResponse,
    Preset,
)
from scoreline.rules.v1.rules_service_pb2_grpc import RulesServiceStub


class Rules:
    """Versioned scoring rules. Edits go to the draft; `activate` puts it in force. Version 0 is the newest."""

    def __init__(self, calls: Calls, stub: RulesServiceStub) -> None:
        self._calls = calls
        self._stub = stub

    def get(self, version: int = 0) -> RuleSet:
        """A version with everything in it."""
        request = GetRuleSetRequest(version=version)
        return self._calls.repeated(self._stub.GetRuleSet, request).rule_set

    def versions(self, *, page_size: int = PAGE_SIZE) -> Iterator[RuleSet]:
        """All versions, newest first, without their rules."""
        request = ListRuleSetsRequest(page_size=page_size)
        return items(self._calls, self._stub.ListRuleSets, request, "rule_sets")

    def list(self, version: int = 0) -> ListRulesResponse:
        """The rules of a version, with that version's number, state and etag."""
        request = ListRulesRequest(rule_set_version=version)
        return self._calls.repeated(self._stub.ListRules, request)

    def create(
        self,
        event_type: str,
        points: float,
        *,
        rule_id: str = "",
        enabled: bool = True,
        description: str = "",
        group: str = "",
        when: str = "",
        limit: Limit | None = None,
    ) -> Rule:
        """Add a rule to the draft; `when` is its condition in CEL."""
        request = requests.create_rule(
            event_type, points, rule_id, enabled, description, group, when, limit
        )
        return self._calls.once(self._stub.CreateRule, request).rule

    def update(
        self,
        rule_id: str,
        *,
        event_type: str | None = None,
        points: float | None = None,
        enabled: bool | None = None,
        description: str | None = None,
        group: str | None = None,
        when: str | None = None,
        limit: Limit | None = None,
        etag: str = "",
    ) -> Rule:
        """Change what is not None of a rule in the draft; an empty `Limit()` takes the rule's away."""
        request = requests.update_rule(
            rule_id, event_type, points, enabled, description, group, when, limit, etag
        )
        return self._calls.once(self._stub.UpdateRule, request).rule

    def delete(self, rule_id: str, *, etag: str = "") -> None:
        """Remove a rule from the draft."""
        self._calls.once(self._stub.DeleteRule, DeleteRuleRequest(rule_id=rule_id, etag=etag))

    def update_draft(
        self,
        *,
        description: str | None = None,
        stages: Sequence[tuple[str, float]] | None = None,
        bounds: tuple[float | None, float | None] | None = None,
        groups: Sequence[Group] | None = None,
        decay: Decay | None = None,
        etag: str = "",
    ) -> RuleSet:
        """Change what is not None of the draft: stages are (name, least score), bounds (least, greatest) score;
        an empty `Decay()` takes the draft's away."""
        request = requests.update_draft(description, stages, bounds, groups, decay, etag)
        return self._calls.once(self._stub.UpdateRuleSet, request).rule_set

    def presets(self) -> Sequence[Preset]:
        """Rule sets to start from, by name."""
        answer = self._calls.repeated(self._stub.ListPresets, ListPresetsRequest())
        return answer.presets

    def apply_preset(self, preset: str, *, etag: str = "") -> RuleSet:
        """Make the draft say what a preset says, in place of everything that it said."""
        request = ApplyPresetRequest(preset=preset, etag=etag)
        return self._calls.once(self._stub.ApplyPreset, request).rule_set

    def activate(self, version: int = 0, *, etag: str = "") -> Activation:
        """Put a version in force; leads are scored anew in the background."""
        request = ActivateRuleSetRequest(version=version, etag=etag)
        return self._calls.repeated(self._stub.ActivateRuleSet, request).activation

    def activations(self, *, page_size: int = PAGE_SIZE) -> Iterator[Activation]:
        """What was in force when, newest first."""
        request = ListActivationsRequest(page_size=page_size)
        return items(self._calls, self._stub.ListActivations, request, "activations")
