"""Files that break off on their way to an HTTP client. gRPC says so in its trailers, which HTTP/1.1 leaves out at the
edge: the client would take half a file for a whole one. So the trailers of a call that the edge has translated from
HTTP are more than the edge takes from a service: it then breaks off the client's response as well."""

from collections.abc import Iterable
from typing import Any

from google.api.httpbody_pb2 import HttpBody

TRANSCODED = "x-envoy-original-path"
"""Metadata of calls that came as HTTP: the edge's transcoder keeps the path there."""

EDGE_TRAILERS_MAX = 100
"""Envoy resets a response with more headers or trailers (max_headers_count of a cluster, which is left at that)."""

TOO_MANY = tuple(("x-broken-off", "1") for _ in range(EDGE_TRAILERS_MAX + 1))
"""Trailers of a file that broke off."""


def is_file(message: object, metadata: Iterable[tuple[str, Any]]) -> bool:
    """Whether a message is a piece of a file for an HTTP client."""
    return isinstance(message, HttpBody) and any(name == TRANSCODED for name, _ in metadata)
