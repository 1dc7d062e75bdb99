"""What marks events as suspect: the user agent of a crawler, and clicks of link scanners. Here is what the properties
of an event tell; `domain/suspects.py` judges clicks, `crawlers.py` user agents."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from google.protobuf.struct_pb2 import Struct

from services.ingest.crawlers import is_crawler
from services.ingest.domain.events import MICROSECONDS, AcceptedEvent, Origin
from services.ingest.domain.suspects import CLICKS, DELIVERIES, ClickWatch, Sighting

SUSPECT = "suspect"
"""The property that says so. An event that has it, true or false, is left as it is."""

USER_AGENTS = ("user_agent", "userAgent", "useragent")
LINKS = ("url", "link", "href", "target_url")
MESSAGE_IDS = ("message_id", "messageId", "sg_message_id")
DELIVERED_TIMES = ("delivered_time", "deliveredTime", "delivered_at")
"""Properties by which senders call these, the first that is there counts."""

_MAIL = CLICKS | DELIVERIES
_AGENT = b"gent"
"""In the encoding of everything that has one of USER_AGENTS: most events are known not to by this alone."""


class EventMarks:
    """A ports.Judge: it adds the mark and changes nothing else."""

    def __init__(self) -> None:
        self._watch = ClickWatch()

    def __call__(self, origin: Origin, events: list[AcceptedEvent]) -> list[AcceptedEvent]:
        """The events, those of them marked that no person seems to have caused."""
        by_crawler = bool(origin.user_agent) and is_crawler(origin.user_agent)
        watched = [
            index
            for index, event in enumerate(events)
            if event.type in _MAIL or _AGENT in event.properties or by_crawler
        ]
        if not watched:
            return events
        properties = {index: Struct.FromString(events[index].properties) for index in watched}
        suspects = self._scanned(origin, events, properties)
        suspects.update(
            index
            for index, told in properties.items()
            if (is_crawler(agent) if (agent := _text(told, USER_AGENTS)) else by_crawler)
        )
        marked = list(events)
        for index in suspects:
            if SUSPECT not in properties[index].fields:
                marked[index] = replace(events[index], suspect=True)
        return marked

    def _scanned(
        self, origin: Origin, events: list[AcceptedEvent], properties: dict[int, Struct]
    ) -> set[int]:
        mail = [index for index in properties if events[index].type in _MAIL]
        verdicts = self._watch.judge(
            [_sighting(origin, events[index], properties[index]) for index in mail]
        )
        return {index for index, verdict in zip(mail, verdicts, strict=True) if verdict}


def _sighting(origin: Origin, event: AcceptedEvent, properties: Struct) -> Sighting:
    return Sighting(
        lead=(origin.project_id, event.subject),
        is_click=event.type in CLICKS,
        occur_us=event.occur_us,
        link=_text(properties, LINKS),
        message_id=_text(properties, MESSAGE_IDS),
        delivered_us=_instant_us(properties, DELIVERED_TIMES),
    )


def _text(properties: Struct, names: Sequence[str]) -> str:
    fields = properties.fields
    for name in names:
        # Asked first: reading a field that is not there would add it.
        if name in fields:
            return fields[name].string_value
    return ""


def _instant_us(properties: Struct, names: Sequence[str]) -> int | None:
    """A time as RFC 3339 or in seconds since 1970; None for what is neither."""
    fields = properties.fields
    value = next((fields[name] for name in names if name in fields), None)
    if value is None:
        return None
    try:
        if value.WhichOneof("kind") == "number_value":
            return round(value.number_value * MICROSECONDS)
        instant = datetime.fromisoformat(value.string_value)
        return round(instant.timestamp() * MICROSECONDS) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None
