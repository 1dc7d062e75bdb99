"""A lead's attributes while a fold is under way: what its events said last, as far as one lead may have attributes."""

import json
from collections.abc import Mapping
from typing import Any

ATTRIBUTES_MAX = 256
"""Attributes of a lead that its events tell; further ones are left out."""

ATTRIBUTES_BYTES_MAX = 64 * 1024
"""Their keys and values together, as JSON in UTF-8; a value that does not fit is left out, what was known before
stays."""


class Attributes:
    """Those of a lead. Which are left out depends on nothing but the entries and their order."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = dict(known)
        self._sizes: dict[str, int] | None = None
        """Bytes of each, once something comes in."""
        self._size = 0

    def learn(self, said: Mapping[str, Any]) -> bool:
        """Take over what an event says, in the order of the keys; False when some of it had to be left out."""
        if self._sizes is None:
            self._sizes = {key: _bytes(key, value) for key, value in self.known.items()}
            self._size = sum(self._sizes.values())
        whole = True
        for key in sorted(said):
            size = _bytes(key, said[key])
            before = self._sizes.get(key, 0)
            fits = self._size - before + size <= ATTRIBUTES_BYTES_MAX
            if fits and (key in self.known or len(self.known) < ATTRIBUTES_MAX):
                self.known[key] = said[key]
                self._sizes[key] = size
                self._size += size - before
            else:
                whole = False
        return whole


def _bytes(key: str, value: Any) -> int:
    return len(json.dumps([key, value], ensure_ascii=False, separators=(",", ":")).encode())
