"""Which events this process has stored a moment ago: a repetition of one need not go to the broker, which would refuse
the whole batch that it is in. What is forgotten here the broker still knows for a while, and the ledger for ever."""


class StoredLately:
    """The last so many message ids, in two generations: when the younger is full the older one is forgotten as a whole,
    so that remembering one more costs the same each time."""

    def __init__(self, generation_ids_max: int, generation_s_max: float) -> None:
        self._ids_max = generation_ids_max
        self._s_max = generation_s_max
        self._young: set[str] = set()
        self._old: set[str] = set()
        self._began_s = 0.0

    def add(self, message_id: str, now_s: float) -> None:
        """Remember one, at an instant of a clock that never goes back."""
        self._age(now_s)
        self._young.add(message_id)

    def has(self, message_id: str, now_s: float) -> bool:
        """Whether it is remembered."""
        self._age(now_s)
        return message_id in self._young or message_id in self._old

    def _age(self, now_s: float) -> None:
        if now_s - self._began_s < self._s_max and len(self._young) < self._ids_max:
            return
        # Where nobody asked for two generations' time, the younger one is as outdated as the older.
        outdated = now_s - self._began_s >= 2 * self._s_max
        self._old = set() if outdated else self._young
        self._young = set()
        self._began_s = now_s
