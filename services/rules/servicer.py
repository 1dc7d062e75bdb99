"""The RPC edge of rules: convert, call a handler, convert. Whole rule sets are read in a thread: the largest takes a
second, its conditions being compiled."""

import asyncio
from typing import Any

import grpc
from google.protobuf.message import Message

from scoreline.rules.v1 import rules_service_pb2 as pb
from scoreline.rules.v1 import rules_service_pb2_grpc
from services.rules import convert, requests, yaml_writing
from services.rules.domain.differences import differences
from services.rules.domain.model import Content, RuleSet
from services.rules.handlers import Rules
from services.shared import context, paging
from services.shared.errors import InvalidFields, Violation

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1_000

NUMBER_MAX = 2**31 - 1
"""Versions and activations are 32-bit numbers."""

Context = grpc.aio.ServicerContext[Any, Any]


class RulesServicer(rules_service_pb2_grpc.RulesServiceServicer):
    """scoreline.rules.v1.RulesService."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def GetRuleSet(self, request: pb.GetRuleSetRequest, _: Context) -> pb.GetRuleSetResponse:
        version = requests.version(request.version, "version")
        rule_set = await self._rules.rule_set(context.caller().project_id, version)
        return pb.GetRuleSetResponse(rule_set=convert.rule_set_message(rule_set))

    async def ListRuleSets(
        self, request: pb.ListRuleSetsRequest, _: Context
    ) -> pb.ListRuleSetsResponse:
        size = paging.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
        before = _before(request.page_token, request)
        # One more than asked for tells whether there is a next page.
        found = await self._rules.rule_sets(context.caller().project_id, before, size + 1)
        page = found[:size]
        more = len(found) > size
        return pb.ListRuleSetsResponse(
            rule_sets=[convert.rule_set_message(rule_set) for rule_set in page],
            next_page_token=paging.encode([page[-1].version], request) if more else "",
        )

    async def UpdateRuleSet(
        self, request: pb.UpdateRuleSetRequest, _: Context
    ) -> pb.UpdateRuleSetResponse:
        changes = requests.rule_set_changes(request)
        draft = await self._rules.update_rule_set(
            context.caller().project_id, changes, request.rule_set.etag
        )
        return pb.UpdateRuleSetResponse(rule_set=convert.rule_set_message(draft))

    async def CreateRuleSet(
        self, request: pb.CreateRuleSetRequest, _: Context
    ) -> pb.CreateRuleSetResponse:
        content = await asyncio.to_thread(requests.whole_rule_set, request)
        draft = await self._rewrite(content, request)
        return pb.CreateRuleSetResponse(rule_set=convert.rule_set_message(draft))

    async def ImportRuleSet(
        self, request: pb.ImportRuleSetRequest, _: Context
    ) -> pb.ImportRuleSetResponse:
        content = await asyncio.to_thread(requests.imported_rule_set, request)
        draft = await self._rewrite(content, request)
        return pb.ImportRuleSetResponse(rule_set=convert.rule_set_message(draft))

    async def ExportRuleSet(
        self, request: pb.ExportRuleSetRequest, _: Context
    ) -> pb.ExportRuleSetResponse:
        rule_set = await self._version(request.version, "version")
        return pb.ExportRuleSetResponse(
            yaml=yaml_writing.write(convert.content_message(rule_set)),
            version=rule_set.version,
            etag=rule_set.etag,
        )

    async def ValidateRuleSet(
        self, request: pb.ValidateRuleSetRequest, _: Context
    ) -> pb.ValidateRuleSetResponse:
        if request.WhichOneof("source") == "version":
            stored = await self._version(request.version, "version")
            read = requests.Read(convert.rule_set_message(stored), stored)
        else:
            read = await asyncio.to_thread(requests.to_validate, request)
        found = await self._rules.inspect(read.content, read.faults)
        return pb.ValidateRuleSetResponse(
            valid=found.valid,
            faults=convert.findings(found.faults),
            warnings=convert.findings(found.warnings),
            test_results=[convert.result_message(result) for result in found.results],
            rule_set=read.message,
        )

    async def DiffRuleSets(
        self, request: pb.DiffRuleSetsRequest, _: Context
    ) -> pb.DiffRuleSetsResponse:
        base_version = requests.version(request.base_version, "base_version")
        if base_version:
            base = await self._version(base_version, "base_version")
        else:
            base = await self._rules.in_force(context.caller().project_id)
        other = await self._version(request.version, "version")
        return pb.DiffRuleSetsResponse(
            base_version=base.version,
            version=other.version,
            differences=convert.difference_messages(differences(_tree(base), _tree(other))),
        )

    async def RollbackRuleSet(
        self, request: pb.RollbackRuleSetRequest, _: Context
    ) -> pb.RollbackRuleSetResponse:
        caller = context.caller()
        version = requests.version(request.version, "version")
        activation, rule_set = await self._rules.rollback(
            caller.project_id, version, caller.key_id, requests.effective(request)
        )
        return pb.RollbackRuleSetResponse(
            activation=convert.activation_message(activation, rule_set)
        )

    async def ListRules(self, request: pb.ListRulesRequest, _: Context) -> pb.ListRulesResponse:
        version = requests.version(request.rule_set_version, "rule_set_version")
        rule_set = await self._rules.rule_set(context.caller().project_id, version)
        return pb.ListRulesResponse(
            rules=[convert.rule_message(rule) for rule in rule_set.rules],
            rule_set_version=rule_set.version,
            state=convert.state(rule_set),
            etag=rule_set.etag,
        )

    async def CreateRule(self, request: pb.CreateRuleRequest, _: Context) -> pb.CreateRuleResponse:
        rule = await self._rules.create_rule(
            context.caller().project_id, requests.new_rule(request)
        )
        return pb.CreateRuleResponse(rule=convert.rule_message(rule))

    async def UpdateRule(self, request: pb.UpdateRuleRequest, _: Context) -> pb.UpdateRuleResponse:
        changes = requests.rule_changes(request)
        rule = await self._rules.update_rule(
            context.caller().project_id,
            request.rule.rule_id,
            changes,
            request.rule.etag,
            requests.check_whole_rule,
        )
        return pb.UpdateRuleResponse(rule=convert.rule_message(rule))

    async def DeleteRule(self, request: pb.DeleteRuleRequest, _: Context) -> pb.DeleteRuleResponse:
        if not request.rule_id:
            raise InvalidFields([Violation("rule_id", "is required")])
        await self._rules.delete_rule(context.caller().project_id, request.rule_id, request.etag)
        return pb.DeleteRuleResponse()

    async def ActivateRuleSet(
        self, request: pb.ActivateRuleSetRequest, _: Context
    ) -> pb.ActivateRuleSetResponse:
        caller = context.caller()
        version = requests.version(request.version, "version")
        effective = requests.effective(request)
        activation, rule_set = await self._rules.activate(
            caller.project_id, version, request.etag, caller.key_id, effective
        )
        return pb.ActivateRuleSetResponse(
            activation=convert.activation_message(activation, rule_set)
        )

    async def ListPresets(self, _: pb.ListPresetsRequest, __: Context) -> pb.ListPresetsResponse:
        presets = self._rules.presets()
        return pb.ListPresetsResponse(
            presets=[convert.preset_message(preset) for preset in presets]
        )

    async def ApplyPreset(
        self, request: pb.ApplyPresetRequest, _: Context
    ) -> pb.ApplyPresetResponse:
        draft = await self._rules.apply_preset(
            context.caller().project_id, request.preset, request.etag
        )
        return pb.ApplyPresetResponse(rule_set=convert.rule_set_message(draft))

    async def ListActivations(
        self, request: pb.ListActivationsRequest, _: Context
    ) -> pb.ListActivationsResponse:
        size = paging.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
        before = _before(request.page_token, request)
        found = await self._rules.activations(context.caller().project_id, before, size + 1)
        page = found[:size]
        more = len(found) > size
        return pb.ListActivationsResponse(
            activations=[convert.activation_message(activation) for activation in page],
            next_page_token=paging.encode([page[-1].number], request) if more else "",
        )

    async def _version(self, number: int, field: str) -> RuleSet:
        version = requests.version(number, field)
        return await self._rules.rule_set(context.caller().project_id, version)

    async def _rewrite(
        self, content: Content, request: pb.CreateRuleSetRequest | pb.ImportRuleSetRequest
    ) -> RuleSet:
        return await self._rules.rewrite(
            context.caller().project_id,
            content,
            request.etag,
            replace_draft=request.replace_draft,
        )


def _tree(content: Content) -> yaml_writing.Tree:
    return yaml_writing.tree(convert.content_message(content))


def _before(page_token: str, request: Message) -> int | None:
    position = paging.decode(page_token, request, 1)
    if position is None:
        return None
    number = position[0]
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        wrong = Violation("page_token", "is not a token this method has given out")
        raise InvalidFields([wrong])
    return number
