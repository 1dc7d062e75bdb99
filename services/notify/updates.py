"""What a watch is asked for, and what it hands out. How it comes to that is in `watch.py`, the messages are in
`convert.py`."""

from dataclasses import dataclass

from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.waiting import Sum
from services.notify.ports import PublishedChange, SnapshotLead


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What the caller wants."""

    wanted: ChangeFilter
    include_snapshot: bool
    resume_token: str
    heartbeat_interval_s: float
    latest_only: bool = False
    """Of a lead's changes that wait, send only the newest."""
    bulk_as_sums: bool = False
    """Send changes of bulk causes as sums."""


@dataclass(frozen=True, slots=True)
class ChangeUpdate:
    """A change."""

    published: PublishedChange
    left_out: int = 0
    """Earlier changes of the lead that it stands for, too."""
    summed: tuple[int, ...] = ()
    """Position.summed of a token behind the update."""


@dataclass(frozen=True, slots=True)
class SumUpdate:
    """Changes of a bulk cause, added up."""

    sum: Sum
    sequence: int
    summed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LeadUpdate:
    """A lead of the snapshot."""

    lead: SnapshotLead


@dataclass(frozen=True, slots=True)
class SnapshotUpdate:
    """The snapshot is complete."""

    lead_count: int
    sequence: int


@dataclass(frozen=True, slots=True)
class HeartbeatUpdate:
    """Nothing to say. Without a sequence while there is nothing to resume from: a snapshot is not complete."""

    sequence: int | None
    summed: tuple[int, ...] = ()


Update = ChangeUpdate | SumUpdate | LeadUpdate | SnapshotUpdate | HeartbeatUpdate
