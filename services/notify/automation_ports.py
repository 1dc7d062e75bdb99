"""What automations need from outside: somebody who carries out actions, leads, and a place to keep things."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from services.notify.domain.actions import AssignOwner, Occasion, Outcome
from services.notify.domain.automations import (
    ActionState,
    Automation,
    Daily,
    Execution,
    ExecutionState,
)
from services.notify.domain.executing import States

A = TypeVar("A", contravariant=True)


class Doing(Protocol[A]):
    """Carries out actions of one kind outside the suite. `check` and `preview` are for threads: what customers wrote
    may take its time."""

    def check(self, action: A) -> list[tuple[str, str]]:
        """What is wrong with an action that is to be kept: a field's path within the action, e.g. `email.subject`, and
        what is wrong with it. Nothing is asked of the other side."""
        ...

    def preview(self, action: A, occasion: Occasion) -> Mapping[str, Any]:
        """What would be sent, without secrets. Raises Unrenderable."""
        ...

    async def do(self, action: A, occasion: Occasion) -> Outcome:
        """Do it, once; whatever goes wrong is part of the outcome. Where it is done twice for one `execution_id`, the
        other side can tell, as far as it knows how to."""
        ...


@dataclass(frozen=True, slots=True)
class AutomationPosition:
    """The last automation of a page: the next page begins after it."""

    create_time: datetime
    automation_id: str


Change = Callable[[Automation], Automation]
"""Makes the automation as it should be of the automation as it is; may raise."""


class AutomationStore(Protocol):
    """Automations and what they did, as administrators see them. All raise DependencyUnavailable."""

    async def add(self, automation: Automation, automations_max: int) -> None:
        """Keep a new one. Raises TooManyAutomations when its project has `automations_max` already."""
        ...

    async def get(self, project_id: str, automation_id: str) -> Automation | None:
        """An automation of the project; None when there is none."""
        ...

    async def newest(
        self, project_id: str, after: AutomationPosition | None, limit: int
    ) -> list[Automation]:
        """Automations of the project, newest first; those behind `after`."""
        ...

    async def change(
        self, project_id: str, automation_id: str, change: Change
    ) -> Automation | None:
        """Change one, one change at a time; None when there is none."""
        ...

    async def remove(self, project_id: str, automation_id: str) -> bool:
        """Remove one with its executions; whether there was one."""
        ...

    async def executions(
        self,
        automation_id: str,
        state: ExecutionState | None,
        lead_id: str,
        before: int | None,
        limit: int,
    ) -> list[Execution]:
        """Executions, newest first; those before number `before`."""
        ...

    async def retry(self, automation_id: str, execution_id: str, now: datetime) -> Execution | None:
        """Have one that failed tried again; None when there is none. Raises ExecutionNotFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may set an automation off: to be held against the lead's facts."""

    automation_id: str
    lead_id: str
    moment: str
    version: int
    change: bytes | None
    """An encoded ScoreChange."""
    trigger_time: datetime
    claim: int = 0


@dataclass(frozen=True, slots=True)
class Firing:
    """That an automation is to act on a lead."""

    automation_id: str
    project_id: str
    lead_id: str
    bucket: str
    trigger: str
    version: int
    change: bytes | None
    trigger_time: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """An execution to try now. Nobody else tries it until that is reported or lost."""

    automation: Automation
    execution_id: str
    lead_id: str
    bucket: str
    trigger: str
    version: int
    change: bytes | None
    trigger_time: datetime
    outcomes: tuple[ActionState, ...]
    """Of the attempts before, in the order of the actions; empty before the first."""
    attempt_count: int
    """Attempts of the present schedule that were made."""
    claim: int


class Candidates(Protocol):
    """What is to be looked at. All raise DependencyUnavailable."""

    async def claim(
        self, limit: int, lease: timedelta, now: datetime
    ) -> list[tuple[Automation, Candidate]]:
        """Take candidates in hand, at most so many, for as long as `lease`."""
        ...

    async def next_action(self, automation_id: str, lead_id: str) -> str | None:
        """The lead's next action when it was last looked at; None before the first look."""
        ...

    async def decide(
        self,
        candidate: Candidate,
        firing: Firing | None,
        now: datetime,
        next_actions: tuple[str | None, str] | None = None,
    ) -> bool:
        """The candidate is looked at: note the firing, if it is one, and be done with it. Where next actions count:
        `next_action` as it was, and as it was found to be. False, with nothing done, where somebody else was faster:
        the claim was lost, or another next action was found meanwhile."""
        ...

    async def put_off(self, candidate: Candidate, until: datetime) -> None:
        """The candidate can't be looked at now."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Give up what has been waiting since before a time; how much."""
        ...


class AutomationQueue(Protocol):
    """What is to be carried out, as those see it who do so. All raise DependencyUnavailable."""

    async def claim(self, limit: int, lease: timedelta, now: datetime) -> list[Claimed]:
        """Take executions in hand, at most so many, for as long as `lease`."""
        ...

    async def carry_out(
        self,
        claimed: Claimed,
        states: States,
        place: int,
        occasion: Occasion,
        now: datetime,
        until: datetime,
    ) -> States | None:
        """Do an action that is done here in the database and write down what came of it, both or nothing, and keep the
        claim until then; the states then. None where the claim was lost."""
        ...

    async def note(self, claimed: Claimed, states: States, until: datetime) -> bool:
        """Write down what came of actions, and keep the claim until then; False where it was lost."""
        ...

    async def end(
        self, claimed: Claimed, states: States, retry_time: datetime | None, now: datetime
    ) -> None:
        """The attempt is over; it is tried again at `retry_time`, None: never. Does nothing where the claim was
        lost."""
        ...

    async def put_back(self, claimed: Claimed, until: datetime) -> None:
        """Nothing could be tried: take it in hand again later, as though it had not been."""
        ...

    async def drop_waiting(self, before: datetime, now: datetime, limit: int) -> int:
        """Give up what has been waiting since before a time; how much."""
        ...


class EndpointLookup(Protocol):
    """Webhook endpoints, as far as automations need them."""

    async def exists(self, project_id: str, endpoint_id: str) -> bool:
        """Whether the project has such an endpoint. Raises DependencyUnavailable."""
        ...


class Owners(Protocol):
    """Who takes care of leads. All raise DependencyUnavailable."""

    async def owner(self, project_id: str, lead_id: str) -> str:
        """A lead's owner; empty where it has none."""
        ...


class Leads(Protocol):
    """Scoring's leads, read in a project's name. All raise DependencyUnavailable."""

    async def facts(
        self, project_id: str, lead_id: str, as_of: datetime | None = None
    ) -> dict[str, Any] | None:
        """What Occasion.lead says, without `owner`; scores and what follows from them as of a time and as known then,
        if one is given. None when there is no such lead any more, or it was merged into another."""
        ...

    async def last_event_time(self, project_id: str, lead_id: str) -> datetime | None:
        """When a lead's newest event happened; None without events, and when there is no such lead any more."""
        ...

    async def paused(
        self, project_id: str, since: datetime, until: datetime, limit: int, cursor: str
    ) -> tuple[list["Paused"], str]:
        """Leads whose newest event happened from `since` on and before `until`, and the cursor of what follows, empty
        where nothing does."""
        ...

    async def digest(self, project_id: str, daily: Daily, until: datetime) -> dict[str, Any]:
        """What Occasion.digest says of the 24 hours until then."""
        ...


class History(Protocol):
    """What happened to scoring's leads, for trying automations. All raise DependencyUnavailable."""

    async def resolve(self, project_id: str, reference: str) -> str | None:
        """The id of a lead by its id or a reference; None when there is none."""
        ...

    async def newest_change(self, project_id: str, lead_id: str) -> bytes | None:
        """A lead's newest ScoreChange, encoded; None where it has none."""
        ...

    def changes(self, project_id: str, since: datetime, until: datetime) -> AsyncGenerator[bytes]:
        """Encoded ScoreChanges made from `since` on and before `until`, oldest first."""
        ...

    async def paused(
        self, project_id: str, since: datetime, until: datetime, limit: int, cursor: str
    ) -> tuple[list["Paused"], str]:
        """As Leads.paused."""
        ...

    async def digest(self, project_id: str, daily: Daily, until: datetime) -> dict[str, Any]:
        """As Leads.digest."""
        ...


class NextOwner(Protocol):
    """Whose turn it is."""

    async def next_owner(self, action: AssignOwner, place: int, occasion: Occasion) -> str:
        """Who would be assigned, without doing so; empty where nobody. Raises DependencyUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Paused:
    """A lead that does nothing."""

    lead_id: str
    version: int
    last_event_time: datetime
