"""What webhook endpoints need from outside: endpoints and deliveries that are kept, and somebody who sends."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.notify.domain.endpoints import Attempt, Delivery, Endpoint, Secret, State
from services.notify.ports import StreamState


@dataclass(frozen=True, slots=True)
class EndpointPosition:
    """The last endpoint of a page: the next page begins after it."""

    create_time: datetime
    endpoint_id: str


Change = Callable[[Endpoint], Endpoint]
"""Makes the endpoint as it should be of the endpoint as it is; may raise."""


class EndpointStore(Protocol):
    """Webhook endpoints, with their headers and valid secrets in the clear. All raise DependencyUnavailable."""

    async def add(
        self, endpoint: Endpoint, endpoints_max: int, end: StreamState | None = None
    ) -> None:
        """Keep a new one. Raises TooManyEndpoints when its project has `endpoints_max` already. `end` is where the
        stream of changes ended before, None where nobody knows: see `dormancy.wake`."""
        ...

    async def get(self, project_id: str, endpoint_id: str, now: datetime) -> Endpoint | None:
        """An endpoint of the project; None when there is none."""
        ...

    async def newest(
        self, project_id: str, after: EndpointPosition | None, limit: int, now: datetime
    ) -> list[Endpoint]:
        """Endpoints of the project, newest first; those behind `after`."""
        ...

    async def change(
        self,
        project_id: str,
        endpoint_id: str,
        change: Change,
        now: datetime,
        end: StreamState | None = None,
    ) -> Endpoint | None:
        """Change one, one change at a time; None when there is none. One that is enabled again is due at once. `end` as
        in `add`."""
        ...

    async def add_secret(
        self, project_id: str, endpoint_id: str, secret: Secret, until: datetime, now: datetime
    ) -> Endpoint | None:
        """Give one another secret; those before end at `until` if they do not end sooner. Raises
        TooManyEndpointSecrets."""
        ...

    async def remove(self, project_id: str, endpoint_id: str) -> bool:
        """Remove one with its deliveries; whether there was one."""
        ...

    async def missed_time(self) -> datetime | None:
        """When score changes were last found to be gone before they were planned."""
        ...


class DeliveryStore(Protocol):
    """Deliveries as administrators see them. All raise DependencyUnavailable."""

    async def newest(
        self,
        endpoint_id: str,
        state: State | None,
        lead_id: str,
        before: int | None,
        limit: int,
    ) -> list[Delivery]:
        """Deliveries of an endpoint with their last attempts, newest first; those before number `before`."""
        ...

    async def redeliver(
        self, endpoint_id: str, delivery_id: str, since: datetime | None, limit: int, now: datetime
    ) -> int | None:
        """Make one pending again, or those since a time that failed; how many became so. None when there is no such
        delivery."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to try now. Nobody else tries anything of its lane until the attempt is reported or lost."""

    endpoint: Endpoint
    lead_id: str
    claim: int
    delivery_id: str
    event_type: str
    payload: str
    failed_count: int
    """Attempts of the present schedule that have failed."""


class DeliveryQueue(Protocol):
    """Deliveries as those who send them see them. All raise DependencyUnavailable."""

    async def claim(self, limit: int, lease: timedelta, now: datetime) -> list[Claimed]:
        """Take what is due in hand, at most so many, for as long as `lease`."""
        ...

    async def report(
        self, claimed: Claimed, attempt: Attempt, retry_time: datetime | None, now: datetime
    ) -> str:
        """Write down what came of an attempt; `retry_time` is when it is tried again if it failed, None for never. The
        reason when the endpoint was disabled for it, else empty. Does nothing where the claim was lost."""
        ...

    async def drop_waiting(self, before: datetime, now: datetime, limit: int) -> int:
        """Give up deliveries that have been pending since before a time; how many."""
        ...

    async def forget_ended(self, before: datetime, limit: int) -> int:
        """Remove deliveries that ended before a time; how many."""
        ...


class Sending(Protocol):
    """Sends."""

    async def send(self, endpoint: Endpoint, delivery_id: str, body: str) -> Attempt:
        """Try once; whatever goes wrong is part of the result."""
        ...
