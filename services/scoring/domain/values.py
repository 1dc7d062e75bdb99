"""How the domain says that nobody changes an object of which a replay makes millions."""

from typing import TYPE_CHECKING

__all__ = ["value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen, slots):
        """A dataclass that the type checker holds to be frozen, and that has the hash of one. When it runs nothing
        keeps its fields from being set: a frozen one takes four times as long to make."""
        return dataclass(slots=slots, unsafe_hash=frozen)
