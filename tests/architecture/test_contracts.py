"""The protos as house rules want them: everything commented, every method with a scope, every method that HTTP can
carry with a route. What `buf lint` checks is not repeated here."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc_tools
import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

from scoreline.common.v1 import scope_pb2
from services.shared import contracts
from tests.architecture.tree import ROOT

PROTOS = ROOT / "protos"

# Field numbers in FileDescriptorProto and below it: the path of a source location is made of them.
MESSAGE, ENUM, SERVICE = 4, 5, 6
FIELD, NESTED_MESSAGE, NESTED_ENUM, ONEOF = 2, 3, 4, 8
ENUM_VALUE = 2
METHOD = 2

GRPC_ONLY = {
    # Each message waits for the answer to one before: HTTP has no such conversation. A file, which is only sent, is
    # streamed (ImportEvents).
    "StreamEvents",
    # Over HTTP a batch of CloudEvents is a body of its own kind (ReceiveCloudEvents).
    "BatchIngestCloudEvents",
}
"""Methods without a route, and why."""

Path_ = tuple[int, ...]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> list[descriptor_pb2.FileDescriptorProto]:
    out = tmp_path_factory.mktemp("protos") / "with_comments.binpb"
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("scoreline/**/*.proto"))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{PROTOS}",
            f"-I{PROTOS / 'third_party'}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            "--include_source_info",
            f"--descriptor_set_out={out}",
            *sources,
        ],
        check=True,
    )
    files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    assert len(files) == len(sources) > 0
    return list(files)


def test_everything_has_a_comment(described: list[descriptor_pb2.FileDescriptorProto]) -> None:
    bare = []
    for file in described:
        commented = {
            tuple(location.path)
            for location in file.source_code_info.location
            if location.leading_comments.strip()
        }
        bare += [f"{file.name}: {name}" for path, name in _things(file) if path not in commented]
    assert bare == []


def test_every_method_needs_a_scope_or_is_open() -> None:
    scopes = contracts.required_scopes()
    assert len(scopes) == sum(len(service.methods) for service in contracts.SERVICES)
    known = set(scope_pb2.Scope.values()) - {scope_pb2.SCOPE_UNSPECIFIED}
    assert set(scopes.values()) - {None} <= known


def test_every_method_that_http_can_carry_has_a_route(
    described: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    methods = [
        method for file in described for service in file.service for method in service.method
    ]
    assert methods
    without = {
        method.name for method in methods if not method.options.HasExtension(annotations_pb2.http)
    }
    assert without == GRPC_ONLY


def test_the_page_lists_every_route(described: list[descriptor_pb2.FileDescriptorProto]) -> None:
    page = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+ \S+)` \| (\w+\.\w+) \| (\w+)", page, re.MULTILINE))
    routes = set()
    for file in described:
        for service in file.service:
            for method in service.method:
                rule = method.options.Extensions[annotations_pb2.http]
                verb = rule.WhichOneof("pattern")
                if verb is None:
                    continue
                scope = method.options.Extensions[scope_pb2.required_scope]
                is_open = method.options.Extensions[scope_pb2.open]
                name = (
                    "none"
                    if is_open
                    else scope_pb2.Scope.Name(scope).removeprefix("SCOPE_").lower()
                )
                route = f"{verb.upper()} {getattr(rule, verb)}"
                routes.add((route, f"{service.name}.{method.name}", name))
    assert rows == routes


def test_the_descriptor_set_is_whole(
    described: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    content = (ROOT / "scoreline" / "descriptors.binpb").read_bytes()
    files = {file.name for file in descriptor_pb2.FileDescriptorSet.FromString(content).file}
    assert {file.name for file in described} <= files
    # What an error may carry: Envoy prints details only of types it finds here.
    assert {"google/rpc/status.proto", "google/rpc/error_details.proto"} <= files


def _things(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[Path_, str]]:
    for index, message in enumerate(file.message_type):
        yield from _message((MESSAGE, index), message.name, message)
    for index, enum in enumerate(file.enum_type):
        yield from _enum((ENUM, index), enum.name, enum)
    for index, service in enumerate(file.service):
        yield (SERVICE, index), service.name
        for number, method in enumerate(service.method):
            yield (SERVICE, index, METHOD, number), f"{service.name}.{method.name}"


def _message(
    path: Path_, name: str, message: descriptor_pb2.DescriptorProto
) -> Iterator[tuple[Path_, str]]:
    if message.options.map_entry:
        return
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, FIELD, index), f"{name}.{field.name}"
    synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
    for index, oneof in enumerate(message.oneof_decl):
        if index not in synthetic:
            yield (*path, ONEOF, index), f"{name}.{oneof.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message((*path, NESTED_MESSAGE, index), f"{name}.{nested.name}", nested)
    for index, enum in enumerate(message.enum_type):
        yield from _enum((*path, NESTED_ENUM, index), f"{name}.{enum.name}", enum)


def _enum(
    path: Path_, name: str, enum: descriptor_pb2.EnumDescriptorProto
) -> Iterator[tuple[Path_, str]]:
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, ENUM_VALUE, index), f"{name}.{value.name}"
