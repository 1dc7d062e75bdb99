"""Automations, candidates and executions as rows, both ways."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import DecodeError

from services.notify import automation_convert
from services.notify.domain.automations import (
    ActionState,
    Automation,
    Definition,
    Execution,
    ExecutionState,
)
from services.notify.errors import AutomationUnreadable
from services.shared import logs
from services.shared.errors import InvalidFields
from services.shared.sealing import Seal, SealBroken

log = logs.get("automations")

COMPILED_MAX = 2_000
"""Definitions kept in the clear; when there are more all are opened anew."""


class Definitions:
    """Opens definitions, each once for every revision."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._known: dict[tuple[str, int], Definition] = {}

    def automation(self, row: Any) -> Automation:
        """An automation as its row has it. Raises AutomationUnreadable."""
        key = (row.automation_id, row.revision)
        definition = self._known.get(key)
        if definition is None:
            if len(self._known) >= COMPILED_MAX:
                self._known.clear()
            definition = self._known[key] = self._opened(row)
        return Automation(
            row.automation_id,
            row.project_id,
            definition,
            row.revision,
            row.active_since,
            row.created_at,
            row.updated_at,
        )

    def knows(self, row: Any) -> bool:
        """Whether the definition is at hand, so that its row need not have it."""
        return (row.automation_id, row.revision) in self._known

    def _opened(self, row: Any) -> Definition:
        try:
            content = base64.b64decode(self._seal.open(row.sealed_definition))
            return automation_convert.restored(content)
        except (SealBroken, InvalidFields, DecodeError) as error:
            log.error("automation can't be opened", automation=row.automation_id, exc_info=error)
            raise AutomationUnreadable(row.automation_id) from error

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
            _instant(one["attempted_at"]),
            _instant(one["retry_at"]),
            one["action"],
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
            "retry_at": one.retry_time.isoformat() if one.retry_time else None,
            "action": one.action,
        }
        for one in states
    ]


def _instant(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
