"""What an entry's properties are while they are read from the ledger by the million: JSON that becomes a mapping when
somebody looks. Most rules look at an event's type alone."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


class Properties(Mapping[str, Any]):
    """A JSON object as a mapping, read at the first look. Raises json.JSONDecodeError then where it is none."""

    __slots__ = ("_text", "_values")

    def __init__(self, text: str) -> None:
        self._text = text
        self._values: dict[str, Any] | None = None

    def get(self, key: str, default: Any = None) -> Any:
        """As a dict's. A key that the text has nowhere, and no escape that it could be written with, is none of it."""
        if self._values is None and key not in self._text and "\\" not in self._text:
            return default
        return self._read().get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"Properties({self._text!r})"

    def _read(self) -> dict[str, Any]:
        if self._values is None:
            self._values = json.loads(self._text)
        return self._values
