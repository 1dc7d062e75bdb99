"""What rules does: reading, editing the draft, putting a version in force. A change is one transaction under the
project's lock; what scoring is to be told of it is part of the transaction and published after it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from services.rules import errors
from services.rules.domain import editing
from services.rules.domain.editing import RuleChanges, RuleSetChanges
from services.rules.domain.model import Activation, Rule, RuleSet, State
from services.rules.domain.presets import Preset, first_activation, first_version
from services.rules.ports import Change, Store
from services.shared import logs
from services.shared.clock import Clock

log = logs.get("rules")


class Installer:
    """Gives projects their first rules: on news of a project, and again when a call comes before the news."""

    def __init__(
        self, store: Store, clock: Clock, preset: Preset, nudge: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._preset = preset
        self._nudge = nudge
        # As many as the suite has projects, which every service's credentials hold as well. They never go.
        self._installed: set[str] = set()

    async def install(self, project_ids: Sequence[str]) -> None:
        """Install the preset where there are no rules yet. Safe in any number of processes at once."""
        unsure = [project for project in project_ids if project not in self._installed]
        if not unsure:
            return
        for project_id in await self._store.missing(unsure):
            now = self._clock.now()
            rule_set = first_version(self._preset, now)
            if await self._store.install(rule_set, first_activation(project_id, now)):
                log.info("preset installed", project=project_id)
                self._nudge()
        self._installed.update(unsure)


class Rules:
    """The use cases. Every one is about the caller's own project."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        installer: Installer,
        nudge: Callable[[], None],
        presets: Mapping[str, Preset],
    ) -> None:
        self._store = store
        self._clock = clock
        self._installer = installer
        self._nudge = nudge
        self._presets = presets

    async def rule_set(self, project_id: str, version: int) -> RuleSet:
        """A version; 0 is the newest. Raises RuleSetNotFound."""
        await self._installer.install([project_id])
        found = await self._store.rule_set(project_id, version)
        if found is None:
            raise errors.RuleSetNotFound(version)
        return found

    async def rule_sets(self, project_id: str, before: int | None, limit: int) -> list[RuleSet]:
        """A page of versions, newest first, without their rules."""
        await self._installer.install([project_id])
        return await self._store.rule_sets(project_id, before, limit)

    async def activations(
        self, project_id: str, before: int | None, limit: int
    ) -> list[Activation]:
        """A page of activations, newest first."""
        await self._installer.install([project_id])
        return await self._store.activations(project_id, before, limit)

    async def update_rule_set(self, project_id: str, changes: RuleSetChanges, etag: str) -> RuleSet:
        """The draft, changed. Raises EtagMismatch, InvalidFields, LimitExceeded."""
        async with self._change(project_id) as change:
            newest = await change.newest()
            editing.check_etag(newest, etag)
            now = self._clock.now()
            draft = await self._draft(change, newest, now)
            edited = editing.change_rule_set(draft, changes, now)
            await change.save(edited)
        return edited

    def presets(self) -> list[Preset]:
        """All presets, by name."""
        return [self._presets[name] for name in sorted(self._presets)]

    async def apply_preset(self, project_id: str, name: str, etag: str) -> RuleSet:
        """The draft, saying what the preset says. Raises PresetNotFound, EtagMismatch."""
        preset = self._presets.get(name)
        if preset is None:
            raise errors.PresetNotFound(name)
        async with self._change(project_id) as change:
            newest = await change.newest()
            editing.check_etag(newest, etag)
            now = self._clock.now()
            draft = await self._draft(change, newest, now)
            applied = editing.apply_preset(draft, preset, now)
            await change.save(applied)
        return applied

    async def create_rule(self, project_id: str, rule: Rule) -> Rule:
        """The rule, added at the end of the draft. Raises RuleExists, LimitExceeded."""
        async with self._change(project_id) as change:
            now = self._clock.now()
            draft = await self._draft(change, await change.newest(), now)
            edited = editing.add_rule(draft, rule, now)
            await change.save(edited)
        return editing.rule_of(edited, rule.rule_id)

    async def update_rule(
        self, project_id: str, rule_id: str, changes: RuleChanges, etag: str
    ) -> Rule:
        """The rule, changed in the draft. Raises RuleNotFound, EtagMismatch, LimitExceeded."""
        async with self._change(project_id) as change:
            now = self._clock.now()
            draft = await self._draft(change, await change.newest(), now)
            edited = editing.change_rule(draft, rule_id, changes, etag, now)
            await change.save(edited)
        return editing.rule_of(edited, rule_id)

    async def delete_rule(self, project_id: str, rule_id: str, etag: str) -> None:
        """Remove the rule from the draft. Raises RuleNotFound, EtagMismatch."""
        async with self._change(project_id) as change:
            now = self._clock.now()
            draft = await self._draft(change, await change.newest(), now)
            await change.save(editing.remove_rule(draft, rule_id, etag, now))

    async def activate(
        self, project_id: str, version: int, etag: str, actor: str
    ) -> tuple[Activation, RuleSet]:
        """Put a version (0: the newest) in force: the activation and the rule set. A version in force already keeps its
        activation. Raises RuleSetNotFound, EtagMismatch, RuleSetEmpty, GroupsMissing."""
        async with self._change(project_id) as change:
            rule_set = await (change.find(version) if version else change.newest())
            if rule_set is None:
                raise errors.RuleSetNotFound(version)
            editing.check_etag(rule_set, etag)
            in_force = await change.in_force()
            if rule_set.version == in_force.version:
                return in_force, rule_set
            if not rule_set.rules:
                raise errors.RuleSetEmpty(rule_set.version)
            if astray := editing.rules_without_their_group(rule_set):
                raise errors.GroupsMissing(rule_set.version, astray)
            before = await change.find(in_force.version)
            if before is None:
                raise LookupError(f"version {in_force.version} is in force but not there")
            # In this order: two versions are never active at once, not even inside the transaction.
            await change.save(replace(before, state=State.SUPERSEDED))
            active = replace(rule_set, state=State.ACTIVE)
            await change.save(active)
            number = await change.next_activation()
            now = self._clock.now()
            activation = Activation(project_id, number, active.version, now, actor)
            await change.record(activation, active)
        self._nudge()
        log.info("activated", project=project_id, version=active.version, number=number)
        return activation, active

    @asynccontextmanager
    async def _change(self, project_id: str) -> AsyncIterator[Change]:
        await self._installer.install([project_id])
        with errors.for_the_caller():
            async with self._store.change(project_id) as change:
                yield change

    async def _draft(self, change: Change, newest: RuleSet, now: datetime) -> RuleSet:
        if newest.state is State.DRAFT:
            return newest
        return editing.draft_of(newest, await change.next_version(), now)
