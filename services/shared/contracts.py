"""What the contracts say about the suite as a whole: its gRPC services, and the scope each method needs."""

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from scoreline.accounts.v1 import accounts_service_pb2
from scoreline.common.v1 import scope_pb2
from scoreline.ingest.v1 import (
    imports_service_pb2,
    ingest_service_pb2,
    quarantine_service_pb2,
    webhooks_service_pb2,
)
from scoreline.notify.v1 import (
    automations_service_pb2,
    follow_ups_service_pb2,
    notify_service_pb2,
    webhook_endpoints_service_pb2,
)
from scoreline.rules.v1 import rules_service_pb2
from scoreline.scoring.v1 import (
    analytics_service_pb2,
    scoring_service_pb2,
    simulation_service_pb2,
)

_FILES = (
    accounts_service_pb2,
    ingest_service_pb2,
    webhooks_service_pb2,
    imports_service_pb2,
    quarantine_service_pb2,
    notify_service_pb2,
    webhook_endpoints_service_pb2,
    automations_service_pb2,
    follow_ups_service_pb2,
    rules_service_pb2,
    scoring_service_pb2,
    analytics_service_pb2,
    simulation_service_pb2,
)

SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values()
)

SERVICE_NAMES: tuple[str, ...] = tuple(service.full_name for service in SERVICES)
"""Full names of the suite's gRPC services."""


def service_names(process: str) -> tuple[str, ...]:
    """Full names of the gRPC services that a process offers, by the process's name."""
    return tuple(name for name in SERVICE_NAMES if name.startswith(f"scoreline.{process}.v1."))


def required_scopes() -> dict[str, int | None]:
    """Method path (`/package.Service/Method`) -> value of scoreline.common.v1.Scope that a caller needs; None where the
    contract says that the method is open: its calls need no credential."""
    return {
        f"/{service.full_name}/{method.name}": _required_scope(method)
        for service in SERVICES
        for method in service.methods
    }


def _required_scope(method: MethodDescriptor) -> int | None:
    extensions = method.GetOptions().Extensions
    # Both are typed as plain FieldDescriptors.
    scope: int = extensions[scope_pb2.required_scope]  # type: ignore[index]
    is_open: bool = extensions[scope_pb2.open]  # type: ignore[index]
    if is_open == (scope != scope_pb2.SCOPE_UNSPECIFIED):
        raise ValueError(f"{method.full_name} must either need a scope or be open")
    return None if is_open else scope
