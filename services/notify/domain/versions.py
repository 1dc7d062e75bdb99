"""Which version of each lead was seen last, so that a change published twice is passed on once."""

from collections import OrderedDict


class NewestVersions:
    """Newest version of the `capacity` subjects (one a lead) that changed last.

    Why a bounded memory is enough. A lead's versions are published in order and dense, so a copy is recognised by its
    version not being higher than the newest seen. The broker drops copies within its duplicate window of two minutes.
    Later copies could only come from a relay that starts while another one's outcome is unknown, and it looks up in
    the stream what was published first. What is left is a relay that was frozen with a batch on its way, longer than
    the window and while a successor published the same rows: its copies come after changes of the very leads of its
    last batches. A capacity of many batches' leads remembers them through many times the window.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._newest: OrderedDict[str, int] = OrderedDict()

    def advance(self, subject: str, version: int) -> bool:
        """Note that `version` was read; False when it, or a later one, was read before."""
        newest = self._newest
        seen = newest.get(subject)
        if seen is None:
            if len(newest) >= self._capacity:
                newest.popitem(last=False)
        elif version <= seen:
            return False
        newest[subject] = version
        newest.move_to_end(subject)
        return True

    def clear(self) -> None:
        """Forget everything: another stream begins."""
        self._newest.clear()
