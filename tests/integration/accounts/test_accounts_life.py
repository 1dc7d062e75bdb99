"""Accounts through crashes, restarts, a broker that goes away, and several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from statistics import median

import grpc
import psycopg
import pytest

from scoreline.accounts.v1 import account_pb2, accounts_service_pb2_grpc
from scoreline.accounts.v1 import accounts_service_pb2 as pb
from services.shared.bus import Bus
from services.shared.credentials import Credentials
from services.shared.outbox import IDLE_POLL_S
from services.shared.retrying import SupervisedLoop
from stack import Stack, StackConfig
from tests.support.background import background
from tests.support.eventually import eventually, eventually_async
from tests.support.grpc_calls import Keyed, channel, refused

pytestmark = pytest.mark.xdist_group("accounts")

ACCOUNTS_ONLY = {"services": ("accounts",), "envoy": False}
NEW_BOOTSTRAP_KEY = "sl_newkeyab_" + "N" * 32


def accounts(opened: grpc.Channel, api_key: str) -> Keyed:
    return Keyed(accounts_service_pb2_grpc.AccountsServiceStub(opened), api_key)


def made_key(service: Keyed) -> pb.CreateApiKeyResponse:
    request = pb.CreateApiKeyRequest(api_key=account_pb2.ApiKey(scopes=[2]))
    made: pb.CreateApiKeyResponse = service.CreateApiKey(request)
    return made


def get_in(service: Keyed) -> bool:
    try:
        service.GetProject(pb.GetProjectRequest())
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAUTHENTICATED:  # type: ignore[attr-defined]
            raise
        return False
    return True


async def test_a_revocation_reaches_every_service_within_a_second(running: Stack) -> None:
    """Two other services' copies of the bucket, and both of two accounts processes answering the calls: also the one
    that is not the relay."""
    other = running.add("accounts")
    took_s: dict[str, list[float]] = {"accounts": [], other: []}
    async with AsyncExitStack() as resources:
        services = []
        for name in ("one", "two"):
            bus = await Bus.connect(running.nats_url, name, 5)
            resources.push_async_callback(bus.close)
            credentials = Credentials(bus)
            await credentials.load(5)
            resources.push_async_callback(credentials.close)
            await resources.enter_async_context(
                background(SupervisedLoop("credentials", credentials.follow).run())
            )
            services.append(credentials)
        for name in ("accounts", other) * 5:
            target = running.service_target(name)
            async with grpc.aio.insecure_channel(target) as opened:
                stub = accounts_service_pb2_grpc.AccountsServiceStub(opened)
                metadata = (("x-api-key", running.api_key),)
                request = pb.CreateApiKeyRequest(api_key=account_pb2.ApiKey(scopes=[2]))
                key = await stub.CreateApiKey(request, metadata=metadata)

                async def known(secret: str = key.secret) -> bool:
                    return all(service.find(secret) for service in services)

                async def unknown(secret: str = key.secret) -> bool:
                    return not any(service.find(secret) for service in services)

                await eventually_async(known)
                asked = time.monotonic()
                revocation = pb.RevokeApiKeyRequest(key_id=key.api_key.key_id)
                await stub.RevokeApiKey(revocation, metadata=metadata)
                await eventually_async(unknown)
                took_s[name].append(time.monotonic() - asked)
    running.terminate(other)
    print({name: f"{max(times) * 1000:.0f} ms at most" for name, times in took_s.items()})
    assert max(max(times) for times in took_s.values()) < 1
    # Far below the relay's poll: it is told, by the other process as well.
    assert all(median(times) < IDLE_POLL_S / 3 for times in took_s.values())


def test_the_broker_goes_and_comes_back() -> None:
    config = StackConfig(**ACCOUNTS_ONLY)  # type: ignore[arg-type]
    with Stack(config) as stack, channel(stack.service_target("accounts")) as opened:
        service = accounts(opened, stack.api_key)
        key = made_key(service)
        stack.kill("nats")
        revocation = pb.RevokeApiKeyRequest(key_id=key.api_key.key_id)
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as said:
            service.RevokeApiKey(revocation)
        assert said[0].retry_after
        meanwhile = made_key(service)
        assert not get_in(accounts(opened, meanwhile.secret))
        stack.restart("nats")
        # Neither call is repeated: what they did was kept.
        eventually(lambda: not get_in(accounts(opened, key.secret)))
        eventually(lambda: get_in(accounts(opened, meanwhile.secret)))
        assert service.RevokeApiKey(revocation).api_key.HasField("revoke_time")


def test_keys_survive_kill_and_restart() -> None:
    config = StackConfig(**ACCOUNTS_ONLY)  # type: ignore[arg-type]
    with Stack(config) as stack:
        with channel(stack.service_target("accounts")) as opened:
            service = accounts(opened, stack.api_key)
            kept, revoked = made_key(service), made_key(service)
            service.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=revoked.api_key.key_id))
        stack.kill("accounts")
        stack.kill("nats")
        stack.restart("nats")
        stack.restart("accounts")
        with channel(stack.service_target("accounts")) as opened:
            service = accounts(opened, stack.api_key)
            assert len(service.ListApiKeys(pb.ListApiKeysRequest()).api_keys) == 3
            assert get_in(accounts(opened, kept.secret))
            assert not get_in(accounts(opened, revoked.secret))


def test_a_new_bootstrap_key_replaces_the_old_one_for_good() -> None:
    config = StackConfig(**ACCOUNTS_ONLY)  # type: ignore[arg-type]
    with Stack(config) as stack, channel(stack.service_target("accounts")) as opened:
        made = made_key(accounts(opened, stack.api_key))
        with started(stack, BOOTSTRAP_KEY=NEW_BOOTSTRAP_KEY) as process:
            eventually(lambda: get_in(accounts(opened, NEW_BOOTSTRAP_KEY)))
            eventually(lambda: not get_in(accounts(opened, stack.api_key)))
            assert process.poll() is None
        # Started again with the old setting, it serves and brings nothing back.
        stack.restart("accounts")
        with channel(stack.service_target("accounts")) as again:
            assert not get_in(accounts(again, stack.api_key))
            assert get_in(accounts(again, NEW_BOOTSTRAP_KEY))
            assert get_in(accounts(again, made.secret))


def test_no_secret_is_written_anywhere(running: Stack) -> None:
    with channel(running.service_target("accounts")) as opened:
        service = accounts(opened, running.api_key)
        key = made_key(service)
        service.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key.api_key.key_id))
        get_in(accounts(opened, key.secret))
    secrets = [one.rpartition("_")[2].encode() for one in (key.secret, running.api_key)]
    with psycopg.connect(running.superuser_url) as database:
        for table in ("projects", "api_keys", "outbox"):
            rows = repr(database.execute(f"SELECT * FROM accounts.{table}").fetchall()).encode()  # type: ignore[arg-type]
            assert not any(secret in rows for secret in secrets)
    places = [running.data_dir.path / name for name in ("logs", "nats")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert any(path.name.startswith("accounts") for path in files)
    assert any(path.suffix == ".blk" for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path


@pytest.mark.parametrize("key", ["", "hunter2"])
def test_a_malformed_bootstrap_key_is_named_and_not_repeated(running: Stack, key: str) -> None:
    with started(running, BOOTSTRAP_KEY=key) as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "SCORELINE_ACCOUNTS_BOOTSTRAP_KEY: " in said
    assert "hunter2" not in said


def test_a_bootstrap_key_of_another_project_is_refused_in_one_line(running: Stack) -> None:
    settings = {"BOOTSTRAP_KEY": running.api_key, "OPERATOR_PROJECT_ID": "elsewhere"}
    with started(running, **settings) as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "SCORELINE_ACCOUNTS_BOOTSTRAP_KEY: the key belongs to another project" in said
    assert "Traceback" not in said


@contextmanager
def started(stack: Stack, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """One more accounts process on the stack's servers with settings of its own, ended at the end."""
    common = {
        "NATS_URL": stack.nats_url,
        "DATABASE_URL": stack.postgres_url("scoreline_accounts"),
    }
    prefixed = {f"SCORELINE_ACCOUNTS_{name}": value for name, value in (common | settings).items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.accounts"],
        env={**os.environ, **prefixed},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
