"""The rendered configurations: what the protos say reaches the edge, and the committed ones are current."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2

from stack.compose import render_compose
from stack.config import REPO_ROOT, SERVICES
from stack.envoy import executable as envoy_executable
from stack.envoy_config import DESCRIPTORS, GRPC_SERVICES, EdgeConfig, render_edge
from stack.nats import executable as nats_executable


def edge(targets: tuple[str, ...] = SERVICES, origins: tuple[str, ...] = ("*",)) -> str:
    return render_edge(
        EdgeConfig(
            listen_host="127.0.0.1",
            listen_port=8080,
            admin_host="127.0.0.1",
            admin_port=9901,
            targets={name: ("127.0.0.1", 5000 + at) for at, name in enumerate(targets)},
            discovery="STATIC",
            cors_origins=origins,
        )
    )


def routes(text: str) -> list[dict[str, Any]]:
    listener = yaml.safe_load(text)["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    found: list[dict[str, Any]] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return found


def validate(text: str, tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(text)
    checked = subprocess.run(
        [str(envoy_executable()), "--mode", "validate", "-c", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("targets", [SERVICES, ("ingest",), ()])
def test_envoy_accepts_it_with_any_subset_of_the_services(
    targets: tuple[str, ...], tmp_path: Path
) -> None:
    validate(edge(targets), tmp_path)


def test_envoy_accepts_a_list_of_origins(tmp_path: Path) -> None:
    validate(edge(origins=("https://a.example", 'https://"quoted".example')), tmp_path)


def test_every_service_of_the_protos_is_served() -> None:
    descriptors = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    in_protos = {
        f"{file.package}.{service.name}" for file in descriptors.file for service in file.service
    }
    offered = [service for services in GRPC_SERVICES.values() for service in services]
    assert sorted(offered) == sorted(in_protos)
    assert set(GRPC_SERVICES) == set(SERVICES)


def test_streams_have_no_timeout_and_unary_calls_do() -> None:
    timeouts = {
        (match.get("path") or match.get("prefix")): route["route"].get("timeout")
        for route in routes(edge())
        if (match := route["match"])
    }
    assert timeouts["/scoreline.notify.v1.NotifyService/WatchScores"] == "0s"
    assert timeouts["/scoreline.ingest.v1.IngestService/StreamEvents"] == "0s"
    assert timeouts["/scoreline.scoring.v1.AnalyticsService/ExportLeads"] == "0s"
    assert timeouts["/scoreline.scoring.v1.AnalyticsService/GetRuleImpact"] == "600s"
    assert timeouts["/scoreline.scoring.v1.AnalyticsService/"] == "60s"
    assert timeouts["/scoreline.ingest.v1.IngestService/"] == "60s"


def test_only_what_a_page_calls_without_headers_takes_a_key_from_the_query() -> None:
    mutating = [
        route["match"]
        for route in routes(edge())
        if "envoy.filters.http.lua" in route.get("typed_per_filter_config", {})
    ]
    assert {"path": "/v1/track"} in mutating
    watching = [match["path"] for match in mutating if match != {"path": "/v1/track"}]
    assert "/v1/scores:watch" in watching
    assert all(path.endswith(":watch") for path in watching)


def test_only_files_come_unbuffered_over_http() -> None:
    unbuffered = [
        route["match"]
        for route in routes(edge())
        if "envoy.filters.http.buffer" in route.get("typed_per_filter_config", {})
        and route["route"]["cluster"] == "unrouted"
    ]
    assert unbuffered == [{"path": "/v1/imports"}]


def test_nothing_retries() -> None:
    text = edge()
    assert "retry_policy" not in text


def test_the_committed_compose_configurations_are_current() -> None:
    for path, text in render_compose().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.relative_to(REPO_ROOT)} is out of date: run `python -m stack render`"
        )


def test_envoy_accepts_the_compose_configuration(tmp_path: Path) -> None:
    texts = {path.name: text for path, text in render_compose().items()}
    validate(
        texts["envoy.yaml"].replace("/etc/envoy/descriptors.binpb", str(DESCRIPTORS)), tmp_path
    )


def test_nats_accepts_the_compose_configuration(tmp_path: Path) -> None:
    texts = {path.name: text for path, text in render_compose().items()}
    config = tmp_path / "nats.conf"
    config.write_text(texts["nats.conf"].replace('"/data"', f'"{tmp_path}"'))
    checked = subprocess.run(
        [str(nats_executable()), "-t", "-c", str(config)],
        env={"NATS_PASSWORD": "letters-first"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
