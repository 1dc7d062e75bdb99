"""What administrators do with webhook endpoints and their deliveries."""

import asyncio
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.notify import endpoint_signing
from services.notify.conditions import Conditions
from services.notify.domain import targets
from services.notify.domain.addresses import Network, refused
from services.notify.domain.endpoints import (
    Attempt,
    Definition,
    Delivery,
    Endpoint,
    Secret,
    Signing,
    State,
)
from services.notify.domain.targets import NotATarget
from services.notify.endpoint_ports import (
    Change,
    DeliveryStore,
    EndpointPosition,
    EndpointStore,
    Sending,
)
from services.notify.ports import ScoreStream, StreamState
from services.shared import logs
from services.shared.cel import InvalidExpression
from services.shared.clock import Clock
from services.shared.errors import (
    DependencyUnavailable,
    InvalidFields,
    ResourceNotFound,
    Violation,
)

log = logs.get("endpoints")

ENDPOINTS_MAX = 100
"""Of a project."""

REDELIVERED_MAX = 10_000
"""In one call."""

END_PATIENCE_S = 2.0
"""The broker is asked for so long where its stream ends: endpoints can be made without it."""

OVERLAP_DEFAULT = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=7)

ENDPOINT_ID_PREFIX = "whe_"
ENDPOINT_ID_CHARS = 24

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What to make."""

    url: str
    description: str
    definition: Definition
    headers: dict[str, str]
    disabled: bool


@dataclass(frozen=True, slots=True)
class TestSent:
    """What came of an example."""

    delivery_id: str
    payload: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class TargetRules:
    """Where the operator lets webhooks go."""

    http_allowed: bool
    allowed: tuple[Network, ...]

    def check(self, url: str) -> None:
        """Refuse what can be seen to be wrong now; names are looked up when something is sent. Raises InvalidFields."""
        path = "webhook_endpoint.url"
        try:
            target = targets.parse(url, self.http_allowed)
        except NotATarget as error:
            raise InvalidFields([Violation(path, str(error))]) from error
        literal = ":" in target.host or target.host.replace(".", "").isdigit()
        if literal and refused(target.host, self.allowed):
            raise InvalidFields([Violation(path, "must not be an address that is not public")])


class EndpointHandlers:
    """Makes, changes, shows and tries endpoints. `example` makes the body of an example of a type."""

    def __init__(
        self,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        sender: Sending,
        rules: TargetRules,
        conditions: Conditions,
        example: Callable[[str, datetime], str],
        nudge: Callable[[], None],
        clock: Clock,
        stream: ScoreStream,
    ) -> None:
        self._stream = stream
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._sender = sender
        self._rules = rules
        self._conditions = conditions
        self._example = example
        self._nudge = nudge
        self._clock = clock

    async def create(self, project_id: str, new: NewEndpoint) -> tuple[Endpoint, str]:
        """Make an endpoint; returns the secret to show, empty where none is shared."""
        self._rules.check(new.url)
        self._check_filter(new.definition.filter)
        now = self._clock.now()
        drawn = endpoint_signing.draw_secret(new.definition.signing)
        endpoint = Endpoint(
            _drawn_id(ENDPOINT_ID_PREFIX),
            project_id,
            new.url,
            new.description,
            new.definition,
            new.disabled,
            "",
            None,
            1,
            now,
            now,
            new.headers,
            (Secret(drawn),),
        )
        await self._endpoints.add(endpoint, ENDPOINTS_MAX, await self._stream_end())
        return endpoint, _shown(endpoint, drawn)

    async def get(self, project_id: str, endpoint_id: str) -> Endpoint:
        """An endpoint. Raises ResourceNotFound."""
        return _there(
            await self._endpoints.get(project_id, endpoint_id, self._clock.now()), endpoint_id
        )

    async def missed_time(self) -> datetime | None:
        """When changes were last found to be gone before they were planned."""
        return await self._endpoints.missed_time()

    async def newest(
        self, project_id: str, after: EndpointPosition | None, limit: int
    ) -> list[Endpoint]:
        """Endpoints, newest first."""
        return await self._endpoints.newest(project_id, after, limit, self._clock.now())

    async def update(self, project_id: str, endpoint_id: str, change: Change) -> Endpoint:
        """Change one. Raises ResourceNotFound, EtagMismatch, InvalidFields."""
        now = self._clock.now()

        def checked(before: Endpoint) -> Endpoint:
            after = change(before)
            if after.url != before.url:
                self._rules.check(after.url)
            if after.definition.filter != before.definition.filter:
                self._check_filter(after.definition.filter)
            if before.disabled != after.disabled:
                # Whoever changes it by hand takes over: what the service found is settled.
                after = replace(after, disabled_reason="", failing_since=None)
            return replace(after, revision=before.revision + 1, update_time=now)

        end = await self._stream_end()
        changed = await self._endpoints.change(project_id, endpoint_id, checked, now, end)
        self._nudge()
        return _there(changed, endpoint_id)

    async def delete(self, project_id: str, endpoint_id: str) -> None:
        """Remove one. Raises ResourceNotFound."""
        if not await self._endpoints.remove(project_id, endpoint_id):
            raise ResourceNotFound("webhook_endpoint", endpoint_id)

    async def rotate(
        self, project_id: str, endpoint_id: str, overlap: timedelta
    ) -> tuple[Endpoint, str]:
        """Give one another secret; returns what to show of it. Raises ResourceNotFound, TooManyEndpointSecrets."""
        now = self._clock.now()
        before = await self.get(project_id, endpoint_id)
        drawn = endpoint_signing.draw_secret(before.definition.signing)
        changed = await self._endpoints.add_secret(
            project_id, endpoint_id, Secret(drawn), now + overlap, now
        )
        return _there(changed, endpoint_id), _shown(before, drawn)

    async def deliveries(
        self,
        project_id: str,
        endpoint_id: str,
        state: State | None,
        lead_id: str,
        before: int | None,
        limit: int,
    ) -> list[Delivery]:
        """Deliveries, newest first. Raises ResourceNotFound."""
        await self.get(project_id, endpoint_id)
        return await self._deliveries.newest(endpoint_id, state, lead_id, before, limit)

    async def redeliver(
        self, project_id: str, endpoint_id: str, delivery_id: str, since: datetime | None
    ) -> int:
        """Have one sent again, or those since a time that failed. Raises ResourceNotFound."""
        await self.get(project_id, endpoint_id)
        count = await self._deliveries.redeliver(
            endpoint_id, delivery_id, since, REDELIVERED_MAX, self._clock.now()
        )
        if count is None:
            raise ResourceNotFound("webhook_delivery", delivery_id)
        self._nudge()
        return count

    async def test(self, project_id: str, endpoint_id: str, event_type: str) -> TestSent:
        """Send an example. Raises ResourceNotFound."""
        endpoint = await self.get(project_id, endpoint_id)
        kind = event_type or endpoint.definition.event_types[0]
        body = self._example(kind, self._clock.now())
        delivery_id = _drawn_id("msg_test_")
        return TestSent(delivery_id, body, await self._sender.send(endpoint, delivery_id, body))

    async def _stream_end(self) -> StreamState | None:
        try:
            async with asyncio.timeout(END_PATIENCE_S):
                return await self._stream.state()
        except (DependencyUnavailable, TimeoutError):
            log.info("endpoint made while the broker is away")
            return None

    def _check_filter(self, source: str) -> None:
        if not source:
            return
        try:
            self._conditions.compile(source)
        except InvalidExpression as error:
            raise InvalidFields([Violation("webhook_endpoint.filter", str(error))]) from error


def _drawn_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(ENDPOINT_ID_CHARS))


def _shown(endpoint: Endpoint, secret: str) -> str:
    return secret if endpoint.definition.signing is Signing.HMAC else ""


def _there(found: Endpoint | None, endpoint_id: str) -> Endpoint:
    if found is None:
        raise ResourceNotFound("webhook_endpoint", endpoint_id)
    return found
