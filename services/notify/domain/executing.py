"""How an execution goes on: which of its actions are to be carried out, what their outcomes make of them, and when it
has come to its end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.notify.domain.actions import Action, Outcome
from services.notify.domain.automations import ActionState, ExecutionState

States = tuple[ActionState, ...]
"""Of all actions of an execution, in their order."""


def states_of(actions: Sequence[Action], before: Sequence[ActionState]) -> States:
    """The states of the automation's actions as they are now: what was done at a place counts for the action there, as
    long as it is of the same kind."""
    return tuple(
        before[place]
        if place < len(before) and before[place].kind == action.kind
        else ActionState(action.kind, ExecutionState.PENDING)
        for place, action in enumerate(actions)
    )


def after(states: States, place: int, outcome: Outcome, now: datetime) -> States:
    """The states after an attempt at one action."""
    state = ExecutionState.PENDING
    if outcome.succeeded:
        state = ExecutionState.SUCCEEDED
    elif outcome.permanent:
        state = ExecutionState.FAILED
    made = ActionState(states[place].kind, state, outcome.detail, outcome.error, now)
    return (*states[:place], made, *states[place + 1 :])


def given_up(states: States) -> States:
    """The states when there is no attempt any more."""
    return tuple(
        replace(one, state=ExecutionState.FAILED) if one.state is ExecutionState.PENDING else one
        for one in states
    )


def begun_again(states: Sequence[ActionState]) -> States:
    """The states when what failed is to be tried again."""
    return tuple(
        one if one.state is ExecutionState.SUCCEEDED else replace(one, state=ExecutionState.PENDING)
        for one in states
    )


def state_of(states: States) -> ExecutionState:
    """What all of them together make of the execution."""
    found = {one.state for one in states}
    if ExecutionState.PENDING in found:
        return ExecutionState.PENDING
    return ExecutionState.FAILED if ExecutionState.FAILED in found else ExecutionState.SUCCEEDED
