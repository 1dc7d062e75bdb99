"""Clicks that no person made: link scanners of mail gateways open the links of a mail as it is delivered, many at once.
Judged by the times that the events themselves have, so that it does not matter how fast they come in."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

CLICKS = frozenset(
    {"click", "clicked", "email_click", "email_clicked", "link_click", "link_clicked"}
)
"""Event types that say that somebody followed a link."""

DELIVERIES = frozenset({"delivered", "delivery", "email_delivered", "email_delivery"})
"""Event types that say that a mail has reached a mailbox."""

NEARBY_US = 1_000_000
"""A second: nobody opens, reads and clicks within it."""

LINKS_MIN = 3
"""Nobody follows so many different links within a second."""

LEADS_MAX = 10_000
"""Leads whose last clicks a process remembers."""

CLICKS_MAX = 8
"""Remembered clicks of a lead: one less than LINKS_MIN would do if no link came twice."""

DELIVERIES_MAX = 20_000
"""Deliveries a process remembers: a second's worth and much more."""


class Sighting(NamedTuple):
    """What is seen of a click or a delivery."""

    lead: Hashable
    """Whose it is: project and reference."""
    is_click: bool
    occur_us: int
    """Microseconds since 1970."""
    link: str
    """Where a click led; empty: unknown."""
    message_id: str
    """Of the mail; empty: unknown."""
    delivered_us: int | None
    """When the mail was delivered, where the click itself says so."""


Click = tuple[int, int]
"""When, and the hash of the link: links may be long."""


class ClickWatch:
    """Remembers the last clicks and deliveries, and tells which clicks are a scanner's. What it has forgotten, or what
    another process saw, is not held against anybody."""

    def __init__(self) -> None:
        self._clicks: OrderedDict[int, deque[Click]] = OrderedDict()
        self._deliveries: OrderedDict[int, int] = OrderedDict()

    def judge(self, sightings: Sequence[Sighting]) -> list[bool]:
        """Whether each of these, which came together, is a scanner's click. Those that came earlier are judged no more:
        of clicks on three links that come one by one, the third is a scanner's."""
        for sighting in sightings:
            if not sighting.is_click and sighting.message_id:
                self._remember_delivery(sighting)
        verdicts = [one.is_click and self._follows_delivery(one) for one in sightings]
        for index in self._in_bursts(sightings):
            verdicts[index] = True
        return verdicts

    def _remember_delivery(self, sighting: Sighting) -> None:
        key = hash((sighting.lead, sighting.message_id))
        self._deliveries[key] = sighting.occur_us
        self._deliveries.move_to_end(key)
        if len(self._deliveries) > DELIVERIES_MAX:
            self._deliveries.popitem(last=False)

    def _follows_delivery(self, click: Sighting) -> bool:
        # Clocks differ, and gateways look before they let a mail in: a moment earlier is as suspect as one later.
        delivered_us = click.delivered_us
        if delivered_us is None and click.message_id:
            delivered_us = self._deliveries.get(hash((click.lead, click.message_id)))
        return delivered_us is not None and abs(click.occur_us - delivered_us) <= NEARBY_US

    def _in_bursts(self, sightings: Sequence[Sighting]) -> Iterable[int]:
        of_leads: defaultdict[int, list[tuple[Click, int]]] = defaultdict(list)
        for index, one in enumerate(sightings):
            if one.is_click and one.link:
                of_leads[hash(one.lead)].append(((one.occur_us, hash(one.link)), index))
        found = []
        for lead, clicks in of_leads.items():
            known = self._clicks.setdefault(lead, deque(maxlen=CLICKS_MAX))
            self._clicks.move_to_end(lead)
            if len(self._clicks) > LEADS_MAX:
                self._clicks.popitem(last=False)
            together = sorted([(click, -1) for click in known] + clicks)
            found += [index for index in _bursts(together) if index >= 0]
            known.extend(click for click, _ in clicks)
        return found


def _bursts(clicks: Sequence[tuple[Click, int]]) -> Iterable[int]:
    """The indexes of those that are among LINKS_MIN different links within NEARBY_US; `clicks` are in order of time."""
    links: Counter[int] = Counter()
    start = marked = 0
    for end, ((occur_us, link), _) in enumerate(clicks):
        links[link] += 1
        while occur_us - clicks[start][0][0] > NEARBY_US:
            gone = clicks[start][0][1]
            links[gone] -= 1
            if not links[gone]:
                del links[gone]
            start += 1
        if len(links) >= LINKS_MIN:
            for position in range(max(start, marked), end + 1):
                yield clicks[position][1]
            marked = end + 1
