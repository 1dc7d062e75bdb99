"""Records in other systems made of leads: what all CRMs have in common. A record is found by one field and changed, or
made; a repetition changes it to what it is. Which fields it gets says a mapping in CEL. How each CRM is asked is in
`action_hubspot.py` and `action_salesforce.py`."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from services.notify.automation_conditions import EVALUATION_S_MAX, Value, Values
from services.notify.domain.actions import Occasion, Outcome, Unrenderable
from services.notify.domain.said import one_line
from services.notify.guarded_http import NoAnswer
from services.shared.budgets import Budget

A = TypeVar("A")
A_contra = TypeVar("A_contra", contravariant=True)

ID_CHARS_MAX = 255
"""Of what a record is found by; no CRM has longer unique fields."""

SAID_CHARS_MAX = 500
"""Of what a CRM says of an error."""

HIDDEN_CHARS_MIN = 3
"""Shorter values are not taken out of what a CRM says: they are in every sentence."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What an action says of its record, in CEL, and how its fields are called in the action."""

    id_path: str
    id_source: str
    fields_path: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """What is sent."""

    id: str
    fields: Mapping[str, Value]
    """Only what is known of the lead."""


class Crm(Protocol[A_contra]):
    """A CRM, for actions of one kind."""

    def mapped(self, action: A_contra) -> Mapped:
        """What the action says of its record."""
        ...

    def problems(self, action: A_contra) -> list[tuple[str, str]]:
        """What else is wrong with an action, as Doing.check has it."""
        ...

    def shown(self, action: A_contra, record: Record) -> Mapping[str, Any]:
        """The record as it would be sent, without secrets."""
        ...

    async def upsert(self, action: A_contra, record: Record) -> Outcome:
        """Change the record, or make it. Raises NoAnswer."""
        ...


class Upserts(Generic[A]):
    """A Doing of one CRM's records."""

    def __init__(self, crm: Crm[A], values: Values) -> None:
        self._crm = crm
        self._values = values

    def check(self, action: A) -> list[tuple[str, str]]:
        """What is wrong with it."""
        mapped = self._crm.mapped(action)
        sources = {mapped.id_path: mapped.id_source}
        sources |= {f"{mapped.fields_path}[{name}]": one for name, one in mapped.fields.items()}
        wrong = {path: self._values.problem(source) for path, source in sources.items()}
        found = [(path, problem) for path, problem in wrong.items() if problem is not None]
        return self._crm.problems(action) + found

    def preview(self, action: A, occasion: Occasion) -> Mapping[str, Any]:
        """What would be sent. Raises Unrenderable."""
        return self._crm.shown(action, self._record(action, occasion))

    async def do(self, action: A, occasion: Occasion) -> Outcome:
        """Send it."""
        try:
            record = await asyncio.to_thread(self._record, action, occasion)
            return await self._crm.upsert(action, record)
        except Unrenderable as error:
            return Outcome(error=str(error), permanent=True)
        except NoAnswer as failure:
            return failure.outcome

    def _record(self, action: A, occasion: Occasion) -> Record:
        mapped = self._crm.mapped(action)
        path = mapped.id_path.partition(".")[2]
        budget = Budget(EVALUATION_S_MAX)
        values = self._values.evaluate({path: mapped.id_source}, occasion, budget)
        found = written(values[path]).strip()
        if not found:
            raise Unrenderable(f"{path}: is empty for this lead, so no record can be found by it")
        if len(found) > ID_CHARS_MAX:
            raise Unrenderable(f"{path}: must be at most {ID_CHARS_MAX} characters")
        fields = self._values.evaluate(mapped.fields, occasion, budget)
        # What is not known leaves what the CRM knows; to empty a field an expression gives ''.
        return Record(found, {name: one for name, one in fields.items() if one is not None})


def written(value: Value) -> str:
    """A value as a text: numbers as people write them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def record_id(found: object) -> str:
    """What a CRM calls a record."""
    return one_line(found)[:ID_CHARS_MAX]


def said(message: object, record: Record) -> str:
    """What a CRM says, on one line, without the values that were sent: they are somebody's name and address, and what
    is said is kept."""
    line = one_line(message)
    for value in sorted(_texts(record), key=len, reverse=True):
        line = line.replace(value, "...")
    return line[:SAID_CHARS_MAX]


def _texts(record: Record) -> Iterable[str]:
    for value in (record.id, *record.fields.values()):
        if isinstance(value, str) and len(value) >= HIDDEN_CHARS_MIN:
            yield value
