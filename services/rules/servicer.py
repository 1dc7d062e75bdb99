"""The RPC edge of rules: convert, call a handler, convert."""

from typing import Any

import grpc
from google.protobuf.message import Message

from scoreline.rules.v1 import rules_service_pb2 as pb
from scoreline.rules.v1 import rules_service_pb2_grpc
from services.rules import convert, requests
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
            context.caller().project_id, request.rule.rule_id, changes, request.rule.etag
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
        activation, rule_set = await self._rules.activate(
            caller.project_id, version, request.etag, caller.key_id
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


def _before(page_token: str, request: Message) -> int | None:
    position = paging.decode(page_token, request, 1)
    if position is None:
        return None
    number = position[0]
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        wrong = Violation("page_token", "is not a token this method has given out")
        raise InvalidFields([wrong])
    return number
