"""The use cases around webhook sources: made, changed, given other secrets, tried. Deliveries are in
webhook_handlers.py."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scoreline.events.v1 import event_pb2
from services.ingest import convert
from services.ingest.domain.events import AcceptedEvent, InvalidEvent, Origin, accept
from services.ingest.domain.webhooks import bodies
from services.ingest.domain.webhooks.bodies import Unreadable
from services.ingest.domain.webhooks.model import (
    Definition,
    FailureAnswer,
    Kind,
    Secret,
    Source,
    Verification,
    WebhookMapping,
)
from services.ingest.webhook_cache import SourceCache
from services.ingest.webhook_compiling import compile_mapping
from services.ingest.webhook_decoding import Decoder
from services.ingest.webhook_handlers import EVENT_SOURCE, event_source, invalid
from services.ingest.webhook_mapping import Delivery, Failure, Made
from services.ingest.webhook_ports import Change, SourcePosition, SourceStore
from services.ingest.webhook_presets import Preset
from services.ingest.webhook_secrets import draw, draw_source_id, hint, is_source_id, problem
from services.shared.clock import Clock
from services.shared.errors import InvalidFields, ResourceNotFound, ServiceError, Violation

SOURCES_MAX = 200
"""Of a project, as the contract says."""

OVERLAP_DEFAULT = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=30)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

TRIED_ID = "test"
"""Stands for the id of the source in the ids of events where no source is tried."""


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source as it is asked for. What is None is the preset's."""

    display_name: str
    preset: str
    verification: Verification | None
    mapping: WebhookMapping | None
    disabled: bool
    failure_answer: FailureAnswer
    event_source: str
    secret: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A delivery to try."""

    source_id: str
    mapping: WebhookMapping | None
    preset: str
    body: str
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tried:
    """What would come of it."""

    events: list[event_pb2.Event]
    failure: str
    failure_field: str


class WebhookSources:
    """Sources of projects."""

    def __init__(
        self,
        store: SourceStore,
        cache: SourceCache,
        presets: Mapping[str, Preset],
        clock: Clock,
    ) -> None:
        self._store = store
        self._cache = cache
        self._presets = presets
        self._clock = clock
        self._decoder = Decoder()

    @property
    def presets(self) -> list[Preset]:
        """The ready mappings, by name."""
        return [self._presets[name] for name in sorted(self._presets)]

    async def create(self, project_id: str, wanted: NewSource) -> tuple[Source, str]:
        """The source, and its secret where one was drawn. Raises InvalidFields, TooManySources."""
        definition = self._definition(wanted)
        compile_mapping(definition.mapping, "webhook_source.mapping")
        kind = definition.verification.kind
        wrong = problem(kind, wanted.secret)
        if wrong:
            raise InvalidFields([Violation("secret", wrong)])
        drawn = "" if wanted.secret or kind is Kind.NONE else draw(kind)
        now = self._clock.now()
        text = wanted.secret or drawn
        source = Source(
            draw_source_id(),
            project_id,
            wanted.display_name,
            definition,
            wanted.disabled,
            revision=1,
            create_time=now,
            update_time=now,
            secrets=(Secret(1, text, hint(text), now, None),) if text else (),
        )
        await self._store.add(source, SOURCES_MAX)
        return source, drawn

    async def get(self, project_id: str, source_id: str) -> Source:
        """The source. Raises ResourceNotFound."""
        _check_id(source_id)
        return _found(await self._store.get(project_id, source_id, self._clock.now()), source_id)

    async def newest(
        self, project_id: str, after: SourcePosition | None, limit: int
    ) -> list[Source]:
        """A page of sources, newest first."""
        return await self._store.newest(project_id, after, limit, self._clock.now())

    async def update(self, project_id: str, source_id: str, change: Change) -> Source:
        """Change a source. Raises ResourceNotFound, InvalidFields, EtagMismatch."""
        _check_id(source_id)
        now = self._clock.now()

        def checked(before: Source) -> Source:
            after = change(before)
            if after.definition.mapping != before.definition.mapping:
                compile_mapping(after.definition.mapping, "webhook_source.mapping")
            _check_secret_fits(before, after)
            return replace(after, revision=before.revision + 1, update_time=now)

        changed = _found(await self._store.change(project_id, source_id, checked, now), source_id)
        self._cache.forget(source_id)
        return changed

    async def delete(self, project_id: str, source_id: str) -> None:
        """Remove a source. Raises ResourceNotFound."""
        _check_id(source_id)
        if not await self._store.remove(project_id, source_id):
            raise ResourceNotFound("webhook_source", source_id)
        self._cache.forget(source_id)

    async def rotate(
        self, project_id: str, source_id: str, secret: str, overlap: timedelta
    ) -> tuple[Source, str]:
        """Give a source another secret; the source, and the secret where it was drawn. Raises ResourceNotFound,
        InvalidFields, TooManySecrets."""
        before = await self.get(project_id, source_id)
        kind = before.definition.verification.kind
        if kind is Kind.NONE:
            raise InvalidFields([Violation("source_id", "is of a source that has no secret")])
        wrong = problem(kind, secret)
        if wrong:
            raise InvalidFields([Violation("secret", wrong)])
        drawn = "" if secret else draw(kind)
        text = secret or drawn
        now = self._clock.now()
        new = Secret(0, text, hint(text), now, None)
        kept = await self._store.add_secret(project_id, source_id, new, now + overlap, now)
        self._cache.forget(source_id)
        return _found(kept, source_id), drawn

    async def test(self, project_id: str, trial: Trial) -> Tried:
        """What would come of a delivery. Raises ResourceNotFound, InvalidFields for a mapping that does not compile,
        TooBusy."""
        source = await self.get(project_id, trial.source_id) if trial.source_id else None
        preset = self._preset(trial.preset, "preset") if trial.preset else None
        how, mapping, name = self._tried(source, preset, trial.mapping)
        compiled = compile_mapping(mapping, "mapping")
        text, content_type = trial.body, trial.content_type
        headers = {one.lower(): value for one, value in trial.headers.items()}
        if preset and not text:
            sample = preset.samples[0]
            text, content_type = sample.body, sample.content_type
            headers = {**sample.headers, **headers}
        now = self._clock.now()
        content = text.encode()
        try:
            body = await self._decoder.decode(project_id, content, content_type)
        except Unreadable as error:
            return Tried([], f"the body {error}", "body")
        readable = bodies.readable(how, headers)
        id_ = bodies.delivery_id(how, headers, content, body.value)
        delivery = Delivery(body.value, body.size, readable, id_, now)
        outcome = await compiled.events(delivery, source.source_id if source else TRIED_ID, name)
        return _tried(outcome.made, outcome.failures, now)

    def _tried(
        self, source: Source | None, preset: Preset | None, mapping: WebhookMapping | None
    ) -> tuple[Verification, WebhookMapping, str]:
        """How deliveries prove themselves, the mapping, and the sender of the events."""
        how = Verification(Kind.NONE)
        name = EVENT_SOURCE
        chosen = mapping
        if source is not None:
            how, name = source.definition.verification, event_source(source)
            chosen = chosen or (None if preset else source.definition.mapping)
        if preset is not None:
            how, name = preset.verification, preset.name
            chosen = chosen or preset.mapping
        if chosen is None:
            raise InvalidFields(
                [Violation("mapping", "is required, or a source_id or a preset instead")]
            )
        return how, chosen, name

    def _definition(self, wanted: NewSource) -> Definition:
        preset = self._preset(wanted.preset, "webhook_source.preset") if wanted.preset else None
        verification = wanted.verification or (preset.verification if preset else None)
        mapping = wanted.mapping or (preset.mapping if preset else None)
        missing = [
            Violation(f"webhook_source.{name}", "is required where there is no preset")
            for name, value in (("verification", verification), ("mapping", mapping))
            if value is None
        ]
        if verification is None or mapping is None:
            raise InvalidFields(missing)
        return Definition(
            verification, mapping, wanted.preset, wanted.failure_answer, wanted.event_source
        )

    def _preset(self, name: str, field: str) -> Preset:
        preset = self._presets.get(name)
        if preset is None:
            known = ", ".join(sorted(self._presets))
            raise InvalidFields([Violation(field, f"must be one of {known}")])
        return preset


def _tried(made: list[Made], failures: list[Failure], now: datetime) -> Tried:
    """Events as they would be accepted."""
    now_us = (now - _EPOCH) // _MICROSECOND
    events = []
    for one in made:
        try:
            accepted = accept(convert.incoming(one.event), now_us)
        except InvalidEvent as error:
            wrong = [Violation(f"event.{field}", text) for field, text in error.problems]
            failures.append(invalid(one, ServiceError("", violations=wrong)))
        else:
            events.append(_shown(accepted, now_us))
    if not failures:
        return Tried(events, "", "")
    return Tried(events, failures[0].description, failures[0].place)


def _shown(accepted: AcceptedEvent, now_us: int) -> event_pb2.Event:
    """An event as the stream would have it."""
    message = convert.message(Origin("", "", ""), accepted, now_us)
    return event_pb2.AcceptedEvent.FromString(message.payload).event


def _check_secret_fits(before: Source, after: Source) -> None:
    """A source that checks nothing can't begin to without a secret, nor with one of another kind."""
    kind = after.definition.verification.kind
    if kind in (before.definition.verification.kind, Kind.NONE):
        return
    if not before.secrets or any(problem(kind, one.text) for one in before.secrets):
        wrong = "can't become this: the source's secret is none for it; make another source"
        raise InvalidFields([Violation("webhook_source.verification.kind", wrong)])


def _check_id(source_id: str) -> None:
    if not is_source_id(source_id):
        raise ResourceNotFound("webhook_source", source_id)


def _found(source: Source | None, source_id: str) -> Source:
    if source is None:
        raise ResourceNotFound("webhook_source", source_id)
    return source
