"""Mappings of webhook sources at work: a delivery in, events as messages out. How they are compiled is in
webhook_compiling.py, what expressions are made of in services/shared/cel_values.py; what becomes of the events in
webhook_handlers.py."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.struct_pb2 import Struct

from scoreline.events.v1 import event_pb2
from services.ingest.domain.events import EVENT_ID_CHARS_MAX, LINKING_TYPE
from services.ingest.domain.names import InvalidName, event_type
from services.ingest.errors import TooBusy
from services.ingest.webhook_values import NoValue, moment, struct, text
from services.shared.budgets import Budget
from services.shared.cel_values import (
    EvaluationFailed,
    Given,
    MapExpression,
    ValueEnvironment,
    ValueExpression,
)
from services.shared.times import to_timestamp
from services.shared.turns import Turns

ITEMS_MAX = 1_000
"""As the contract says."""

EVENTS_MAX = 5_000
"""From one delivery: five slices of the group commit."""

FAILURES_MAX = 20
"""So many are told of one delivery; more are counted by none."""

MAPPING_S_MAX = 2.0
"""Making one delivery into events takes no more of the processor, whatever its source's expressions do."""

MAPPING_WAIT_S_MAX = 10.0
"""Nor longer by the clock: a process this busy has no time for the delivery, which its sender sends again."""

UPDATE_TYPE = "lead_updated"
"""Carries attributes of a lead."""

_CARRIERS = frozenset({LINKING_TYPE, UPDATE_TYPE})
"""Events whose properties are attributes."""

REFERENCES = ("lead_id", "external_id", "email", "anonymous_id")
"""The strongest first."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_KEY_DIGITS = 16

T = TypeVar("T")

ENVIRONMENT = ValueEnvironment(("body", "item", "headers", "delivery_id"), ("receive_time",))

Compiled = ValueExpression | MapExpression


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a mapping reads."""

    body: Any
    size: int
    """Of the body."""
    headers: Mapping[str, str]
    delivery_id: str
    receive_time: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item gave no event."""

    field: str
    """Of the mapping, e.g. `mapping.events[1].occur_time`; empty for the body as a whole."""
    item: int | None
    """Which item; None: none yet."""
    description: str

    def __str__(self) -> str:
        where = self.place
        return f"{where}: {self.description}" if where else self.description

    @property
    def place(self) -> str:
        """`mapping.events[1].occur_time of items[3]`."""
        return self.field if self.item is None else f"{self.field} of items[{self.item}]"


@dataclass(frozen=True, slots=True)
class Made:
    """An event, and where it comes from."""

    event: event_pb2.Event
    item: int
    mapping: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a delivery gave."""

    made: list[Made]
    failures: list[Failure]


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """An event mapping that can be applied."""

    key: str
    """Tells it from the others of its mapping, whatever their order."""
    expressions: Mapping[str, Compiled]


class CompiledMapping:
    """A mapping that can be applied."""

    def __init__(self, items: ValueExpression | None, events: Sequence[CompiledEvent]) -> None:
        self._items = items
        self._events = events

    async def events(self, delivery: Delivery, origin: str, event_source: str) -> Outcome:
        """The events of a delivery. `origin` begins the ids of those that have none of their own; `event_source` is
        said to be their sender. Others have their turn meanwhile. Raises TooBusy."""
        run = _Run(delivery, origin, event_source)
        turns = Turns()
        end_s = time.perf_counter() + MAPPING_WAIT_S_MAX
        try:
            with run.budget.spending():
                items = self._item_list(delivery, run.budget)
        except EvaluationFailed as failed:
            return Outcome([], [Failure("mapping.items", None, str(failed))])
        if len(items) > ITEMS_MAX:
            found = f"gives {len(items):,} items, at most {ITEMS_MAX:,} are taken"
            return Outcome([], [Failure("mapping.items", None, found)])
        for index, item in enumerate(items):
            given = _given(delivery, item, run.budget)
            for number, event in enumerate(self._events):
                with run.budget.spending():
                    run.apply(event, given, index, number)
                if run.over:
                    return Outcome(run.made, run.failures)
                await turns.give()
                if time.perf_counter() > end_s:
                    raise TooBusy("there is no time to map the delivery: send it again later")
        return Outcome(run.made, run.failures)

    def _item_list(self, delivery: Delivery, budget: Budget) -> list[Any]:
        if self._items is None:
            return delivery.body if isinstance(delivery.body, list) else [delivery.body]
        found = self._items.value(_given(delivery, None, budget))
        if not isinstance(found, list):
            # Nothing of a body that has changed its shape would ever be missed, if null were as good as an empty list.
            raise EvaluationFailed(
                "is null: must give a list" if found is None else "must give a list"
            )
        return found


class _Run:
    """One delivery on its way through a mapping."""

    def __init__(self, delivery: Delivery, origin: str, event_source: str) -> None:
        self._delivery = delivery
        self._origin = origin
        self._event_source = event_source
        self.budget = Budget(MAPPING_S_MAX)
        self.made: list[Made] = []
        self.failures: list[Failure] = []
        self.over = False

    def apply(self, mapping: CompiledEvent, given: Given, item: int, number: int) -> None:
        """Add what one event mapping makes of one item."""
        path = f"mapping.events[{number}]"
        reading = _Reading(mapping.expressions, given)
        try:
            if not reading.applies():
                return
            events = list(self._events(reading, item, mapping.key))
        except EvaluationFailed as failed:
            if len(self.failures) < FAILURES_MAX:
                self.failures.append(Failure(f"{path}.{reading.field}", item, str(failed)))
        else:
            self.made += [Made(event, item, number) for event in events]
            if len(self.made) > EVENTS_MAX:
                self._end(path, item, f"more than {EVENTS_MAX:,} events from one delivery")
        if self.budget.over and not self.over:
            self._end(path, item, f"takes more than {MAPPING_S_MAX:g} s of the processor")

    def _end(self, path: str, item: int, why: str) -> None:
        """Nothing of it: half a delivery would count, and the rest never could."""
        self.made.clear()
        self.failures = [Failure(path, item, why)]
        self.over = True

    def _events(self, reading: "_Reading", item: int, key: str) -> Iterator[event_pb2.Event]:
        event = event_pb2.Event(type=reading.needed_text("type"), source=self._event_source)
        type_ = _normal(event.type)
        event.event_id = reading.text("event_id") or self._id(f":{item}:{_in_id(key)}")
        references = {name: reading.text(name) for name in REFERENCES}
        given = [name for name in REFERENCES if references[name]]
        if not given:
            reading.field = "lead_id"
            raise EvaluationFailed("nothing says whose event it is")
        # An event of another type is the first reference's alone.
        for name in given if type_ == LINKING_TYPE else given[:1]:
            setattr(event, name, references[name])
        occur_time = reading.moment("occur_time")
        # What came with no time of its own is the same event when it comes again, at another time.
        if occur_time is not None and occur_time != self._delivery.receive_time:
            event.occur_time.CopyFrom(to_timestamp(occur_time))
        properties = reading.struct("properties")
        attributes = reading.struct("attributes")
        if attributes is not None and type_ in _CARRIERS:
            event.properties.CopyFrom(_merged(properties, attributes))
        elif properties is not None:
            event.properties.CopyFrom(properties)
        yield event
        if attributes is not None and attributes.fields and type_ not in _CARRIERS:
            update = event_pb2.Event(
                event_id=_short(f"{event.event_id}:lead"),
                type=UPDATE_TYPE,
                source=self._event_source,
                properties=attributes,
            )
            setattr(update, given[0], references[given[0]])
            if event.HasField("occur_time"):
                update.occur_time.CopyFrom(event.occur_time)
            yield update

    def _id(self, place: str) -> str:
        return _short(f"{self._origin}:{self._delivery.delivery_id}{place}")


class _Reading:
    """The expressions of one event mapping over one item; remembers which is read, for what fails."""

    def __init__(self, expressions: Mapping[str, Compiled], given: Given) -> None:
        self._expressions = expressions
        self._given = given
        self.field = ""

    def applies(self) -> bool:
        found = self._value("when")
        if found is None:
            return "when" not in self._expressions
        if not isinstance(found, bool):
            raise EvaluationFailed("must be true or false")
        return found

    def needed_text(self, field: str) -> str:
        found = self.text(field)
        if not found:
            raise EvaluationFailed("is null or empty, and needed")
        return found

    def text(self, field: str) -> str:
        return self._converted(field, text) or ""

    def moment(self, field: str) -> datetime | None:
        return self._converted(field, moment)

    def struct(self, field: str) -> Struct | None:
        return self._converted(field, struct)

    def _converted(self, field: str, convert: Callable[[Any], T]) -> T | None:
        found = self._value(field)
        if found is None:
            return None
        try:
            return convert(found)
        except NoValue as error:
            raise EvaluationFailed(str(error)) from error

    def _value(self, field: str) -> Any:
        expression = self._expressions.get(field)
        if expression is None:
            return None
        self.field = field
        return expression.value(self._given)


def _given(delivery: Delivery, item: Any, budget: Budget) -> Given:
    values = {
        "body": delivery.body,
        "item": item,
        "headers": delivery.headers,
        "delivery_id": delivery.delivery_id,
        "receive_time": delivery.receive_time.astimezone(UTC),
    }
    return ENVIRONMENT.given(values, delivery.size, budget)


def _in_id(key: str) -> str:
    """A key as it is, or a hash of one that is an expression."""
    if _PLAIN_KEY.fullmatch(key):
        return key
    return hashlib.sha256(key.encode()).hexdigest()[:_KEY_DIGITS]


def _normal(type_: str) -> str:
    """The type as rules know it; as it is where it is none, which is told when the event is accepted."""
    try:
        return event_type(type_)
    except InvalidName:
        return type_


def _merged(properties: Struct | None, attributes: Struct) -> Struct:
    merged = Struct()
    if properties is not None:
        merged.CopyFrom(properties)
    for name, value in attributes.fields.items():
        merged.fields[name].CopyFrom(value)
    return merged


def _short(id_: str) -> str:
    """An id as it is, or a hash of one that is too long or has what no id may have."""
    if len(id_) <= EVENT_ID_CHARS_MAX and id_.isprintable() and id_ == id_.strip():
        return id_
    return f"webhook:{hashlib.sha256(id_.encode()).hexdigest()}"
