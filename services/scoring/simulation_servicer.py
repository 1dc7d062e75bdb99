"""The gRPC edge of simulations: check, call a handler, convert."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from scoreline.scoring.v1 import simulation_service_pb2 as pb
from scoreline.scoring.v1 import simulation_service_pb2_grpc
from services.scoring import simulation_conversion, simulation_requests
from services.scoring.simulation_handlers import Progress, SimulationEnd, SimulationHandlers
from services.shared import context as call_context

ServicerContext = grpc.aio.ServicerContext[Any, Any]


class SimulationServicer(simulation_service_pb2_grpc.SimulationServiceServicer):
    """See protos/scoreline/scoring/v1/simulation_service.proto."""

    def __init__(self, handlers: SimulationHandlers) -> None:
        self._handlers = handlers

    async def SimulateRuleSet(
        self, request: pb.SimulateRuleSetRequest, context: ServicerContext
    ) -> AsyncIterator[pb.SimulateRuleSetResponse]:
        project_id = call_context.caller().project_id
        # Compiling the conditions of 500 rules takes longer than others should wait.
        asked = await asyncio.to_thread(simulation_requests.simulate, request)
        steps = self._handlers.simulate(
            project_id, asked.draft, asked.chosen, asked.as_of, asked.days
        )
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, SimulationEnd):
                    summary = simulation_conversion.summary(step)
                    yield pb.SimulateRuleSetResponse(summary=summary)
                    continue
                for one in () if request.summary_only else step.leads:
                    if one.changed or not request.changed_only:
                        yield pb.SimulateRuleSetResponse(lead=simulation_conversion.lead(one))
                progress = simulation_conversion.progress(step.progress)
                yield pb.SimulateRuleSetResponse(progress=progress)

    async def CompareRuleSets(
        self, request: pb.CompareRuleSetsRequest, context: ServicerContext
    ) -> AsyncIterator[pb.CompareRuleSetsResponse]:
        project_id = call_context.caller().project_id
        asked = await asyncio.to_thread(simulation_requests.compare, request)
        steps = self._handlers.compare(
            project_id, asked.variants, asked.seed, asked.conversion_types, asked.as_of
        )
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, Progress):
                    progress = simulation_conversion.progress(step)
                    yield pb.CompareRuleSetsResponse(progress=progress)
                else:
                    summary = simulation_conversion.comparison(step)
                    yield pb.CompareRuleSetsResponse(summary=summary)

    async def TestRuleSet(
        self, request: pb.TestRuleSetRequest, context: ServicerContext
    ) -> pb.TestRuleSetResponse:
        rules, tests = await asyncio.to_thread(simulation_requests.golden_tests, request)
        results = await self._handlers.test(rules, tests)
        return pb.TestRuleSetResponse(
            results=[simulation_conversion.golden_result(one) for one in results]
        )
