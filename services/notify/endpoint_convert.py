"""Between the contract of webhook endpoints and the domain. Nothing else touches both."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1 import webhook_endpoints_service_pb2 as pb
from services.notify import endpoint_signing
from services.notify.convert import LEAD_ID_CHARS_MAX, STAGE_CHARS_MAX, STAGES_MAX, check_names
from services.notify.domain.endpoints import (
    CONCURRENCY,
    EVENT_TYPES,
    QUALIFIED_STAGES,
    Attempt,
    Definition,
    Delivery,
    Endpoint,
    Signing,
    State,
)
from services.notify.endpoint_handlers import OVERLAP_DEFAULT, OVERLAP_MAX, NewEndpoint
from services.notify.endpoint_ports import Change
from services.shared.errors import EtagMismatch, Violations
from services.shared.times import to_datetime, to_timestamp

DESCRIPTION_CHARS_MAX = 256
FILTER_CHARS_MAX = 4_096
HEADERS_MAX = 20
HEADER_CHARS_MAX = 1_024
CONCURRENCY_MAX = 32

HIDDEN = "***"
"""Shown instead of a header's value."""

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""

_CHANGEABLE = (
    "url",
    "description",
    "event_types",
    "filter",
    "headers",
    "disabled",
    "concurrency",
    "qualified_stages",
)
_DEFINED = ("event_types", "filter", "concurrency", "qualified_stages")

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_OWN_HEADERS = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}
"""What this side decides, and what belongs to the connection."""

_PATH = "webhook_endpoint"


def new_endpoint(request: pb.CreateWebhookEndpointRequest) -> NewEndpoint:
    """The endpoint to make. Raises InvalidFields."""
    written = request.webhook_endpoint
    wrong = Violations()
    definition = _definition(written, wrong)
    headers = _headers(written.headers, {}, wrong)
    _check_description(written.description, wrong)
    wrong.raise_if_any()
    return NewEndpoint(written.url, written.description, definition, headers, written.disabled)


def endpoint_changes(request: pb.UpdateWebhookEndpointRequest) -> tuple[str, Change]:
    """Which endpoint, and what to change in it. Raises InvalidFields."""
    written = request.webhook_endpoint
    wrong = Violations()
    if not written.endpoint_id:
        wrong.add(f"{_PATH}.endpoint_id", "is required")
    chosen = _chosen(request, wrong)
    _check_description(written.description, wrong)
    filled = pb.WebhookEndpoint()
    filled.CopyFrom(written)
    if "event_types" not in chosen:
        filled.event_types[:] = EVENT_TYPES
    filled.signature_version = ""
    defined = _definition(filled, wrong)
    # Checked without those before, which are not known yet.
    _headers({k: v for k, v in written.headers.items() if v != HIDDEN}, {}, wrong)
    wrong.raise_if_any()

    def change(before: Endpoint) -> Endpoint:
        if written.etag and written.etag != _etag(before):
            raise EtagMismatch("webhook_endpoint", before.endpoint_id)
        headers = before.headers
        if "headers" in chosen:
            unknown = Violations()
            headers = _headers(written.headers, before.headers, unknown)
            unknown.raise_if_any()
        return replace(
            before,
            url=written.url if "url" in chosen else before.url,
            description=written.description if "description" in chosen else before.description,
            disabled=written.disabled if "disabled" in chosen else before.disabled,
            headers=headers,
            definition=replace(
                before.definition,
                **{name: getattr(defined, name) for name in _DEFINED if name in chosen},
            ),
        )

    return written.endpoint_id, change


def overlap(request: pb.RotateEndpointSecretRequest) -> timedelta:
    """How long the secrets before go on signing. Raises InvalidFields."""
    if not request.HasField("overlap"):
        return OVERLAP_DEFAULT
    seconds = _seconds(request.overlap)
    wrong = Violations()
    if not 0 <= seconds <= OVERLAP_MAX.total_seconds():
        wrong.add("overlap", f"must be 0 to {OVERLAP_MAX.days} days")
    wrong.raise_if_any()
    return timedelta(seconds=seconds)


def which_deliveries(request: pb.ListDeliveriesRequest) -> tuple[State | None, str]:
    """State and lead of the deliveries to list. Raises InvalidFields."""
    wrong = Violations()
    if request.state not in pb.WebhookDelivery.State.values():
        wrong.add("state", "is not a state there is")
    if request.lead_id:
        check_names(wrong, "lead_id", [request.lead_id], 1, LEAD_ID_CHARS_MAX)
    wrong.raise_if_any()
    if not request.state:
        return None, request.lead_id
    name = pb.WebhookDelivery.State.Name(request.state)
    return State(name.removeprefix("STATE_").lower()), request.lead_id


def redelivered(request: pb.RedeliverWebhooksRequest) -> tuple[str, datetime | None]:
    """The delivery to send again, or the time since when. Raises InvalidFields."""
    wrong = Violations()
    since = None
    if bool(request.delivery_id) == request.HasField("since_time"):
        wrong.add("delivery_id", "either this or since_time is required, and not both")
    elif request.HasField("since_time"):
        try:
            since = to_datetime(request.since_time)
        except OverflowError:
            wrong.add("since_time", "must be a time of the years 1 to 9999")
    else:
        check_names(wrong, "delivery_id", [request.delivery_id], 1, LEAD_ID_CHARS_MAX)
    wrong.raise_if_any()
    return request.delivery_id, since


def tested_type(request: pb.SendTestDeliveryRequest) -> str:
    """The type of the example, empty for the endpoint's first. Raises InvalidFields."""
    wrong = Violations()
    if request.event_type and request.event_type not in EVENT_TYPES:
        wrong.add("event_type", f"must be one of {', '.join(EVENT_TYPES)}")
    wrong.raise_if_any()
    return request.event_type


def endpoint_message(endpoint: Endpoint, missed_time: datetime | None = None) -> pb.WebhookEndpoint:
    """An endpoint as it is shown."""
    wanted = endpoint.definition
    message = pb.WebhookEndpoint(
        endpoint_id=endpoint.endpoint_id,
        url=endpoint.url,
        description=endpoint.description,
        event_types=wanted.event_types,
        filter=wanted.filter,
        headers=dict.fromkeys(endpoint.headers, HIDDEN),
        disabled=endpoint.disabled,
        disabled_reason=endpoint.disabled_reason,
        concurrency=wanted.concurrency,
        signature_version=wanted.signing.value,
        create_time=to_timestamp(endpoint.create_time),
        update_time=to_timestamp(endpoint.update_time),
        etag=_etag(endpoint),
        qualified_stages=wanted.qualified_stages,
    )
    if wanted.signing is Signing.ED25519 and endpoint.secrets:
        message.public_key = endpoint_signing.public_key(endpoint.secrets[0].text)
    if endpoint.failing_since is not None:
        message.failing_since_time.CopyFrom(to_timestamp(endpoint.failing_since))
    if missed_time is not None:
        message.changes_missed_time.CopyFrom(to_timestamp(missed_time))
    return message


def delivery_message(delivery: Delivery) -> pb.WebhookDelivery:
    """A delivery as it is shown."""
    message = pb.WebhookDelivery(
        delivery_id=delivery.delivery_id,
        event_type=delivery.event_type,
        lead_id=delivery.lead_id,
        state=f"STATE_{delivery.state.value.upper()}",
        create_time=to_timestamp(delivery.create_time),
        attempts=map(attempt_message, delivery.attempts),
        payload=delivery.payload,
    )
    if delivery.retry_time is not None:
        message.next_attempt_time.CopyFrom(to_timestamp(delivery.retry_time))
    return message


def attempt_message(attempt: Attempt) -> pb.DeliveryAttempt:
    """An attempt as it is shown."""
    message = pb.DeliveryAttempt(
        attempt_time=to_timestamp(attempt.attempt_time),
        status=attempt.status,
        response_excerpt=attempt.excerpt,
        error=attempt.error,
    )
    message.latency.FromMilliseconds(attempt.latency_ms)
    return message


def _chosen(request: pb.UpdateWebhookEndpointRequest, wrong: Violations) -> frozenset[str]:
    """What to change: what the mask names, without one what is set."""
    written, paths = request.webhook_endpoint, list(request.update_mask.paths)
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


def _definition(written: pb.WebhookEndpoint, wrong: Violations) -> Definition:
    types = tuple(dict.fromkeys(written.event_types))
    if not types or any(one not in EVENT_TYPES for one in types):
        wrong.add(f"{_PATH}.event_types", f"must be some of {', '.join(EVENT_TYPES)}")
    stages = written.qualified_stages
    check_names(wrong, f"{_PATH}.qualified_stages", stages, STAGES_MAX, STAGE_CHARS_MAX)
    if len(written.filter) > FILTER_CHARS_MAX:
        wrong.add(f"{_PATH}.filter", f"must be at most {FILTER_CHARS_MAX:,} characters")
    if not 0 <= written.concurrency <= CONCURRENCY_MAX:
        wrong.add(f"{_PATH}.concurrency", f"must be 1 to {CONCURRENCY_MAX}, or 0 for {CONCURRENCY}")
    versions = [one.value for one in Signing]
    if written.signature_version and written.signature_version not in versions:
        wrong.add(f"{_PATH}.signature_version", f"must be one of {', '.join(versions)}")
    wrong.raise_if_any()
    return Definition(
        types,
        tuple(stages) or QUALIFIED_STAGES,
        written.filter,
        written.concurrency or CONCURRENCY,
        Signing(written.signature_version or Signing.HMAC.value),
    )


def _headers(
    written: Mapping[str, str], before: Mapping[str, str], wrong: Violations
) -> dict[str, str]:
    """Headers by their names in lower case."""
    path = f"{_PATH}.headers"
    if len(written) > HEADERS_MAX:
        wrong.add(path, f"must be at most {HEADERS_MAX}")
        return {}
    found: dict[str, str] = {}
    for name, value in written.items():
        lower = name.lower()
        if not _HEADER.fullmatch(name):
            wrong.add(path, f"{name[:64]!r} is not the name of a header")
        elif lower in _OWN_HEADERS or lower.startswith("webhook-"):
            wrong.add(path, f"{lower} can't be set")
        elif value == HIDDEN and lower in before:
            found[lower] = before[lower]
        elif value == HIDDEN:
            wrong.add(path, f"{lower} has no value that could be kept")
        elif len(value) > HEADER_CHARS_MAX or not _HEADER_VALUE.fullmatch(value):
            wrong.add(path, f"{lower} must have 1 to {HEADER_CHARS_MAX:,} printable characters")
        else:
            found[lower] = value
    return found


def _check_description(text: str, wrong: Violations) -> None:
    if len(text) > DESCRIPTION_CHARS_MAX or not text.isprintable():
        wrong.add(
            f"{_PATH}.description", f"must be at most {DESCRIPTION_CHARS_MAX} printable characters"
        )


def _etag(endpoint: Endpoint) -> str:
    return str(endpoint.revision)


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
