"""How often limited rules have counted, while a fold is under way: by name of the limit, by key, the times. What no
window reaches back to is forgotten; what is kept of one lead is bounded."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

KEYS_MAX = 10_000
"""Keys that are kept of one limit and lead, as far as its windows reach back; events with further ones are limited."""

KEY_CHARACTERS_MAX = 100
"""Longer keys are kept as their hash."""


class Uses:
    """Those of a lead's limits. Times are microseconds and never go back."""

    def __init__(self, kept: Mapping[str, Mapping[str, Sequence[int]]]) -> None:
        self._by_name = {name: _Keys(of) for name, of in kept.items()}

    def all(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """What is kept."""
        return {name: keys.all() for name, keys in self._by_name.items()}

    def count(self, name: str, key: str, window: int | None, at: int) -> int:
        """Uses with a key that a window reaches back to."""
        keys = self._by_name.get(name)
        times = keys.times(_kept_as(key)) if keys else ()
        if window is None:
            return len(times)
        return len(times) - bisect_right(times, at - window)

    def lets(self, name: str, key: str, kept: int | None, at: int) -> bool:
        """Whether a use with this key could be kept, given for how long uses are: None: for ever."""
        keys = self._by_name.get(name)
        if keys is None:
            return True
        keys.forget(kept, at)
        return len(keys) < KEYS_MAX or _kept_as(key) in keys

    def add(self, name: str, key: str, kept: int | None, at: int) -> None:
        """One more use."""
        keys = self._by_name.get(name)
        if keys is None:
            keys = self._by_name[name] = _Keys({})
        keys.forget(kept, at)
        keys.add(_kept_as(key), at)


class _Keys:
    """The uses of one limit."""

    def __init__(self, kept: Mapping[str, Sequence[int]]) -> None:
        self._times = {key: tuple(times) for key, times in kept.items()}
        self._oldest: deque[tuple[int, str]] | None = None
        """All of them in order of time, once they are looked through."""

    def __len__(self) -> int:
        return len(self._times)

    def __contains__(self, key: str) -> bool:
        return key in self._times

    def all(self) -> dict[str, tuple[int, ...]]:
        return dict(self._times)

    def times(self, key: str) -> tuple[int, ...]:
        return self._times.get(key, ())

    def add(self, key: str, at: int) -> None:
        self._times[key] = (*self._times.get(key, ()), at)
        if self._oldest is not None:
            self._oldest.append((at, key))

    def forget(self, kept: int | None, at: int) -> None:
        """Forget what lies further back than uses are kept."""
        if kept is None:
            return
        if self._oldest is None:
            self._oldest = deque(sorted(self._each()))
        while self._oldest and self._oldest[0][0] <= at - kept:
            _, key = self._oldest.popleft()
            rest = self._times[key][1:]
            if rest:
                self._times[key] = rest
            else:
                del self._times[key]

    def _each(self) -> Iterator[tuple[int, str]]:
        return ((time, key) for key, times in self._times.items() for time in times)


def _kept_as(key: str) -> str:
    return key if len(key) <= KEY_CHARACTERS_MAX else f"#{sha256(key.encode()).hexdigest()}"
