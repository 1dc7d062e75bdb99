"""The rules store in memory: what the handlers' tests run on, held to the same conformance tests as Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace

from services.rules import convert, errors
from services.rules.convert import StreamEntry
from services.rules.domain.model import Activation, RuleSet, State
from services.rules.ports import Change


@dataclass
class Project:
    """One project's rules."""

    project_id: str
    version_count: int = 0
    activation_count: int = 0
    rule_sets: dict[int, RuleSet] = field(default_factory=dict)
    activations: dict[int, Activation] = field(default_factory=dict)
    told: list[StreamEntry] = field(default_factory=list)

    def find(self, version: int) -> RuleSet | None:
        if version:
            return self.rule_sets.get(version)
        living = [one for one in self.rule_sets.values() if one.state is not State.SUPERSEDED]
        return max(living, key=lambda one: one.state is State.DRAFT, default=None)


class InMemoryStore:
    """A ports.Store. A change works on a copy, which takes the project's place when it ends well."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self.outbox: list[StreamEntry] = []
        self._locks: dict[str, asyncio.Lock] = {}

    async def missing(self, project_ids: Sequence[str]) -> list[str]:
        return [project_id for project_id in project_ids if project_id not in self.projects]

    async def install(self, rule_set: RuleSet, activation: Activation) -> bool:
        if activation.project_id in self.projects:
            return False
        project = Project(activation.project_id, rule_set.version, activation.number)
        change = InMemoryChange(project)
        await change.save(rule_set)
        await change.record(activation, rule_set)
        self._commit(project)
        return True

    @asynccontextmanager
    async def change(self, project_id: str) -> AsyncIterator[Change]:
        async with self._locks.setdefault(project_id, asyncio.Lock()):
            if project_id not in self.projects:
                raise errors.ProjectNotInstalled(project_id)
            copy = deepcopy(self.projects[project_id])
            yield InMemoryChange(copy)
            self._commit(copy)

    async def rule_set(self, project_id: str, version: int) -> RuleSet | None:
        project = self.projects.get(project_id)
        return project.find(version) if project else None

    async def rule_sets(self, project_id: str, before: int | None, limit: int) -> list[RuleSet]:
        project = self.projects.get(project_id)
        if project is None:
            return []
        versions = [one for one in sorted(project.rule_sets, reverse=True) if _below(one, before)]
        left_out = {"rules": (), "next_actions": (), "tests": ()}
        return [replace(project.rule_sets[version], **left_out) for version in versions[:limit]]

    async def activations(
        self, project_id: str, before: int | None, limit: int
    ) -> list[Activation]:
        project = self.projects.get(project_id)
        if project is None:
            return []
        numbers = [one for one in sorted(project.activations, reverse=True) if _below(one, before)]
        return [project.activations[number] for number in numbers[:limit]]

    def _commit(self, project: Project) -> None:
        self.outbox += project.told
        project.told.clear()
        self.projects[project.project_id] = project


class InMemoryChange:
    """A ports.Change."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def newest(self) -> RuleSet:
        found = self._project.find(0)
        assert found is not None
        return found

    async def find(self, version: int) -> RuleSet | None:
        return self._project.find(version)

    async def in_force(self) -> Activation:
        return self._project.activations[max(self._project.activations)]

    async def activation_before(self, present: Activation) -> Activation | None:
        earlier = [
            one
            for one in self._project.activations.values()
            if one.number < present.number and one.version != present.version
        ]
        return max(earlier, key=lambda one: one.number, default=None)

    async def next_version(self) -> int:
        self._project.version_count += 1
        return self._project.version_count

    async def next_activation(self) -> int:
        self._project.activation_count += 1
        return self._project.activation_count

    async def save(self, rule_set: RuleSet) -> None:
        before = self._project.rule_sets.get(rule_set.version)
        created = before.create_time if before else rule_set.create_time
        self._project.rule_sets[rule_set.version] = replace(rule_set, create_time=created)

    async def record(self, activation: Activation, rule_set: RuleSet) -> None:
        self._project.activations[activation.number] = activation
        self._project.told.append(convert.activation_entry(activation, rule_set))


def _below(number: int, before: int | None) -> bool:
    return before is None or number < before
