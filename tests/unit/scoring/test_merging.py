"""What must hold of merges whatever the order: a merged lead is the fold of all its references' entries, an unmerge is
the identity, and what was answered once is answered for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.decay import DAY, IdleAmount
from services.scoring.domain.fold import fold, in_order
from services.scoring.domain.identity import lead_id_of, own_subject
from services.scoring.domain.model import LateEvents, Limit, RuleSet
from services.scoring.errors import LeadNotMerged, LeadsMerged
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_facts import Facts, identify
from tests.support.scoring_subjects import MemorySubject

SUBJECTS = ("lead:ada", "email:ada@example.com", "anonymous:v-1", "anonymous:v-2")
IDS = tuple(map(lead_id_of, SUBJECTS))
PLACES = st.integers(0, len(SUBJECTS) - 1)

limited = st.builds(
    lambda rules, times, late: RuleSet(
        1,
        rules=tuple(replace(one, limits=(Limit(times),)) for one in rules),
        stages=cases.STAGES,
        decay=IdleAmount(DAY, DAY, 1_500, 0),
        late_events=late,
    ),
    st.lists(cases.rules, max_size=4, unique_by=lambda rule: rule.rule_id),
    st.integers(1, 3),
    st.sampled_from(LateEvents),
)

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("event"), PLACES, st.sampled_from(cases.TYPES[:4]), st.integers(0, 2_000)
        ),
        st.tuples(st.just("merge"), PLACES, PLACES),
        st.tuples(st.just("unmerge"), PLACES),
        st.tuples(st.just("adjust"), PLACES, st.integers(-30_000, 30_000).filter(bool)),
        st.tuples(st.just("retract"), st.integers(0, 20)),
    ),
    max_size=14,
)


class Play:
    """Takes steps, and knows what must come out: which lead each subject is in."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        # Time stands still: two plays of which one has more steps are as of the same instant.
        self.facts = Facts(MemorySubject(), "p1", MovableClock(START + timedelta(days=2)))
        self.home = dict(zip(SUBJECTS, IDS, strict=True))
        self.sent = 0
        self.merged: list[str] = []

    async def begin(self) -> None:
        await self.facts.activate(self.rules)
        for subject in SUBJECTS:
            await self.facts.event(f"first-{subject}", subject)

    async def take(self, kind: str, *values: Any) -> None:
        await getattr(self, f"_{kind}")(*values)

    async def _event(self, place: int, event_type: str, minutes: int) -> None:
        self.sent += 1
        await self.facts.event(f"e{self.sent}", SUBJECTS[place], event_type, minutes)

    async def _adjust(self, place: int, milli: int) -> None:
        # The way a lead is named by does not matter: its id, or a reference.
        named = IDS[place] if milli % 2 else SUBJECTS[place].removeprefix("lead:")
        await self.facts.adjust(named, milli / 1_000)

    async def _retract(self, number: int) -> None:
        await self.facts.retract(f"e{number}")

    async def _merge(self, one: int, other: int) -> None:
        try:
            await self.facts.merge(IDS[one], IDS[other])
        except LeadsMerged:
            assert self.home[SUBJECTS[one]] == self.home[SUBJECTS[other]]
            return
        stays, gone = self.home[SUBJECTS[one]], self.home[SUBJECTS[other]]
        assert stays != gone
        self.merged.append(gone)
        self.home = {s: stays if lead == gone else lead for s, lead in self.home.items()}

    async def _unmerge(self, place: int) -> None:
        try:
            _, unmerged = await self.facts.unmerge(IDS[place])
        except LeadNotMerged:
            assert self.home[SUBJECTS[place]] == IDS[place]
            return
        self.merged.remove(IDS[place])
        # What was its own then, as far as it was with it until now: said by the store, checked by the fold.
        for subject in unmerged.subjects:
            if subject in self.home:
                self.home[subject] = IDS[place]

    async def check(self) -> None:
        await self.facts.assert_sound(*IDS)
        ledger = self.facts.subject.store.contents.ledger.values()  # type: ignore[attr-defined]
        for subject, lead_id in zip(SUBJECTS, IDS, strict=True):
            view = await self.facts.lead(lead_id)
            assert view.profile.lead_id == self.home[subject]
            mine = [one for one in SUBJECTS if self.home[one] == self.home[subject]]
            mine += [own_subject(lead_id_of(one)) for one in mine]
            entries = [
                replace(event.entry, sequence=row[2], recorded_at=row[6])
                for event, row in ledger
                if event.subject in mine
            ]
            assert view.snapshot.state == fold(in_order(entries, self.rules), self.rules)


@given(limited, steps)
def test_any_lead_is_the_fold_of_what_is_its_own(rules: RuleSet, taken: list[Any]) -> None:
    async def run() -> None:
        play = Play(rules)
        await play.begin()
        for step in taken:
            await play.take(*step)
        await play.check()

    asyncio.run(run())


@given(limited, steps)
def test_when_everything_is_unmerged_it_is_as_if_nothing_had_been_merged(
    rules: RuleSet, taken: list[Any]
) -> None:
    """Including events, adjustments and retractions that came while leads were one."""

    async def run() -> None:
        play, alone = Play(rules), Play(rules)
        for one in (play, alone):
            await one.begin()
        for step in taken:
            await play.take(*step)
            if step[0] not in ("merge", "unmerge"):
                await alone.take(*step)
        for lead_id in list(play.merged)[::-1]:
            await play.take("unmerge", IDS.index(lead_id))
        await play.check()
        for lead_id in IDS:
            found = (await play.facts.lead(lead_id)).snapshot
            expected = (await alone.facts.lead(lead_id)).snapshot
            if rules.in_event_time:
                facts_ids = replace(
                    expected.state, last_position=found.state.last_position, faded_to=0
                )
                assert replace(found.state, faded_to=0) == facts_ids
            assert (found.score, found.stage) == (expected.score, expected.stage)

    asyncio.run(run())


@given(limited, steps, st.data())
def test_merges_come_to_the_same_whenever_they_come(
    rules: RuleSet, taken: list[Any], data: st.DataObject
) -> None:
    """Under REPLAY: events in any order, with everything merged before, between or after them."""
    rules = replace(rules, late_events=LateEvents.REPLAY)
    events = [one for one in taken if one[0] == "event"]
    merges = [("merge", 0, place) for place in range(1, len(SUBJECTS))]
    numbered = [("sent", number, *one[1:]) for number, one in enumerate(events)]
    order = data.draw(st.permutations([*numbered, *merges]))

    async def outcome(order: list[Any]) -> object:
        play = Play(rules)
        await play.begin()
        for kind, *values in order:
            if kind == "sent":
                number, place, event_type, minutes = values
                await play.facts.event(f"e{number}", SUBJECTS[place], event_type, minutes)
            else:
                await play.take(kind, *values)
        snapshot = (await play.facts.lead("ada")).snapshot
        await play.facts.assert_sound(*IDS)
        return replace(snapshot, version=0)

    async def run() -> None:
        assert await outcome(order) == await outcome([*numbered, *merges])

    asyncio.run(run())


@given(limited, steps)
def test_what_was_answered_once_is_answered_for_ever(rules: RuleSet, taken: list[Any]) -> None:
    async def run() -> None:
        play = Play(rules)
        await play.begin()
        facts, answers = play.facts, []
        end = facts.clock.now()
        for step in taken:
            await play.take(*step)
            known_at = await facts.head()
            said = [await facts.scores.score("p1", lead_id, end, known_at) for lead_id in IDS]
            now = [await facts.scores.score("p1", lead_id, end) for lead_id in IDS]
            assert said == now
            answers.append((known_at, said))
        for known_at, said in answers:
            assert [await facts.scores.score("p1", one, end, known_at) for one in IDS] == said

    asyncio.run(run())


@given(st.lists(st.tuples(PLACES, PLACES, st.booleans()), max_size=8), st.randoms())
def test_identified_references_are_one_lead_in_any_order_and_however_often(
    pairs: list[tuple[int, int, bool]], chance: Any
) -> None:
    """Which lead stays may depend on the order; who is one with whom, and what they score, does not."""
    sent = [
        identify(f"i{number}", SUBJECTS[one], SUBJECTS[other], minutes=number)
        for number, (one, other, _) in enumerate(pairs)
        if one != other
    ]

    async def groups(order: list[Any]) -> tuple[set[frozenset[str]], list[int]]:
        facts = Facts(MemorySubject(), "p1")
        await facts.activate()
        for number, subject in enumerate(SUBJECTS):
            await facts.event(f"s{number}", subject, "signup", number)
        for event in order:
            await facts.send(event)
        await facts.assert_sound(*IDS)
        found = {one: (await facts.lead(own)) for one, own in zip(SUBJECTS, IDS, strict=True)}
        by_lead: dict[str, set[str]] = {}
        for one, view in found.items():
            by_lead.setdefault(view.profile.lead_id, set()).add(one)
        scores = [found[one].snapshot.score for one in SUBJECTS]
        return {frozenset(one) for one in by_lead.values()}, scores

    async def run() -> None:
        again = [*sent, *sent]
        chance.shuffle(again)
        assert await groups(sent) == await groups(again)

    asyncio.run(run())
