"""Looks at a component from outside: is it ready? What a component is made ready for is not known here."""

from __future__ import annotations

import contextlib
import http.client
import socket

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stack.ports import HeldPort

# Everything probed is on this machine: an answer that takes longer is no answer.
_PROBE_TIMEOUT_S = 1.0


def http_get(port: HeldPort, path: str) -> tuple[int, bytes] | None:
    """Status and body of GET `path` there; None when nobody answers."""
    connection = http.client.HTTPConnection(port.host, port.port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def http_ok(port: HeldPort, path: str) -> bool:
    """Whether GET `path` is answered 200 there."""
    answer = http_get(port, path)
    return answer is not None and answer[0] == http.HTTPStatus.OK


def grpc_serving(port: HeldPort) -> bool:
    """Whether the gRPC server there says that it is SERVING as a whole."""
    # Connecting first is much cheaper than a channel, and most looks come before the server listens.
    try:
        socket.create_connection((port.host, port.port), _PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    # A channel per look: one kept from before the server listened would sit in its back-off.
    options = [("grpc.use_local_subchannel_pool", 1)]
    with contextlib.closing(grpc.insecure_channel(port.address, options=options)) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_PROBE_TIMEOUT_S
            )
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
