"""What can go wrong in scoring.

ServiceError (services/shared/errors.py)
└── LeadNotFound             NOT_FOUND, RESOURCE_NOT_FOUND
StoreError
├── ConcurrentAppend         another transaction appended the same event id first: run this one again
├── CannotStore              the database refuses these values, whatever is tried: poison
├── StoreBroken              the database does not do its work, whatever the values: an operator must mend it
├── UnknownActivation        no such activation was ever in force: the snapshot that names it was changed from outside
└── LeadTaken                the id or a reference belongs to another lead: becomes ALREADY_EXISTS
"""

from services.shared.errors import ResourceNotFound


class LeadNotFound(ResourceNotFound):
    """The project has no lead under that id or reference."""

    def __init__(self, reference: str) -> None:
        super().__init__("lead", reference)


class StoreError(Exception):
    """The store could not do it. Never reaches a caller."""


class ConcurrentAppend(StoreError):
    """Another transaction got there first; what this one has read is out of date."""


class CannotStore(StoreError):
    """The database refuses the values themselves."""


class StoreBroken(StoreError):
    """The database answers but does not do its work: read-only, or a table or privilege is missing."""


class LeadTaken(StoreError):
    """The id or a reference of a lead to be made belongs to another one."""


class UnknownActivation(StoreError):
    """No activation has that number."""
