"""Automations, candidates and executions as rows, both ways."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.notify import automation_convert
from services.notify.automation_ports import Candidate, Firing
from services.notify.domain.automations import (
    ActionState,
    Automation,
    Definition,
    Execution,
    ExecutionState,
    execution_id,
)
from services.shared.sealing import Seal

COMPILED_MAX = 2_000
"""Definitions kept in the clear; when there are more all are opened anew."""


class Definitions:
    """Opens definitions, each once for every revision."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._known: dict[tuple[str, int], Definition] = {}

    def automation(self, row: Any) -> Automation:
        """An automation as its row has it. Raises SealBroken."""
        key = (row.automation_id, row.revision)
        definition = self._known.get(key)
        if definition is None:
            if len(self._known) >= COMPILED_MAX:
                self._known.clear()
            definition = automation_convert.restored(
                base64.b64decode(self._seal.open(row.sealed_definition))
            )
            self._known[key] = definition
        return Automation(
            row.automation_id,
            row.project_id,
            definition,
            row.revision,
            row.active_since,
            row.created_at,
            row.updated_at,
        )

    def changing(self, of: Automation) -> dict[str, Any]:
        """What of a row changes."""
        content = base64.b64encode(automation_convert.kept(of.definition)).decode()
        return {
            "sealed_definition": self._seal.close(content),
            "trigger_kind": of.definition.trigger.kind,
            "disabled": of.definition.disabled,
            "active_since": of.active_since,
            "revision": of.revision,
            "updated_at": of.update_time,
        }


def candidate(of: Candidate, now: datetime) -> dict[str, Any]:
    """The row of a new candidate."""
    return {
        "automation_id": of.automation_id,
        "lead_id": of.lead_id,
        "moment": of.moment,
        "version": of.version,
        "change": of.change,
        "triggered_at": of.trigger_time,
        "created_at": now,
        "due_at": now,
        "claim": 0,
    }


def firing(of: Firing, now: datetime) -> dict[str, Any]:
    """The row of a new execution."""
    return {
        "execution_id": execution_id(of.automation_id, of.lead_id, of.bucket),
        "automation_id": of.automation_id,
        "lead_id": of.lead_id,
        "bucket": of.bucket,
        "trigger": of.trigger,
        "version": of.version,
        "change": of.change,
        "triggered_at": of.trigger_time,
        "state": ExecutionState.PENDING.value,
        "outcomes": [],
        "attempt_count": 0,
        "attempts_before": 0,
        "pending_since": now,
        "due_at": now,
        "in_flight": False,
        "claim": 0,
        "created_at": now,
    }


def execution(row: Any) -> Execution:
    """An execution as its row has it."""
    state = ExecutionState(row.state)
    waits = state is ExecutionState.PENDING and row.attempt_count > 0 and not row.in_flight
    return Execution(
        row.execution_id,
        row.number,
        row.automation_id,
        row.lead_id,
        row.bucket,
        row.trigger,
        row.version,
        state,
        row.triggered_at,
        row.created_at,
        row.ended_at,
        row.due_at if waits else None,
        row.attempt_count,
        outcomes(row.outcomes),
    )


def outcomes(content: Sequence[Mapping[str, Any]]) -> tuple[ActionState, ...]:
    """What became of actions."""
    return tuple(
        ActionState(
            one["kind"],
            ExecutionState(one["state"]),
            one["detail"],
            one["error"],
            datetime.fromisoformat(one["attempted_at"]) if one["attempted_at"] else None,
        )
        for one in content
    )


def outcome_values(states: Sequence[ActionState]) -> list[dict[str, Any]]:
    """What became of actions, as it is kept."""
    return [
        {
            "kind": one.kind,
            "state": one.state.value,
            "detail": one.detail,
            "error": one.error,
            "attempted_at": one.attempt_time.isoformat() if one.attempt_time else None,
        }
        for one in states
    ]
