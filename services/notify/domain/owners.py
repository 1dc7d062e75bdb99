"""Who is to take care of a lead: which list of owners it belongs to, and whose turn it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.notify.domain.actions import AssignOwner


@dataclass(frozen=True, slots=True)
class Turns:
    """Owners who take turns."""

    name: str
    """Tells the lists of one action apart."""
    owners: Sequence[str]

    def owner(self, taken: int) -> str:
        """Whose turn it is when so many were taken."""
        return self.owners[taken % len(self.owners)]


def turns_of(action: AssignOwner, attributes: Mapping[str, Any]) -> Turns | None:
    """The owners among whom a lead with these attributes goes in turns: those of the first territory that it belongs
    to, else everybody's. None when it belongs to nobody."""
    value = attributes.get(action.territory_attribute) if action.territory_attribute else None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        wanted = str(value).strip().casefold()
        for number, territory in enumerate(action.territories):
            if any(wanted == one.strip().casefold() for one in territory.values):
                return Turns(f"territory {number}", territory.owners)
    return Turns("everybody", action.owners) if action.owners else None
