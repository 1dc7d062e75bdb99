"""How an execution goes on: which of its actions are to be carried out, what their outcomes make of them, when it is
tried again, and when it has come to its end."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.notify.domain.actions import Action, Outcome
from services.notify.domain.automations import ActionState, ExecutionState

States = tuple[ActionState, ...]
"""Of all actions of an execution, in their order."""

SAID_CHARS_MAX = 500
"""Of what is kept of an outcome: other systems' words may be long."""


def named(action: Action) -> str:
    """What tells an action from others of its automation; not its secrets, which may be changed in between."""
    return hashlib.sha256(repr(action).encode("utf-8", "replace")).hexdigest()[:16]


def states_of(actions: Sequence[Action], before: Sequence[ActionState]) -> States:
    """The states of the automation's actions as they are now. What was done counts for the same action wherever it
    stands now, and for one that was edited as long as it is of the same kind and at the same place."""
    names = [named(action) for action in actions]
    same: dict[str, list[ActionState]] = {}
    for one in before:
        same.setdefault(one.action, []).append(one)
    found = []
    for place, (name, action) in enumerate(zip(names, actions, strict=True)):
        # There may be two that are alike.
        state = same[name].pop(0) if same.get(name) else None
        if state is None and place < len(before) and before[place].action not in names:
            state = before[place]
        if state is None or state.kind != action.kind:
            state = ActionState(action.kind, ExecutionState.PENDING)
        found.append(replace(state, action=name))
    return tuple(found)


def is_due(state: ActionState, now: datetime) -> bool:
    """Whether an action is to be tried now."""
    return state.state is ExecutionState.PENDING and (
        state.retry_time is None or state.retry_time <= now
    )


def after(states: States, place: int, outcome: Outcome, now: datetime) -> States:
    """The states after an attempt at one action."""
    state = ExecutionState.PENDING
    if outcome.succeeded:
        state = ExecutionState.SUCCEEDED
    elif outcome.permanent:
        state = ExecutionState.FAILED
    wait = timedelta(seconds=outcome.retry_after_s)
    made = replace(
        states[place],
        state=state,
        detail=_clean(outcome.detail),
        error=_clean(outcome.error),
        attempt_time=now,
        retry_time=now + wait if wait and state is ExecutionState.PENDING else None,
    )
    return (*states[:place], made, *states[place + 1 :])


def next_attempt(
    states: States, delay_s: float | None, now: datetime
) -> tuple[States, datetime | None]:
    """The states, and when what is pending is tried again; None: never. `delay_s` is what the schedule says, None when
    it is at its end: then only what waits because it was asked to is tried once more."""
    pending = [one for one in states if one.state is ExecutionState.PENDING]
    if not pending:
        return states, None
    if delay_s is not None:
        due = now + timedelta(seconds=delay_s)
        return states, min(max(one.retry_time or due, due) for one in pending)
    waits = [one.retry_time for one in pending if one.retry_time and one.retry_time > now]
    if not waits:
        return given_up(states), None
    left = tuple(
        one if one.state is not ExecutionState.PENDING or one.retry_time in waits else failed(one)
        for one in states
    )
    return left, min(waits)


def failed(state: ActionState, error: str = "") -> ActionState:
    """An action that is not tried again."""
    return replace(state, state=ExecutionState.FAILED, error=error or state.error, retry_time=None)


def given_up(states: States, error: str = "") -> States:
    """The states when there is no attempt any more; `error` says why where the last attempt does not."""
    return tuple(
        failed(one, error) if one.state is ExecutionState.PENDING else one for one in states
    )


def begun_again(states: Sequence[ActionState]) -> States:
    """The states when what failed is to be tried again."""
    return tuple(
        one
        if one.state is ExecutionState.SUCCEEDED
        else replace(one, state=ExecutionState.PENDING, retry_time=None)
        for one in states
    )


def state_of(states: States) -> ExecutionState:
    """What all of them together make of the execution."""
    found = {one.state for one in states}
    if ExecutionState.PENDING in found:
        return ExecutionState.PENDING
    return ExecutionState.FAILED if ExecutionState.FAILED in found else ExecutionState.SUCCEEDED


def _clean(said: str) -> str:
    """What can be kept of what somebody said: no control characters, no halves of characters."""
    whole = said.encode("utf-8", "replace").decode()
    return "".join(one if one.isprintable() else " " for one in whole[:SAID_CHARS_MAX])
