"""What becomes of a webhook delivery: it is checked, made into events and accepted like any other. What can't be made
into events is kept in quarantine, from where it comes back here. Sources are made and changed in webhook_sources.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import grpc

from services.ingest import convert
from services.ingest.domain.events import Origin
from services.ingest.domain.webhooks import bodies
from services.ingest.domain.webhooks.bodies import Unreadable
from services.ingest.domain.webhooks.model import FailureAnswer, Kind, Source
from services.ingest.domain.webhooks.signatures import NotProven, Signed, mailgun_proof, verify
from services.ingest.errors import MappingFailed, SignatureInvalid, SourceDisabled
from services.ingest.handlers import BATCH_EVENTS_MAX, IngestHandlers, Receipt
from services.ingest.ports import CannotRedeliver, Quarantine, Quarantined, Reason
from services.ingest.webhook_cache import Ready, SourceCache
from services.ingest.webhook_decoding import Decoder
from services.ingest.webhook_ecdsa import verify_ecdsa
from services.ingest.webhook_mapping import CompiledMapping, Delivery, Failure, Made, Outcome
from services.ingest.webhook_tokens import UsedTokens
from services.ingest.webhook_worker import DeliveryCounts
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import InvalidFields, ResourceNotFound, ServiceError, Violation

log = logs.get("webhooks")

EVENT_SOURCE = "webhook"
"""Who sent the events of a source that says nothing of it and was made from no preset."""

DETAIL_FAILURES_MAX = 3
"""So many are named to people."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery as it came."""

    headers: Mapping[str, str]
    """Names in lower case."""
    content_type: str
    content: bytes
    request_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a delivery."""

    event_count: int = 0
    duplicate: bool = False
    quarantined: bool = False
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class _Accepted:
    """Events of a delivery that are durable, and what did not become one."""

    count: int
    new: int
    failures: list[Failure]


class WebhookHandlers:
    """Takes deliveries."""

    def __init__(
        self,
        sources: SourceCache,
        events: IngestHandlers,
        quarantine: Quarantine,
        counts: DeliveryCounts,
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._events = events
        self._quarantine = quarantine
        self._counts = counts
        self._clock = clock
        self._decoder = Decoder()
        self._tokens = UsedTokens()

    async def receive(self, source_id: str, incoming: Incoming) -> Received:
        """Take a delivery. Raises ResourceNotFound, SourceDisabled, SignatureInvalid, MappingFailed where the source
        answers so, and what may pass: DependencyUnavailable, TooBusy, IntakeFull,
        QuarantineFull."""
        _check_size(incoming)
        ready = await self._sources.find(source_id)
        if ready is None:
            raise ResourceNotFound("webhook_source", source_id)
        source = ready.source
        if source.disabled:
            raise SourceDisabled(source_id)
        now = self._clock.now()
        self._verify(source, incoming, now)
        how = source.definition.verification
        headers = bodies.readable(how, incoming.headers)
        origin = Origin(source.project_id, incoming.request_id, incoming.traceparent)
        try:
            body = await self._decoder.decode(source_id, incoming.content, incoming.content_type)
        except Unreadable as error:
            accepted = _Accepted(0, 0, [Failure("", None, f"the body {error}")])
        else:
            challenge = bodies.challenge(how, body.value)
            if challenge:
                self._counts.ignored(source_id)
                return Received(challenge=challenge)
            delivery = _delivery(source, body, headers, incoming.content, now)
            accepted = await self._accept(origin, ready, delivery, now)
        if accepted.failures:
            await self._keep(source, incoming, headers, accepted, now)
            return Received(accepted.count, quarantined=True)
        self._count(source_id, accepted.count, now)
        return Received(accepted.count, duplicate=accepted.count > 0 and accepted.new == 0)

    async def redeliver(self, origin: Origin, item: Quarantined, first_seen: datetime) -> int:
        """A delivery from quarantine, by its source as it is now: a ports.Redelivery. Events that it gave before are
        duplicates."""
        ready = await self._sources.find(item.source_id)
        if ready is None or ready.source.project_id != origin.project_id:
            raise CannotRedeliver("its webhook source is gone")
        try:
            content_type = item.headers.get("content-type", "")
            body = await self._decoder.decode(item.source_id, item.payload, content_type)
        except Unreadable as error:
            raise CannotRedeliver(f"the body {error}") from error
        delivery = _delivery(ready.source, body, item.headers, item.payload, first_seen)
        accepted = await self._accept(origin, ready, delivery, first_seen)
        if accepted.failures:
            raise CannotRedeliver(_detail(accepted.failures))
        self._count(item.source_id, accepted.count, self._clock.now())
        return accepted.count

    def _count(self, source_id: str, events: int, now: datetime) -> None:
        if events:
            self._counts.accepted(source_id, events, now)
        else:
            self._counts.ignored(source_id)

    def _verify(self, source: Source, incoming: Incoming, now: datetime) -> None:
        valid = [
            secret.text
            for secret in source.secrets
            if secret.expire_time is None or secret.expire_time > now
        ]
        try:
            verify(
                source.definition.verification,
                valid,
                Signed(incoming.headers, incoming.content),
                now.timestamp(),
                verify_ecdsa,
            )
            if source.definition.verification.kind is Kind.MAILGUN:
                _, token, _ = mailgun_proof(incoming.content)
                self._tokens.use(source.source_id, token, incoming.content)
        except NotProven as error:
            self._counts.rejected(source.source_id)
            log.info("delivery refused", source=source.source_id, why=str(error))
            raise SignatureInvalid(str(error)) from error

    async def _accept(
        self, origin: Origin, ready: Ready, delivery: Delivery, came: datetime
    ) -> _Accepted:
        if ready.mapping is None:
            return _Accepted(0, 0, [Failure("mapping", None, "does not compile any more")])
        outcome = await applied(ready.mapping, ready.source, delivery)
        failures = list(outcome.failures)
        count = new = 0
        for start in range(0, len(outcome.made), BATCH_EVENTS_MAX):
            made = outcome.made[start : start + BATCH_EVENTS_MAX]
            events = [convert.incoming(one.event) for one in made]
            results = await self._events.accept_batch(origin, events, came)
            for one, result in zip(made, results, strict=True):
                if isinstance(result, Receipt):
                    count += 1
                    new += not result.duplicate
                elif result.code is grpc.StatusCode.INVALID_ARGUMENT:
                    failures.append(invalid(one, result))
                else:
                    # The sender tries again: what is stored by then is a duplicate.
                    raise result.with_traceback(None)
        return _Accepted(count, new, failures)

    async def _keep(
        self,
        source: Source,
        incoming: Incoming,
        headers: Mapping[str, str],
        accepted: _Accepted,
        now: datetime,
    ) -> None:
        detail = _detail(accepted.failures)
        item = Quarantined(
            source.project_id,
            Reason.MAPPING_FAILED,
            detail,
            "",
            source.source_id,
            {**headers, "content-type": incoming.content_type},
            incoming.content,
        )
        await self._quarantine.keep(item, now)
        self._counts.quarantined(source.source_id, accepted.count)
        if source.definition.failure_answer is FailureAnswer.REFUSE:
            raise MappingFailed(f"kept in quarantine: {detail}")


async def applied(mapping: CompiledMapping, source: Source, delivery: Delivery) -> Outcome:
    """What a mapping makes of a delivery of a source."""
    return await mapping.events(delivery, source.source_id, event_source(source))


def event_source(source: Source) -> str:
    """The sender of a source's events."""
    return source.definition.event_source or source.definition.preset or EVENT_SOURCE


def invalid(made: Made, error: ServiceError) -> Failure:
    """Why an event that a mapping made is none."""
    said = [
        f"{_field(one.field)}{one.description}"
        for one in error.violations or [Violation("", error.message)]
    ]
    return Failure(f"mapping.events[{made.mapping}]", made.item, "; ".join(said))


def _field(path: str) -> str:
    """`events[3].email` of a batch is `email: ` of an event; the event as a whole is nothing."""
    _, dot, name = path.partition(".")
    return f"{name}: " if dot else ""


def _detail(failures: Sequence[Failure]) -> str:
    named = "; ".join(map(str, failures[:DETAIL_FAILURES_MAX]))
    more = len(failures) - DETAIL_FAILURES_MAX
    return f"{named}; and {more} more" if more > 0 else named


def _delivery(
    source: Source,
    body: bodies.Body,
    headers: Mapping[str, str],
    content: bytes,
    receive_time: datetime,
) -> Delivery:
    how = source.definition.verification
    id_ = bodies.delivery_id(how, headers, content, body.value)
    return Delivery(body.value, body.size, headers, id_, receive_time)


def _check_size(incoming: Incoming) -> None:
    if len(incoming.content) > bodies.BODY_BYTES_MAX:
        found = f"must be at most {bodies.BODY_BYTES_MAX:,} bytes"
        raise InvalidFields([Violation("body", found)])
    if incoming.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise InvalidFields([Violation("body", "must not be compressed (content-encoding)")])
