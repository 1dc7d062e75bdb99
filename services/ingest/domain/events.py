"""An event as it is sent and as it is accepted: the shapes, and the rules that lead from one to the other. The wire
format is not known here (`convert.py`), nor how events are stored (`worker.py`, `store.py`)."""

from dataclasses import dataclass
from typing import NamedTuple

from services.ingest.domain import references
from services.ingest.domain.identity import payload_hash
from services.ingest.domain.names import InvalidName, event_type

EVENT_ID_CHARS_MAX = 128

OWN_ID_PREFIX = "scoreline:"
"""Begins the ids of the suite's own ledger entries."""

LINKING_TYPE = "identify"
"""The type of events that may have several references: they are all the same lead's."""
SOURCE_CHARS_MAX = 64

MICROSECONDS = 1_000_000
_NANOS_MAX = 999_999_999

FUTURE_MAX_S = 24 * 60 * 60
"""Clocks of senders run ahead and time zones get confused; beyond a day it is a mistake that would bend decay."""

CLOCK_TOLERANCE_S = 5 * 60
"""A sender's clock that is off by no more counts as right: what is sent takes its time on the way."""


class Problem(NamedTuple):
    """A field at fault and what to do about it."""

    field: str
    """Name in the event; empty for the event as a whole."""
    description: str


class InvalidEvent(Exception):
    """An event breaks one or more rules; it has them all."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(
            "; ".join(f"{problem.field}: {problem.description}" for problem in problems)
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Origin:
    """Where events come from."""

    project_id: str
    """The project of the credential."""
    request_id: str
    """The request, for the logs."""
    traceparent: str
    """W3C trace context; empty when the caller sent none."""
    user_agent: str = ""
    """Of the browser that a visitor of a website has; empty where events come from elsewhere."""
    public: bool = False
    """With a key that may do no more than track, which everyone can read."""
    sent_us: int | None = None
    """When the clock of what sends the events said that it sent them, in microseconds since 1970; None: not said."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event as it was sent. Absent texts are empty."""

    event_id: str
    type: str
    lead_id: str
    email: str
    anonymous_id: str
    external_id: str
    occur_time: tuple[int, int] | None
    """Seconds since 1970 and nanoseconds; None when the sender gave none."""
    source: str
    properties: bytes
    """In an encoding that is the same for the same content; empty when there are none."""
    properties_problem: str | None
    """What is wrong with the properties, as the edge that decoded them found."""


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """A valid event in its normal form."""

    event_id: str
    type: str
    kind: str
    """One of references.KINDS."""
    reference: str
    occur_us: int
    """Microseconds since 1970: as sent, or the time of acceptance."""
    source: str
    properties: bytes
    payload_hash: bytes
    linked: tuple[tuple[str, str], ...] = ()
    """Kind and normal form of further references of the lead, which an `identify` event has."""
    suspect: bool = False
    """No person seems to have caused it: the property `suspect` is added to it, which `payload_hash` leaves out."""

    @property
    def subject(self) -> str:
        """Who did it, as one string."""
        return f"{self.kind}:{self.reference}"

    @property
    def linked_subjects(self) -> list[str]:
        """The further references, each as one string."""
        return [f"{kind}:{reference}" for kind, reference in self.linked]


def accept(event: IncomingEvent, now_us: int, sent_us: int | None = None) -> AcceptedEvent:
    """The event in its normal form, taken as having happened at `now_us` (microseconds since 1970) when it does not
    say when. Where the sender's clock, which said `sent_us` just now, is wrong, so is the event's time by as much, and
    is put right. Raises InvalidEvent with everything that is wrong with it."""
    problems: list[Problem] = []
    id_problem = references.text_problem(event.event_id, EVENT_ID_CHARS_MAX)
    if id_problem:
        problems.append(Problem("event_id", id_problem))
    elif event.event_id.startswith(OWN_ID_PREFIX):
        problems.append(Problem("event_id", f"must not begin with {OWN_ID_PREFIX}"))
    type_ = ""
    try:
        type_ = event_type(event.type)
    except InvalidName as error:
        problems.append(Problem("type", str(error)))
    (kind, reference), *linked = _references(event, type_, problems)
    said_us = _said_us(event.occur_time, problems)
    occur_us = now_us if said_us is None else said_us
    if said_us is not None and sent_us is not None:
        occur_us = max(0, said_us + _behind_us(sent_us, now_us))
    if occur_us > now_us + FUTURE_MAX_S * MICROSECONDS:
        problems.append(Problem("occur_time", "must not be more than 24 hours in the future"))
    if event.source and (len(event.source) > SOURCE_CHARS_MAX or not event.source.isprintable()):
        problems.append(
            Problem("source", f"must be at most {SOURCE_CHARS_MAX} printable characters")
        )
    if event.properties_problem:
        problems.append(Problem("properties", event.properties_problem))
    if problems:
        raise InvalidEvent(problems)
    subject = f"{kind}:{reference}"
    linked_subjects = [f"{other}:{value}" for other, value in linked]
    return AcceptedEvent(
        event.event_id,
        type_,
        kind,
        reference,
        occur_us,
        event.source,
        event.properties,
        # Over what the sender said: sent again, with its clock corrected otherwise, it is the same event.
        payload_hash(type_, subject, said_us, event.source, event.properties, linked_subjects),
        tuple(linked),
    )


def _behind_us(sent_us: int, now_us: int) -> int:
    """By how much a sender's clock is behind, where it is wrong."""
    behind_us = now_us - sent_us
    return 0 if abs(behind_us) <= CLOCK_TOLERANCE_S * MICROSECONDS else behind_us


def _references(event: IncomingEvent, type_: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """Kind and normal form of the references that are set, the strongest first; only an event that says that several
    are one lead's has more than one."""
    given = [
        (kind, field, value)
        for kind, field, value in (
            ("lead", "lead_id", event.lead_id),
            ("external", "external_id", event.external_id),
            ("email", "email", event.email),
            ("anonymous", "anonymous_id", event.anonymous_id),
        )
        if value
    ]
    if not given or (len(given) > 1 and type_ != LINKING_TYPE):
        found = ", ".join(field for _, field, _ in given) or "none"
        problems.append(
            Problem(
                "",
                "must have exactly one of lead_id, email, anonymous_id and external_id "
                f"(an {LINKING_TYPE} event may have several); it has {found}",
            )
        )
        return [("", "")]
    return [(kind, _normalised(kind, field, value, problems)) for kind, field, value in given]


def _normalised(kind: str, field: str, value: str, problems: list[Problem]) -> str:
    try:
        return references.normalise(kind, value)
    except references.InvalidReference as error:
        problems.append(Problem(field, str(error)))
        return ""


def _said_us(occur_time: tuple[int, int] | None, problems: list[Problem]) -> int | None:
    """The time sent, in microseconds; smaller parts are cut off."""
    if occur_time is None:
        return None
    seconds, nanos = occur_time
    if not 0 <= nanos <= _NANOS_MAX:
        problems.append(Problem("occur_time", f"nanos must be 0 to {_NANOS_MAX}"))
        return None
    if seconds < 0:
        problems.append(Problem("occur_time", "must not be before 1970"))
        return None
    return seconds * MICROSECONDS + nanos // 1000
