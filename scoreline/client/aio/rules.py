"""Reading and editing scoring rules, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from scoreline.client import rule_requests
from scoreline.client.aio.paging import items
from scoreline.client.calls import AsyncCalls
from scoreline.client.requests import PAGE_SIZE
from scoreline.client.rule_requests import Effective
from scoreline.rules.v1.rule_set_pb2 import (
    Activation,
    Binding,
    Decay,
    GoldenTest,
    Grading,
    Group,
    LateEvents,
    Limit,
    NextAction,
    Risk,
    Rule,
    RuleSet,
    Velocity,
)
from scoreline.rules.v1.rules_service_pb2 import (
    ApplyPresetRequest,
    CreateRuleSetRequest,
    DeleteRuleRequest,
    DiffRuleSetsRequest,
    DiffRuleSetsResponse,
    ExportRuleSetRequest,
    ExportRuleSetResponse,
    GetRuleSetRequest,
    ImportRuleSetRequest,
    ListActivationsRequest,
    ListPresetsRequest,
    ListRuleSetsRequest,
    ListRulesRequest,
    ListRulesResponse,
    Preset,
    ValidateRuleSetResponse,
)

if TYPE_CHECKING:
    from scoreline.rules.v1.rules_service_pb2_grpc import RulesServiceAsyncStub


class Rules:
    """Versioned scoring rules. Edits go to the draft; `activate` puts it in force. Version 0 is the newest."""

    def __init__(self, calls: AsyncCalls, stub: RulesServiceAsyncStub) -> None:
        self._calls = calls
        self._stub = stub

    async def get(self, version: int = 0) -> RuleSet:
        """A version with everything in it."""
        request = GetRuleSetRequest(version=version)
        return (await self._calls.repeated(self._stub.GetRuleSet, request)).rule_set

    def versions(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[RuleSet]:
        """All versions, newest first, without their rules."""
        request = ListRuleSetsRequest(page_size=page_size)
        return items(self._calls, self._stub.ListRuleSets, request, "rule_sets")

    async def list(self, version: int = 0) -> ListRulesResponse:
        """The rules of a version, with that version's number, state and etag."""
        request = ListRulesRequest(rule_set_version=version)
        return await self._calls.repeated(self._stub.ListRules, request)

    async def create(
        self,
        event_type: str,
        points: float,
        *,
        rule_id: str = "",
        enabled: bool = True,
        description: str = "",
        group: str = "",
        when: str = "",
        limits: Sequence[Limit] = (),
        standing: bool = False,
    ) -> Rule:
        """Add a rule to the draft; `when` is its condition in CEL, and its points stand only as long as that does where
        it is `standing`."""
        request = rule_requests.create_rule(
            event_type, points, rule_id, enabled, description, group, when, limits, standing
        )
        return (await self._calls.once(self._stub.CreateRule, request)).rule

    async def update(
        self,
        rule_id: str,
        *,
        event_type: str | None = None,
        points: float | None = None,
        enabled: bool | None = None,
        description: str | None = None,
        group: str | None = None,
        when: str | None = None,
        limits: Sequence[Limit] | None = None,
        standing: bool | None = None,
        etag: str = "",
    ) -> Rule:
        """Change what is not None of a rule in the draft; an empty list of limits takes the rule's away."""
        changes = {
            "event_type": event_type,
            "points": points,
            "enabled": enabled,
            "description": description,
            "group": group,
            "when": when,
            "limits": limits,
            "standing": standing,
        }
        request = rule_requests.update_rule(rule_id, etag, changes)
        return (await self._calls.once(self._stub.UpdateRule, request)).rule

    async def delete(self, rule_id: str, *, etag: str = "") -> None:
        """Remove a rule from the draft."""
        await self._calls.once(self._stub.DeleteRule, DeleteRuleRequest(rule_id=rule_id, etag=etag))

    async def update_draft(
        self,
        *,
        description: str | None = None,
        stages: Sequence[tuple[str, float]] | None = None,
        bounds: tuple[float | None, float | None] | None = None,
        groups: Sequence[Group] | None = None,
        decay: Decay | None = None,
        grading: Grading | None = None,
        velocity: Velocity | None = None,
        risk: Risk | None = None,
        next_actions: Sequence[NextAction] | None = None,
        late_events: LateEvents | None = None,
        binding: Binding | None = None,
        tests: Sequence[GoldenTest] | None = None,
        engagement_group: str | None = None,
        etag: str = "",
    ) -> RuleSet:
        """Change what is not None of the draft: stages are (name, least score), bounds (least, greatest) score;
        an empty message, e.g. `Decay()`, takes the draft's away."""
        request = rule_requests.update_draft(
            description, stages, bounds, groups, decay, grading, velocity, risk, next_actions,
            late_events, binding, tests, engagement_group, etag,
        )  # fmt: skip
        return (await self._calls.once(self._stub.UpdateRuleSet, request)).rule_set

    async def validate(
        self,
        version: int | None = None,
        *,
        rule_set: RuleSet | None = None,
        yaml: str | None = None,
    ) -> ValidateRuleSetResponse:
        """What is wrong with a version (None or 0: the newest), a rule set or a YAML text, and how its golden tests
        come out. Faults are part of the answer, not an error."""
        request = rule_requests.validate(version, rule_set, yaml)
        return await self._calls.repeated(self._stub.ValidateRuleSet, request)

    async def create_draft(
        self, rule_set: RuleSet, *, replace: bool = False, etag: str = ""
    ) -> RuleSet:
        """Make the draft say exactly what `rule_set` says; AlreadyExists when there is a draft, unless `replace`."""
        request = CreateRuleSetRequest(rule_set=rule_set, replace_draft=replace, etag=etag)
        return (await self._calls.once(self._stub.CreateRuleSet, request)).rule_set

    async def import_yaml(self, yaml: str, *, replace: bool = False, etag: str = "") -> RuleSet:
        """The same from a YAML text, as `export` gives it."""
        request = ImportRuleSetRequest(yaml=yaml, replace_draft=replace, etag=etag)
        return (await self._calls.once(self._stub.ImportRuleSet, request)).rule_set

    async def export(self, version: int = 0) -> ExportRuleSetResponse:
        """A version as YAML, with its number and etag."""
        request = ExportRuleSetRequest(version=version)
        return await self._calls.repeated(self._stub.ExportRuleSet, request)

    async def diff(self, base: int = 0, version: int = 0) -> DiffRuleSetsResponse:
        """What changed from a version (0: the active one) to another (0: the newest)."""
        request = DiffRuleSetsRequest(base_version=base, version=version)
        return await self._calls.repeated(self._stub.DiffRuleSets, request)

    async def presets(self) -> Sequence[Preset]:
        """Rule sets to start from, by name."""
        answer = await self._calls.repeated(self._stub.ListPresets, ListPresetsRequest())
        return answer.presets

    async def apply_preset(self, preset: str, *, etag: str = "") -> RuleSet:
        """Make the draft say what a preset says, in place of everything that it said."""
        request = ApplyPresetRequest(preset=preset, etag=etag)
        return (await self._calls.once(self._stub.ApplyPreset, request)).rule_set

    async def activate(
        self, version: int = 0, *, etag: str = "", effective: Effective = None
    ) -> Activation:
        """Put a version in force; leads are scored anew in the background. Its rules score events from `effective` on:
        a time, `"all"` history or `"now"`; None: as the rule set's binding says."""
        request = rule_requests.activate(version, etag, effective)
        return (await self._calls.repeated(self._stub.ActivateRuleSet, request)).activation

    async def rollback(self, version: int = 0, *, effective: Effective = None) -> Activation:
        """Put a version back in force that was so before (0: the one before the present one); a draft is left alone."""
        request = rule_requests.rollback(version, effective)
        # Going back twice by one each is not going back once.
        call = self._calls.repeated if version else self._calls.once
        return (await call(self._stub.RollbackRuleSet, request)).activation

    def activations(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Activation]:
        """What was in force when, newest first."""
        request = ListActivationsRequest(page_size=page_size)
        return items(self._calls, self._stub.ListActivations, request, "activations")
