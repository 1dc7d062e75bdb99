"""Between the contract of webhooks and the domain. Nothing else touches both."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from scoreline.ingest.v1 import webhook_source_pb2 as wire
from scoreline.ingest.v1 import webhooks_service_pb2 as pb
from services.ingest.domain.events import SOURCE_CHARS_MAX
from services.ingest.domain.webhooks.model import (
    EXPRESSIONS,
    KEY,
    TOLERANCE_S_MAX,
    Digest,
    Encoding,
    FailureAnswer,
    Kind,
    Secret,
    Source,
    Verification,
    WebhookMapping,
)
from services.ingest.webhook_ports import Change
from services.ingest.webhook_presets import Preset
from services.ingest.webhook_sources import OVERLAP_DEFAULT, OVERLAP_MAX, NewSource, Trial
from services.shared.errors import EtagMismatch, Violations
from services.shared.times import to_timestamp

DISPLAY_NAME_CHARS_MAX = 128
PREFIX_CHARS_MAX = 64
URL_CHARS_MAX = 2_048
TRIED_HEADERS_MAX = 64
HEADER_CHARS_MAX = 4_096

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""

_CHANGEABLE = (
    "display_name",
    "verification",
    "mapping",
    "disabled",
    "failure_answer",
    "event_source",
)

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_URL = re.compile(r"https?://[!-~]+")

_WITH_HEADER = (Kind.HMAC, Kind.BEARER, Kind.STRIPE)
_HMAC_ONLY = ("prefix", "encoding", "digest")


def new_source(request: pb.CreateWebhookSourceRequest) -> NewSource:
    """The source to make. Raises InvalidFields."""
    written = request.webhook_source
    wrong = Violations()
    path = "webhook_source"
    _check_text(written.display_name, DISPLAY_NAME_CHARS_MAX, f"{path}.display_name", wrong)
    _check_text(written.event_source, SOURCE_CHARS_MAX, f"{path}.event_source", wrong)
    verification = None
    if written.HasField("verification"):
        verification = _verification(written.verification, f"{path}.verification", wrong)
    answer = _failure_answer(written.failure_answer, path, wrong)
    wrong.raise_if_any()
    return NewSource(
        written.display_name,
        written.preset,
        verification,
        mapping(written.mapping) if written.HasField("mapping") else None,
        written.disabled,
        answer,
        written.event_source,
        request.secret,
    )


def source_changes(request: pb.UpdateWebhookSourceRequest) -> tuple[str, Change]:
    """Which source, and what to change in it. Raises InvalidFields."""
    written = request.webhook_source
    path = "webhook_source"
    wrong = Violations()
    if not written.source_id:
        wrong.add(f"{path}.source_id", "is required")
    chosen = _chosen(request, wrong)
    _check_text(written.display_name, DISPLAY_NAME_CHARS_MAX, f"{path}.display_name", wrong)
    _check_text(written.event_source, SOURCE_CHARS_MAX, f"{path}.event_source", wrong)
    answer = _failure_answer(written.failure_answer, path, wrong)
    changed: dict[str, object] = {}
    if "verification" in chosen:
        changed["verification"] = _verification(written.verification, f"{path}.verification", wrong)
    if "mapping" in chosen:
        changed["mapping"] = mapping(written.mapping)
    if "failure_answer" in chosen:
        changed["failure_answer"] = answer
    if "event_source" in chosen:
        changed["event_source"] = written.event_source
    wrong.raise_if_any()

    def change(before: Source) -> Source:
        if written.etag and written.etag != _etag(before):
            raise EtagMismatch("webhook_source", before.source_id)
        return replace(
            before,
            display_name=(
                written.display_name if "display_name" in chosen else before.display_name
            ),
            disabled=written.disabled if "disabled" in chosen else before.disabled,
            definition=replace(before.definition, **changed),  # type: ignore[arg-type]
        )

    return written.source_id, change


def overlap(request: pb.RotateWebhookSecretRequest) -> timedelta:
    """How long the secrets before stay valid. Raises InvalidFields."""
    if not request.HasField("overlap"):
        return OVERLAP_DEFAULT
    wrong = Violations()
    seconds = _seconds(request.overlap)
    if not 0 <= seconds <= OVERLAP_MAX.total_seconds():
        wrong.add("overlap", f"must be 0 to {OVERLAP_MAX.days} days")
    wrong.raise_if_any()
    return timedelta(seconds=seconds)


def trial(request: pb.TestWebhookSourceRequest) -> Trial:
    """The delivery to try. Raises InvalidFields."""
    wrong = Violations()
    headers = request.headers
    if len(headers) > TRIED_HEADERS_MAX or any(
        len(value) > HEADER_CHARS_MAX or not _HEADER.fullmatch(name)
        for name, value in headers.items()
    ):
        wrong.add(
            "headers",
            f"must be at most {TRIED_HEADERS_MAX} headers of {HEADER_CHARS_MAX:,} characters",
        )
    wrong.raise_if_any()
    return Trial(
        request.source_id,
        mapping(request.mapping) if request.HasField("mapping") else None,
        request.preset,
        request.body,
        request.content_type,
        dict(headers),
    )


def mapping(written: wire.WebhookMapping) -> WebhookMapping:
    """A mapping as it was written; it is checked where it is compiled."""
    return WebhookMapping(
        written.items,
        tuple(
            {name: getattr(event, name) for name in (KEY, *EXPRESSIONS) if getattr(event, name)}
            for event in written.events
        ),
    )


def source_message(source: Source) -> wire.WebhookSource:
    """A source as it is shown."""
    definition, counted = source.definition, source.counters
    answer = wire.WebhookSource(
        source_id=source.source_id,
        display_name=source.display_name,
        preset=definition.preset,
        verification=_verification_message(definition.verification),
        mapping=_mapping_message(definition.mapping),
        disabled=source.disabled,
        failure_answer=f"FAILURE_ANSWER_{definition.failure_answer.value.upper()}",
        event_source=definition.event_source,
        create_time=to_timestamp(source.create_time),
        update_time=to_timestamp(source.update_time),
        etag=_etag(source),
        counters=wire.WebhookCounters(
            accepted=counted.accepted,
            rejected=counted.rejected,
            quarantined=counted.quarantined,
            events=counted.events,
            ignored=counted.ignored,
        ),
        secrets=map(_secret_message, source.secrets),
    )
    if counted.last_accept_time is not None:
        answer.counters.last_accept_time.CopyFrom(to_timestamp(counted.last_accept_time))
    return answer


def preset_message(preset: Preset) -> wire.WebhookPreset:
    """A ready mapping."""
    return wire.WebhookPreset(
        name=preset.name,
        description=preset.description,
        verification=_verification_message(preset.verification),
        mapping=_mapping_message(preset.mapping),
        sample_body=preset.samples[0].body,
    )


def headers_of(metadata: object) -> Mapping[str, str]:
    """A delivery's headers: the call's metadata. What comes several times is joined with a comma, as HTTP has it."""
    headers: dict[str, str] = {}
    for name, value in metadata or ():  # type: ignore[attr-defined]
        if isinstance(value, str):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _chosen(request: pb.UpdateWebhookSourceRequest, wrong: Violations) -> frozenset[str]:
    """What to change: what the mask names, without one what is set."""
    written, paths = request.webhook_source, list(request.update_mask.paths)
    if not paths:
        return frozenset(
            field.name for field, _ in written.ListFields() if field.name in _CHANGEABLE
        )
    if paths == [EVERYTHING]:
        return frozenset(_CHANGEABLE)
    for path in paths:
        if path not in _CHANGEABLE:
            wrong.add("update_mask", f"{path!r} is none of {', '.join(_CHANGEABLE)}")
    return frozenset(paths)


def _verification(written: wire.WebhookVerification, path: str, wrong: Violations) -> Verification:
    kind = _kind(written.kind)
    if kind is None:
        wrong.add(f"{path}.kind", "is required")
        return Verification(Kind.NONE)
    header = written.header.lower()
    if kind is Kind.HMAC and not header:
        wrong.add(f"{path}.header", "is required")
    elif header and kind not in _WITH_HEADER:
        wrong.add(f"{path}.header", "must be empty for this kind")
    elif header and (not _HEADER.fullmatch(header) or header.endswith("-bin")):
        wrong.add(f"{path}.header", "must be the name of a header, not ending in -bin")
    for name in _HMAC_ONLY:
        if getattr(written, name) and kind is not Kind.HMAC:
            wrong.add(f"{path}.{name}", "is of the kind HMAC only")
    _check_text(written.prefix, PREFIX_CHARS_MAX, f"{path}.prefix", wrong)
    if written.url and kind is not Kind.HUBSPOT:
        wrong.add(f"{path}.url", "is of the kind HubSpot only")
    elif written.url and (len(written.url) > URL_CHARS_MAX or not _URL.fullmatch(written.url)):
        wrong.add(f"{path}.url", "must be the whole URL, beginning with https://")
    tolerance_s = None
    if written.HasField("tolerance"):
        tolerance_s = _seconds(written.tolerance)
        if not 0 < tolerance_s <= TOLERANCE_S_MAX:
            wrong.add(f"{path}.tolerance", f"must be more than 0 and at most {TOLERANCE_S_MAX:g} s")
    encoding = Encoding.HEX
    if written.encoding == wire.WebhookVerification.ENCODING_BASE64:
        encoding = Encoding.BASE64
    sha1 = written.digest == wire.WebhookVerification.DIGEST_SHA1
    digest = Digest.SHA1 if sha1 else Digest.SHA256
    return Verification(kind, header, encoding, written.prefix, digest, tolerance_s, written.url)


def _kind(written: int) -> Kind | None:
    if written not in wire.WebhookVerification.Kind.values() or not written:
        return None
    name = wire.WebhookVerification.Kind.Name(written)
    return Kind(name.removeprefix("KIND_").lower())


def _failure_answer(written: int, path: str, wrong: Violations) -> FailureAnswer:
    if written not in wire.FailureAnswer.values():
        wrong.add(f"{path}.failure_answer", "is not an answer there is")
    refuse = written == wire.FAILURE_ANSWER_REFUSE
    return FailureAnswer.REFUSE if refuse else FailureAnswer.ACCEPT


def _check_text(text: str, chars_max: int, path: str, wrong: Violations) -> None:
    if len(text) > chars_max or not text.isprintable():
        wrong.add(path, f"must be at most {chars_max} printable characters")


def _verification_message(how: Verification) -> wire.WebhookVerification:
    signed = how.kind is Kind.HMAC
    message = wire.WebhookVerification(
        kind=f"KIND_{how.kind.value.upper()}",
        header=how.header,
        prefix=how.prefix,
        encoding=f"ENCODING_{how.encoding.value.upper()}" if signed else None,
        digest=f"DIGEST_{how.digest.value.upper()}" if signed else None,
        url=how.url,
    )
    if how.tolerance_s is not None:
        message.tolerance.FromTimedelta(timedelta(seconds=how.tolerance_s))
    return message


def _mapping_message(written: WebhookMapping) -> wire.WebhookMapping:
    return wire.WebhookMapping(
        items=written.items, events=[wire.EventMapping(**event) for event in written.events]
    )


def _secret_message(secret: Secret) -> wire.WebhookSecret:
    message = wire.WebhookSecret(hint=secret.hint, create_time=to_timestamp(secret.create_time))
    if secret.expire_time is not None:
        message.expire_time.CopyFrom(to_timestamp(secret.expire_time))
    return message


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def _etag(source: Source) -> str:
    return str(source.revision)
