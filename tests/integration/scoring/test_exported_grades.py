"""Grades in exports: those of the newest version, with what had faded by then, under the rules that it was made by."""

from __future__ import annotations

import json
from contextlib import aclosing
from datetime import timedelta

import psycopg
import pytest

from services.scoring.domain.decay import DAY, PerContribution
from services.scoring.domain.model import Grade, Grading, Group, RuleSet
from services.scoring.export_formats import Format
from services.scoring.exporting import Exports
from services.scoring.handlers import EventHandlers
from services.scoring.ports import LeadFilter
from services.scoring.score_handlers import ScoreHandlers
from services.shared.db import Database
from stack import Stack
from tests.support import scoring_cases as cases
from tests.support.clocks import START, MovableClock
from tests.support.scoring_subjects import PostgresSubject

GRADING = Grading(
    "fit", (Grade("A", 10_000), Grade("B", 0)), "work", (Grade("1", 15_000), Grade("2", 5_000))
)
GROUPS = (Group("fit"), Group("work", decay=PerContribution(DAY, 50, 2 * DAY)))


def rules(number: int, grading: Grading | None = GRADING) -> RuleSet:
    given = [("identify", 10, "fit"), ("page_view", 8, "work")]
    return RuleSet(
        number,
        tuple(
            cases.replace(cases.rule(kind, points), group=group) for kind, points, group in given
        ),
        groups=GROUPS,
        grading=grading,
    )


class Room:
    def __init__(self, database: Database, project: str) -> None:
        self.subject, self.project = PostgresSubject(database), project
        self.clock = MovableClock()
        self.handlers = EventHandlers(self.subject.store, self.clock)
        self.exports = Exports(self.subject.store)

    async def activate(self, rule_set: RuleSet) -> None:
        made = cases.activation(rule_set.version, rule_set, self.project)
        await self.handlers.record_activation(made)

    async def send(self, lead: str, *kinds: str) -> None:
        for number, kind in enumerate(kinds):
            one = cases.incoming(
                f"{lead}-{number}", kind, number / 60, f"lead:{lead}", project_id=self.project
            )
            await self.handlers.apply_events([one])

    async def grades(self) -> dict[str, str]:
        found = self.exports.export(self.project, LeadFilter(), Format.NDJSON)
        async with aclosing(found) as pieces:
            content = b"".join([piece.data async for piece in pieces])
        lines = map(json.loads, content.decode().splitlines())
        return {line["lead_id"]: line["grade"] for line in lines}

    async def told(self, lead: str) -> str:
        """What intelligence says now."""
        scores = ScoreHandlers(self.subject.store, self.clock)
        return (await scores.intelligence(self.project, lead, None, None)).intelligence.grade


@pytest.fixture
async def room(scoring_database: Database, project: str) -> Room:
    made = Room(scoring_database, project)
    made.clock.at = START + timedelta(minutes=1)
    await made.activate(rules(1))
    await made.send("ada", "identify", "page_view", "page_view")
    await made.send("bob", "page_view")
    await made.send("eve", "unheard_of")
    return made


async def test_every_lead_has_its_grade(room: Room) -> None:
    assert await room.grades() == {"ada": "A1", "bob": "B2", "eve": "B2"}
    assert [await room.told(lead) for lead in ("ada", "bob", "eve")] == ["A1", "B2", "B2"]


async def test_grades_fade_with_the_versions(room: Room) -> None:
    room.clock.at = START + timedelta(days=1, minutes=1)
    # As the score, until the version is made.
    assert (await room.grades())["ada"] == "A1"
    while await room.handlers.fade_next():
        pass
    assert (await room.grades())["ada"] == await room.told("ada") == "A2"


async def test_a_lead_that_is_to_be_scored_anew_has_the_grade_of_its_rules(room: Room) -> None:
    lower = Grading("fit", (Grade("X", 5_000), Grade("Y", 0)), "work", (Grade("9", 0),))
    await room.activate(rules(2, lower))
    assert (await room.grades())["ada"] == "A1"
    while await room.handlers.rescore_next():
        pass
    assert await room.grades() == {"ada": "X9", "bob": "Y9", "eve": "Y9"}
    await room.activate(rules(3, None))
    assert set((await room.grades()).values()) == {""}


async def test_nothing_is_told_of_a_state_that_cant_be_read(
    scoring_schema: Stack, room: Room
) -> None:
    with psycopg.connect(scoring_schema.postgres_url("scoreline_scoring")) as connection:
        for change in (
            "state = '[]' WHERE lead_id = 'ada'",
            "state_format = 1 WHERE lead_id = 'bob'",
        ):
            connection.execute(f"UPDATE snapshots SET {change} AND project_id = %s", [room.project])
    assert await room.grades() == {"ada": "", "bob": "", "eve": "B2"}
