"""Postgres and NATS as the suite runs them: durable, fenced off role by role, and back after a kill."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nats
import psycopg
import pytest
from psycopg import sql

from stack import Stack, StackConfig
from stack.config import DATABASE_SERVICES
from tests.support.eventually import eventually

pytestmark = pytest.mark.xdist_group("stack")

SERVERS = StackConfig(services=(), envoy=False)


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    with Stack(SERVERS) as stack:
        yield stack


def connect(stack: Stack, role: str) -> psycopg.Connection:
    return psycopg.connect(stack.postgres_url(role), autocommit=True)


def test_postgres_is_durable(own: Stack) -> None:
    with connect(own, "postgres") as database:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = database.execute(sql.SQL("SHOW {}").format(sql.Identifier(setting))).fetchone()
            assert row == ("on",), setting
        assert database.info.server_version // 10_000 == 18


def test_jetstream_syncs_always(own: Stack) -> None:
    with urllib.request.urlopen(f"{own.nats_monitor_url}/jsz?config=true", timeout=5) as answer:  # noqa: S310
        config = json.load(answer)["config"]
    assert config["sync_always"] is True
    assert Path(config["store_dir"]).is_relative_to(own.data_dir.path)


def test_nats_wants_the_password(own: Stack) -> None:
    host, port = own.address("nats").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as stranger:
        stranger.sendall(b"CONNECT {}\r\nPING\r\n")
        answers = b"".join(iter(lambda: stranger.recv(4096), b""))
    assert b"-ERR 'Authorization Violation'" in answers
    assert b"PONG" not in answers


@pytest.mark.parametrize("service", DATABASE_SERVICES)
def test_an_owner_builds_in_its_own_schema_only(own: Stack, service: str) -> None:
    others = [other for other in DATABASE_SERVICES if other != service]
    with connect(own, f"scoreline_{service}_owner") as database:
        # search_path: no schema named, its own is meant.
        database.execute("CREATE TABLE things (id int)")
        row = database.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'things' AND tableowner = current_user"
        ).fetchone()
        assert row == (service,)
        for other in [*others, "public"]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute(
                    sql.SQL("CREATE TABLE {} (id int)").format(sql.Identifier(other, "stray"))
                )
        database.execute("DROP TABLE things")


@pytest.mark.parametrize("service", DATABASE_SERVICES)
def test_a_runtime_role_may_do_nothing_until_it_is_granted(own: Stack, service: str) -> None:
    with (
        connect(own, f"scoreline_{service}_owner") as owner,
        connect(own, f"scoreline_{service}") as runtime,
    ):
        owner.execute("CREATE TABLE ledger (id int)")
        for refused in (
            "SELECT * FROM ledger",
            "INSERT INTO ledger VALUES (1)",
            "UPDATE ledger SET id = 2",
            "DELETE FROM ledger",
            "TRUNCATE ledger",
            "DROP TABLE ledger",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                runtime.execute(refused.encode())
        owner.execute(
            sql.SQL("GRANT SELECT, INSERT ON ledger TO {}").format(
                sql.Identifier(f"scoreline_{service}")
            )
        )
        runtime.execute("INSERT INTO ledger VALUES (1)")
        assert runtime.execute("SELECT id FROM ledger").fetchall() == [(1,)]
        owner.execute("DROP TABLE ledger")


@pytest.mark.parametrize("service", DATABASE_SERVICES)
def test_a_runtime_role_can_make_nothing_and_see_no_other_schema(own: Stack, service: str) -> None:
    with connect(own, f"scoreline_{service}") as runtime:
        for refused in (
            "CREATE TABLE mine (id int)",
            "CREATE TABLE public.mine (id int)",
            "CREATE TEMPORARY TABLE mine (id int)",
            "CREATE SCHEMA mine",
            "CREATE DATABASE mine",
            "CREATE ROLE mine",
            "SELECT lo_create(0)",
            "SELECT pg_read_file('/etc/hostname')",
            "SET ROLE postgres",
            f"SET ROLE scoreline_{service}_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                runtime.execute(refused.encode())
        for other in DATABASE_SERVICES:
            row = runtime.execute(
                "SELECT has_schema_privilege(current_user, %s, 'USAGE')", [other]
            ).fetchone()
            assert row == (other == service,)


def test_a_role_cannot_log_in_with_anothers_password(own: Stack) -> None:
    url = own.postgres_url("scoreline_rules").replace("scoreline_rules:", "scoreline_scoring:")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_committed_rows_and_acknowledged_messages_survive_kills() -> None:
    with Stack(SERVERS) as stack:
        with connect(stack, "scoreline_scoring_owner") as database:
            database.execute("CREATE TABLE kept (id int)")
            database.execute("INSERT INTO kept VALUES (42)")
            # A session in the middle of work must not keep the server from coming back.
            stack.kill("postgres")
        stack.restart("postgres")
        with connect(stack, "scoreline_scoring_owner") as database:
            assert database.execute("SELECT id FROM kept").fetchall() == [(42,)]

        address = stack.address("nats")
        publish(stack)
        stack.kill("nats")
        stack.restart("nats")
        assert stack.address("nats") == address
        assert messages_in_jetstream(stack) == 1


def test_a_data_directory_keeps_everything_between_runs(data_dir: Path) -> None:
    config = StackConfig(data_dir=data_dir, services=(), envoy=False)
    with Stack(config) as stack:
        key = stack.api_key
        with connect(stack, "scoreline_rules_owner") as database:
            database.execute("CREATE TABLE kept (id int)")
        publish(stack)
    with Stack(config) as stack:
        assert stack.api_key == key
        with connect(stack, "scoreline_rules_owner") as database:
            assert database.execute("SELECT * FROM kept").fetchall() == []
        assert messages_in_jetstream(stack) == 1


def test_suites_side_by_side_do_not_meet() -> None:
    with Stack(SERVERS) as one, Stack(SERVERS) as other:
        addresses = {stack.address(name) for stack in (one, other) for name in ("postgres", "nats")}
        assert len(addresses) == 4
        with connect(one, "scoreline_rules_owner") as database:
            database.execute("CREATE TABLE mine (id int)")
        with connect(other, "scoreline_rules_owner") as database:
            row = database.execute("SELECT to_regclass('rules.mine')").fetchone()
            assert row == (None,)
        one.stop()
        with connect(other, "postgres") as database:
            assert database.execute("SELECT 1").fetchone() == (1,)


def publish(stack: Stack) -> None:
    """One message into a file-backed stream."""

    async def act() -> None:
        connection = await nats.connect(stack.nats_url)
        stream = connection.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept.>"])
        await stream.publish("kept.one", b"hello")
        await connection.close()

    asyncio.run(act())


def messages_in_jetstream(stack: Stack) -> int:
    """How many messages all streams hold, once JetStream says."""

    def count() -> int:
        with urllib.request.urlopen(f"{stack.nats_monitor_url}/jsz", timeout=5) as answer:  # noqa: S310
            return int(json.load(answer)["messages"])

    return eventually(count)
