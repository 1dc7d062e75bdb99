"""What deploy/envoy/envoy.yaml.j2 is filled with: addresses per target, and what the protos say.

Which RPCs stream, and which of them a page calls with its key in the URL, is read from the descriptor
set, so a new RPC needs no change here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

from stack.config import REPO_ROOT, SERVICES
from stack.errors import StackError
from stack.render import render

DESCRIPTORS = REPO_ROOT / "scoreline" / "descriptors.binpb"

GRPC_SERVICES: dict[str, tuple[str, ...]] = {
    "accounts": ("scoreline.accounts.v1.AccountsService",),
    "rules": ("scoreline.rules.v1.RulesService",),
    "scoring": (
        "scoreline.scoring.v1.ScoringService",
        "scoreline.scoring.v1.AnalyticsService",
        "scoreline.scoring.v1.SimulationService",
    ),
    "ingest": (
        "scoreline.ingest.v1.IngestService",
        "scoreline.ingest.v1.WebhooksService",
        "scoreline.ingest.v1.ImportsService",
        "scoreline.ingest.v1.QuarantineService",
    ),
    "notify": (
        "scoreline.notify.v1.NotifyService",
        "scoreline.notify.v1.WebhookEndpointsService",
        "scoreline.notify.v1.AutomationsService",
        "scoreline.notify.v1.FollowUpsService",
    ),
}
"""What each process offers; the health of the first is that of all."""

_LONG_CALLS = ("GetRuleImpact", "RetractEvents", "TestAutomation")
"""Unary methods that take as long as reading the whole ledger, or as folding the leads of 100,000 events anew."""

_FILE = ".google.api.HttpBody"
"""What a method streams whose answer over HTTP is a file."""

# Any of our services answers these for all; one must be chosen, and accounts is the least loaded.
_COMMON_SERVICES = (
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "grpc.health.v1.Health",
)
_COMMON_SERVICES_CLUSTER = "accounts"

# google.rpc.Code of what Envoy answers by itself, as the services would say it.
_LOCAL_REPLY_CODES = (
    (400, 3),  # INVALID_ARGUMENT
    (403, 7),  # PERMISSION_DENIED
    (404, 5),  # NOT_FOUND
    (405, 12),  # UNIMPLEMENTED
    (408, 4),  # DEADLINE_EXCEEDED
    (413, 8),  # RESOURCE_EXHAUSTED
    (415, 3),  # INVALID_ARGUMENT
    (426, 9),  # FAILED_PRECONDITION
    (429, 8),  # RESOURCE_EXHAUSTED
    (431, 8),  # RESOURCE_EXHAUSTED
    (500, 13),  # INTERNAL
    (502, 14),  # UNAVAILABLE
    (503, 14),  # UNAVAILABLE
    (504, 4),  # DEADLINE_EXCEEDED
)

# Limits of the edge. A unary call that takes a minute has failed; streams live as long as they like.
_LIMITS: dict[str, object] = {
    "unary_timeout_s": 60,
    "long_timeout_s": 600,
    "idle_timeout_s": 300,
    "request_headers_timeout_s": 10,
    "connect_timeout_s": 1,
    "connection_buffer_bytes": 1_048_576,
    # A page of 1,000 leads with their attributes, as JSON.
    "response_body_bytes_max": 33_554_432,
    "streams_per_connection_max": 1_000,
    "requests_per_service_max": 20_000,
    "connections_max": 20_000,
}


@dataclass(frozen=True)
class Upstream:
    """One service behind the edge, and where it answers."""

    name: str
    grpc_services: tuple[str, ...]
    host: str
    port: int
    streams: tuple[str, ...]
    """Paths of methods with a stream in either direction: no timeout."""
    long_calls: tuple[str, ...]
    """Paths of unary methods with a longer timeout."""


@dataclass(frozen=True, kw_only=True)
class EdgeConfig:
    """Everything that differs between the places where the edge runs."""

    listen_host: str
    listen_port: int
    admin_host: str
    admin_port: int
    targets: dict[str, tuple[str, int]]
    """Host and port of each service that runs."""
    discovery: Literal["STATIC", "STRICT_DNS"]
    """STATIC: hosts are addresses; STRICT_DNS: names, each of which may stand for several instances."""
    descriptors_path: Path = DESCRIPTORS
    """Where Envoy finds the descriptor set."""
    cors_origins: tuple[str, ...] = ("*",)
    request_body_bytes_max: int = 5_000_000


def render_edge(config: EdgeConfig) -> str:
    """The Envoy configuration as YAML."""
    methods = _methods_of(_read_descriptors())
    upstreams = [
        _upstream(name, *config.targets[name], methods)
        for name in SERVICES
        if name in config.targets
    ]
    return render(
        "envoy/envoy.yaml.j2",
        listen_host=config.listen_host,
        listen_port=config.listen_port,
        admin_host=config.admin_host,
        admin_port=config.admin_port,
        discovery_type=config.discovery,
        descriptors_path=config.descriptors_path,
        cors_origins=config.cors_origins,
        request_body_bytes_max=config.request_body_bytes_max,
        services=upstreams,
        common_services=_COMMON_SERVICES,
        common_services_cluster=(
            _COMMON_SERVICES_CLUSTER if _COMMON_SERVICES_CLUSTER in config.targets else None
        ),
        query_key_paths=[
            path
            for one in upstreams
            for service in one.grpc_services
            for path in _query_key_paths(methods[service])
        ],
        upload_paths=[
            path
            for one in upstreams
            for service in one.grpc_services
            for path in _upload_paths(methods[service])
        ],
        local_reply_codes=_LOCAL_REPLY_CODES,
        **_LIMITS,
    )


def _upstream(
    name: str,
    host: str,
    port: int,
    methods: dict[str, list[descriptor_pb2.MethodDescriptorProto]],
) -> Upstream:
    offered = [
        (f"/{service}/{method.name}", method)
        for service in GRPC_SERVICES[name]
        for method in methods[service]
    ]
    return Upstream(
        name=name,
        grpc_services=GRPC_SERVICES[name],
        host=host,
        port=port,
        streams=tuple(
            path for path, method in offered if method.client_streaming or method.server_streaming
        ),
        long_calls=tuple(path for path, method in offered if method.name in _LONG_CALLS),
    )


def _read_descriptors() -> descriptor_pb2.FileDescriptorSet:
    if not DESCRIPTORS.exists():
        raise StackError(f"{DESCRIPTORS} is missing: run `make protos`.")
    # Known before the set is read, or the option reads as absent. Not at the top: `stack` is imported without the rest.
    from scoreline.common.v1 import scope_pb2  # noqa: F401

    return descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())


def _methods_of(
    descriptors: descriptor_pb2.FileDescriptorSet,
) -> dict[str, list[descriptor_pb2.MethodDescriptorProto]]:
    return {
        f"{file.package}.{service.name}": list(service.method)
        for file in descriptors.file
        for service in file.service
    }


def _query_key_paths(methods: Iterable[descriptor_pb2.MethodDescriptorProto]) -> list[str]:
    """Where a page can't send headers: EventSource, and sendBeacon with a key that can only track."""
    paths = []
    for method in methods:
        if _scope(method) == _scopes().SCOPE_TRACK:
            paths.append(method.options.Extensions[annotations_pb2.http].post)
        if not method.server_streaming or method.client_streaming or method.output_type == _FILE:
            continue
        path = method.options.Extensions[annotations_pb2.http].get
        if _scope(method) != _scopes().SCOPE_READ:
            # A page that watches is given a key that reads. One that may do more has no place in a URL.
            continue
        if path and "{" in path:
            raise StackError(
                f"{method.name}: {path} has a path parameter, which the edge can't open to EventSource "
                "yet: its routes there match whole paths."
            )
        if path:
            paths.append(path)
    return paths


def _upload_paths(methods: Iterable[descriptor_pb2.MethodDescriptorProto]) -> list[str]:
    """Where a request's body is a file, whose pieces the method takes as a stream."""
    posts = [
        method.options.Extensions[annotations_pb2.http].post
        for method in methods
        if method.client_streaming
    ]
    if any("{" in path for path in posts):
        raise StackError("The edge can't take files at paths with parameters yet.")
    return [path for path in posts if path]


def _scope(method: descriptor_pb2.MethodDescriptorProto) -> int:
    scope: int = method.options.Extensions[_scopes().required_scope]
    return scope


def _scopes() -> ModuleType:
    from scoreline.common.v1 import scope_pb2

    return scope_pb2
