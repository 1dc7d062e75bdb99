"""What waits for a watch's reader, and in what form: every change, the newest of each lead, a sample of all, and sums
of what came in bulk. How much may wait and when it is taken is decided by `hub.py` and `watch.py`."""

from collections import deque
from typing import Final, Generic, Protocol, TypeVar

from services.notify.domain.filtering import Change

BULK_CAUSES: Final = ("RULES", "REPLAY", "DECAY")
"""One act or one day changes any number of leads. The order is that of resume_token.Position.summed."""

SUM_INTERVAL_S: Final = 1.0
"""A sum is open for so long: of each cause there is one a second at most."""

SAMPLE_MAX: Final = 100
"""Events that wait for the reader of a feed; beyond, the oldest are left out. Nobody reads more a second."""


class Placed(Protocol):
    """A change and its place in the stream."""

    @property
    def sequence(self) -> int:
        """Its place."""
        ...

    @property
    def change(self) -> Change:
        """The change."""
        ...


T = TypeVar("T", bound=Placed)


class Waiting(Protocol[T]):
    """Changes that wait for a reader, in stream order."""

    def add(self, placed: T, room: int) -> bool:
        """Put the change behind the others; False when more than `room` would wait."""
        ...

    def take(self) -> tuple[T, int] | None:
        """The next change, and how many were left out for it."""
        ...

    def __len__(self) -> int:
        """How many wait."""
        ...

    def clear(self) -> None:
        """Forget all."""
        ...


class EveryChange(Generic[T]):
    """All changes, each once."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: deque[T] = deque()

    def add(self, placed: T, room: int) -> bool:
        """See Waiting."""
        if len(self._changes) >= room:
            return False
        self._changes.append(placed)
        return True

    def take(self) -> tuple[T, int] | None:
        """See Waiting."""
        return (self._changes.popleft(), 0) if self._changes else None

    def __len__(self) -> int:
        return len(self._changes)

    def clear(self) -> None:
        """See Waiting."""
        self._changes.clear()


class NewestOfEachLead(Generic[T]):
    """The newest change of each lead since the reader began to read what waited before.

    What is being read is not replaced any more: else a lead that never rests would never be read. And a newer change
    stands at its own place, not at that of the one it replaces: so sequences rise, and everything up to the one last
    read was read or has a successor that is still to come.
    """

    __slots__ = ("_being_read", "_newest")

    def __init__(self) -> None:
        self._newest: dict[str, tuple[T, int]] = {}
        self._being_read: deque[tuple[T, int]] = deque()

    def add(self, placed: T, room: int) -> bool:
        """See Waiting."""
        lead_id = placed.change.lead_id
        earlier = self._newest.pop(lead_id, None)
        if earlier is None and len(self) >= room:
            return False
        self._newest[lead_id] = (placed, 0 if earlier is None else earlier[1] + 1)
        return True

    def take(self) -> tuple[T, int] | None:
        """See Waiting."""
        if not self._being_read:
            self._being_read.extend(self._newest.values())
            self._newest.clear()
        return self._being_read.popleft() if self._being_read else None

    def __len__(self) -> int:
        return len(self._newest) + len(self._being_read)

    def clear(self) -> None:
        """See Waiting."""
        self._newest.clear()
        self._being_read.clear()


class Sample(Generic[T]):
    """The newest `size` changes, and how many were left out before them."""

    __slots__ = ("_changes", "_left_out", "_size")

    def __init__(self, size: int) -> None:
        self._changes: deque[T] = deque()
        self._size = size
        self._left_out = 0

    def add(self, placed: T, room: int) -> bool:
        """See Waiting; there is always room."""
        if len(self._changes) >= self._size:
            self._changes.popleft()
            self._left_out += 1
        self._changes.append(placed)
        return True

    def take(self) -> tuple[T, int] | None:
        """See Waiting."""
        if not self._changes:
            return None
        left_out, self._left_out = self._left_out, 0
        return self._changes.popleft(), left_out

    def __len__(self) -> int:
        return len(self._changes)

    def clear(self) -> None:
        """See Waiting."""
        self._changes.clear()
        self._left_out = 0


class Sum:
    """Changes of one cause, added up."""

    __slots__ = (
        "cause",
        "change_count",
        "down_count",
        "first_sequence",
        "last_sequence",
        "opened_at_s",
        "rule_set_version",
        "stage_change_count",
        "up_count",
    )

    def __init__(self, cause: str, first_sequence: int) -> None:
        self.cause = cause
        self.first_sequence = self.last_sequence = first_sequence
        self.opened_at_s: float | None = None
        """When the reader first heard that there is one."""
        self.rule_set_version = 0
        """Of the newest change."""
        self.change_count = 0
        self.up_count = 0
        self.down_count = 0
        self.stage_change_count = 0

    def add(self, placed: Placed) -> None:
        """Count the change, which is newer than all before."""
        change = placed.change
        self.last_sequence = placed.sequence
        self.rule_set_version = change.rule_set_version
        self.change_count += 1
        self.up_count += change.delta_points > 0
        self.down_count += change.delta_points < 0
        self.stage_change_count += change.stage != change.previous_stage


class Sums:
    """The sums of a watch that takes bulk causes so.

    Sums go out beside the changes that wait, not in line with them. So each cause has a position of its own, up to
    which its changes are in sums that were sent; a token that says all four repeats nothing and loses nothing.
    """

    def __init__(self, sent: tuple[int, ...]) -> None:
        self._sent = dict(zip(BULK_CAUSES, sent, strict=True))
        self._open: dict[str, Sum] = {}

    def covers(self, change: Change) -> bool:
        """Whether the change is sent as part of a sum."""
        return change.cause in self._sent

    def is_sent(self, placed: Placed) -> bool:
        """Whether the change, of a bulk cause, is part of a sum sent before."""
        return placed.sequence <= self._sent[placed.change.cause]

    def add(self, placed: Placed) -> bool:
        """Count the change. True when it is the first of its sum."""
        cause = placed.change.cause
        found = self._open.get(cause)
        opened = found is None
        if found is None:
            found = self._open[cause] = Sum(cause, placed.sequence)
        found.add(placed)
        return opened

    def take(self, now_s: float) -> Sum | None:
        """A sum that has been open for long enough."""
        for found in self._open.values():
            if found.opened_at_s is None:
                found.opened_at_s = now_s
            elif now_s >= found.opened_at_s + SUM_INTERVAL_S:
                del self._open[found.cause]
                self._sent[found.cause] = found.last_sequence
                return found
        return None

    def due_at_s(self) -> float | None:
        """When there will be one to take; None while none is open."""
        opened = (found.opened_at_s for found in self._open.values())
        return min((at + SUM_INTERVAL_S for at in opened if at is not None), default=None)

    def positions(self, sequence: int, read: int) -> tuple[int, ...]:
        """Each cause's position for a token whose other changes stand at `sequence`, when everything up to `read` has
        been added. As near to `sequence` as can be; empty when all are there."""
        found = []
        for cause, sent in self._sent.items():
            waiting = self._open.get(cause)
            newest = read if waiting is None else waiting.first_sequence - 1
            found.append(max(sent, min(sequence, newest)))
        return () if all(one == sequence for one in found) else tuple(found)

    def clear(self) -> None:
        """Forget what was not sent."""
        self._open.clear()
