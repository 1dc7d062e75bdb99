"""The requests of the doors that take a body as it is: CloudEvents over HTTP, and what pages send."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.api.httpbody_pb2 import HttpBody

from scoreline.ingest.v1.ingest_service_pb2 import ReceiveCloudEventsRequest, TrackRequest

CLOUD_EVENT: Final = "application/cloudevents+json"
"""Content type of one CloudEvent in JSON."""

CLOUD_EVENTS: Final = "application/cloudevents-batch+json"
"""Content type of several, as a JSON array."""


def receive_cloud_events(
    body: bytes, content_type: str, type_prefix: str
) -> ReceiveCloudEventsRequest:
    """CloudEvents as they came."""
    return ReceiveCloudEventsRequest(
        body=HttpBody(content_type=content_type, data=body), type_prefix=type_prefix
    )


def track(events: Sequence[Mapping[str, Any]]) -> TrackRequest:
    """Events as a page sends them."""
    body = json.dumps({"events": list(events)}, allow_nan=False).encode()
    return TrackRequest(body=HttpBody(content_type="application/json", data=body))
