"""What the handlers need from outside: a transactional store, and somebody who runs golden tests. Two stores pass the
same conformance tests: the Postgres one (store.py) and the tests' in memory."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.rules.domain.golden import GoldenResult
from services.rules.domain.model import Activation, Content, RuleSet


class Change(Protocol):
    """A transaction on one project, which nobody else changes meanwhile. What was saved is kept when the block ends
    without an error, else nothing is."""

    async def newest(self) -> RuleSet:
        """The draft where there is one, else the version in force."""
        ...

    async def find(self, version: int) -> RuleSet | None:
        """A version; None when there is none."""
        ...

    async def in_force(self) -> Activation:
        """The activation with the greatest number."""
        ...

    async def activation_before(self, present: Activation) -> Activation | None:
        """The newest activation before that one which was of another version; None when there is none."""
        ...

    async def next_version(self) -> int:
        """Take the number of a new version: dense in the project."""
        ...

    async def next_activation(self) -> int:
        """Take the number of a new activation: dense in the project."""
        ...

    async def save(self, rule_set: RuleSet) -> None:
        """Keep the rule set as that version of the project."""
        ...

    async def record(self, activation: Activation, rule_set: RuleSet) -> None:
        """Keep the activation, and what scoring is to be told: it and the rule set as activated."""
        ...


class Store(Protocol):
    """Rule sets and activations of all projects."""

    async def missing(self, project_ids: Sequence[str]) -> list[str]:
        """Those of the projects that have no rules yet, in the given order."""
        ...

    async def install(self, rule_set: RuleSet, activation: Activation) -> bool:
        """Keep a project's first rule set and activation, and what scoring is to be told; False, and nothing changes,
        when the project has rules already."""
        ...

    def change(self, project_id: str) -> AbstractAsyncContextManager[Change]:
        """Change a project's rules. Raises ProjectNotInstalled."""
        ...

    async def rule_set(self, project_id: str, version: int) -> RuleSet | None:
        """A version; 0: the draft where there is one, else the version in force. None when there is none."""
        ...

    async def rule_sets(self, project_id: str, before: int | None, limit: int) -> list[RuleSet]:
        """Up to `limit` versions without their rules, next actions and tests, newest first; those below `before`."""
        ...

    async def activations(
        self, project_id: str, before: int | None, limit: int
    ) -> list[Activation]:
        """Up to `limit` activations, newest first; those below `before`."""
        ...


class GoldenTests(Protocol):
    """Runs golden tests."""

    async def run(self, content: Content) -> list[GoldenResult]:
        """How the tests of a rule set come out under it, in their order, run in the name of who is calling. Raises
        DependencyUnavailable."""
        ...
