"""What rules does: reading, editing the draft, putting a version in force. A change is one transaction under the
project's lock; what scoring is to be told of it is part of the transaction and published after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from services.rules import conditions, errors
from services.rules.domain import editing, inspection
from services.rules.domain import errors as edits
from services.rules.domain.activation import (
    AS_BOUND,
    Effective,
    effective_time,
    in_force_already,
    missing_groups,
)
from services.rules.domain.editing import RuleChanges, RuleSetChanges, WholeRule
from services.rules.domain.golden import GoldenResult
from services.rules.domain.inspection import Finding
from services.rules.domain.model import Activation, Content, Rule, RuleSet, State
from services.rules.domain.presets import Preset, first_activation, first_version
from services.rules.ports import Change, GoldenTests, Store
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import EtagMismatch

log = logs.get("rules")

ACTIVATION_ATTEMPTS_MAX = 5
"""A version that is edited while its tests run is tested again; beyond this somebody edits it all the time."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What there is to say of a rule set before it is put in force."""

    faults: list[Finding]
    warnings: list[Finding]
    results: list[GoldenResult]
    """Of its golden tests; none where there are faults."""

    @property
    def valid(self) -> bool:
        """Whether it could be put in force."""
        return not self.faults and all(result.passed for result in self.results)


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
        tests: GoldenTests,
    ) -> None:
        self._store = store
        self._clock = clock
        self._installer = installer
        self._nudge = nudge
        self._presets = presets
        self._tests = tests

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
            await _check_cost(draft, edited)
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
        return await self.rewrite(project_id, preset, etag, replace_draft=True)

    async def rewrite(
        self, project_id: str, content: Content, etag: str, *, replace_draft: bool
    ) -> RuleSet:
        """The draft, saying what `content` says. Raises DraftExists, EtagMismatch, LimitExceeded."""
        async with self._change(project_id) as change:
            newest = await change.newest()
            if newest.state is State.DRAFT and not replace_draft:
                raise edits.DraftThere(str(newest.version))
            editing.check_etag(newest, etag)
            now = self._clock.now()
            draft = await self._draft(change, newest, now)
            rewritten = editing.rewrite(draft, content, now)
            await change.save(rewritten)
        return rewritten

    async def inspect(self, content: Content, faults: Sequence[Finding] = ()) -> Inspection:
        """What there is to say of a rule set, `faults` that its reader found included. Nothing changes. Raises
        DependencyUnavailable where it has tests."""
        whole = [*inspection.faults(content), *await asyncio.to_thread(conditions.costly, content)]
        found = inspection.with_later(faults, whole)
        warnings = [] if faults else inspection.warnings(content)
        return Inspection(found, warnings, [] if found else await self._results(content))

    async def in_force(self, project_id: str) -> RuleSet:
        """The version that scores."""
        [activation] = await self.activations(project_id, None, 1)
        return await self.rule_set(project_id, activation.version)

    async def create_rule(self, project_id: str, rule: Rule) -> Rule:
        """The rule, added at the end of the draft. Raises RuleExists, LimitExceeded."""
        async with self._change(project_id) as change:
            now = self._clock.now()
            draft = await self._draft(change, await change.newest(), now)
            edited = editing.add_rule(draft, rule, now)
            await _check_cost(draft, edited, len(draft.rules))
            await change.save(edited)
        return editing.rule_of(edited, rule.rule_id)

    async def update_rule(
        self, project_id: str, rule_id: str, changes: RuleChanges, etag: str, check: WholeRule
    ) -> Rule:
        """The rule, changed in the draft; `check` sees it before it is kept. Raises RuleNotFound, EtagMismatch,
        InvalidFields, LimitExceeded."""
        async with self._change(project_id) as change:
            now = self._clock.now()
            draft = await self._draft(change, await change.newest(), now)
            edited = editing.change_rule(draft, rule_id, changes, etag, now, check)
            place = next(n for n, one in enumerate(draft.rules) if one.rule_id == rule_id)
            await _check_cost(draft, edited, place)
            await change.save(edited)
        return editing.rule_of(edited, rule_id)

    async def delete_rule(self, project_id: str, rule_id: str, etag: str) -> None:
        """Remove the rule from the draft. Raises RuleNotFound, EtagMismatch."""
        async with self._change(project_id) as change:
            now = self._clock.now()
            draft = await self._draft(change, await change.newest(), now)
            await change.save(editing.remove_rule(draft, rule_id, etag, now))

    async def activate(
        self,
        project_id: str,
        version: int,
        etag: str,
        actor: str,
        effective: Effective = AS_BOUND,
    ) -> tuple[Activation, RuleSet]:
        """Put a version (0: the newest) in force: the activation and the rule set. A version in force already keeps its
        activation, unless it is to score from another time on. Raises RuleSetNotFound, EtagMismatch, RuleSetEmpty,
        GroupsMissing, RulesCostly, TestsFailed, DependencyUnavailable."""

        async def choose(change: Change) -> RuleSet:
            return await (_existing(change, version) if version else change.newest())

        return await self._put_in_force(project_id, choose, etag, actor, effective)

    async def rollback(
        self, project_id: str, version: int, actor: str, effective: Effective = AS_BOUND
    ) -> tuple[Activation, RuleSet]:
        """Put a version (0: the one before the present one) back in force. Raises as `activate`, and NeverInForce."""

        async def choose(change: Change) -> RuleSet:
            if not version:
                present = await change.in_force()
                before = await change.activation_before(present)
                if before is None:
                    raise errors.NeverInForce(0)
                return await _existing(change, before.version)
            found = await _existing(change, version)
            if found.state is State.DRAFT:
                raise errors.NeverInForce(version)
            return found

        return await self._put_in_force(project_id, choose, "", actor, effective)

    async def _put_in_force(
        self,
        project_id: str,
        choose: Callable[[Change], Awaitable[RuleSet]],
        etag: str,
        actor: str,
        effective: Effective,
    ) -> tuple[Activation, RuleSet]:
        """Tests run between two transactions: nobody waits for scoring under the project's lock."""
        tested = ""
        for _ in range(ACTIVATION_ATTEMPTS_MAX):
            async with self._change(project_id) as change:
                rule_set = await choose(change)
                editing.check_etag(rule_set, etag)
                in_force = await change.in_force()
                same = rule_set.version == in_force.version
                if same and in_force_already(in_force, effective):
                    return in_force, rule_set
                await _check_whole(rule_set)
                if not rule_set.tests or rule_set.etag == tested:
                    done = await self._record(change, in_force, rule_set, actor, effective)
                    break
            await self._check_tests(rule_set)
            tested = rule_set.etag
        else:
            raise EtagMismatch("rule_set", str(rule_set.version))
        self._nudge()
        activation, _ = done
        log.info(
            "activated",
            project=project_id,
            version=activation.version,
            number=activation.number,
            effective_time=activation.effective_time.isoformat(),
        )
        return done

    async def _record(
        self,
        change: Change,
        in_force: Activation,
        rule_set: RuleSet,
        actor: str,
        effective: Effective,
    ) -> tuple[Activation, RuleSet]:
        active = rule_set
        if rule_set.version != in_force.version:
            before = await change.find(in_force.version)
            if before is None:
                raise LookupError(f"version {in_force.version} is in force but not there")
            # In this order: two versions are never active at once, not even inside the transaction.
            await change.save(replace(before, state=State.SUPERSEDED))
            active = replace(rule_set, state=State.ACTIVE)
            await change.save(active)
        now = self._clock.now()
        activation = Activation(
            in_force.project_id,
            await change.next_activation(),
            active.version,
            now,
            actor,
            effective_time(effective, active.binding, now),
        )
        await change.record(activation, active)
        return activation, active

    async def _check_tests(self, rule_set: RuleSet) -> None:
        results = await self._results(rule_set)
        failed = [(place, one) for place, one in enumerate(results) if not one.passed]
        if failed:
            raise errors.TestsFailed(rule_set.version, failed)

    async def _results(self, content: Content) -> list[GoldenResult]:
        if not content.tests:
            return []
        results = await self._tests.run(content)
        names = [test.name for test in content.tests]
        if [result.name for result in results] != names:
            # Never taken for tests that passed.
            raise LookupError("the results are not those of the tests")
        return results

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


async def _existing(change: Change, version: int) -> RuleSet:
    found = await change.find(version)
    if found is None:
        raise errors.RuleSetNotFound(version)
    return found


async def _check_cost(before: Content, edited: Content, place: int | None = None) -> None:
    """Raises InvalidFields where an edit, of the rule at a place or of the rule set, leaves expressions that cost too
    much together, unless it makes that no worse than it was."""
    found = await asyncio.to_thread(conditions.costly, edited)
    if found and len(found) > len(await asyncio.to_thread(conditions.costly, before)):
        raise errors.costly(found, place)


async def _check_whole(rule_set: RuleSet) -> None:
    if not rule_set.rules:
        raise errors.RuleSetEmpty(rule_set.version)
    if missing := missing_groups(rule_set):
        raise errors.GroupsMissing(rule_set.version, missing)
    if costly := await asyncio.to_thread(conditions.costly, rule_set):
        raise errors.RulesCostly(rule_set.version, costly)
