"""What the Postgres container runs at its first start, run on a real Postgres 18 without the container: the
settings file given by path, roles.sql through psql, and the script that sets the passwords."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from stack import Stack, StackConfig
from stack.config import DATABASE_SERVICES, REPO_ROOT
from stack.postgres import binary

DEPLOY = REPO_ROOT / "deploy" / "postgres"


def environment(stack: Stack) -> dict[str, str]:
    url = urlsplit(stack.superuser_url)
    passwords = {
        f"SCORELINE_{service.upper()}{role}_PASSWORD": f"Quote's{service}{role}"
        for service in DATABASE_SERVICES
        for role in ("", "_OWNER")
    }
    return {
        "PATH": f"{binary('psql').parent}:{os.environ['PATH']}",
        "PGHOST": str(url.hostname),
        "PGPORT": str(url.port),
        "PGPASSWORD": str(url.password),
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": "scoreline",
        **passwords,
    }


def test_roles_twice_and_passwords_through_psql() -> None:
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        env = environment(stack)
        psql = [str(binary("psql")), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-q"]
        for _ in range(2):
            subprocess.run(
                [*psql, "-U", "postgres", "-d", "scoreline", "-f", str(DEPLOY / "roles.sql")],
                env=env,
                check=True,
            )
        subprocess.run(["bash", str(DEPLOY / "passwords.sh")], env=env, check=True)
        for service in DATABASE_SERVICES:
            for role in ("", "_owner"):
                with psycopg.connect(
                    host=env["PGHOST"],
                    port=env["PGPORT"],
                    dbname="scoreline",
                    user=f"scoreline_{service}{role}",
                    password=env[f"SCORELINE_{service.upper()}{role.upper()}_PASSWORD"],
                ) as database:
                    assert database.execute("SHOW search_path").fetchone() == (service,)


def test_a_missing_password_stops_the_script() -> None:
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        env = environment(stack)
        del env["SCORELINE_RULES_PASSWORD"]
        done = subprocess.run(
            ["bash", str(DEPLOY / "passwords.sh")],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "not set" in done.stderr


@pytest.mark.parametrize("setting", ["fsync", "hba_file", "max_connections"])
def test_the_settings_file_can_lie_outside_the_data_directory(setting: str, data_dir: Path) -> None:
    stack = Stack(StackConfig(data_dir=data_dir, services=(), envoy=False))
    with stack:
        cluster = stack.data_dir.path / "postgres"
        owner = cluster.stat()
        stack.terminate("postgres")
        config = data_dir / "postgresql.conf"
        config.write_text((DEPLOY / "postgresql.conf").read_text())
        config.chmod(0o644)
        asked = subprocess.run(
            [str(binary("postgres")), "-c", f"config_file={config}", "-C", setting],
            env={"PGDATA": str(cluster)},
            user=owner.st_uid,
            group=owner.st_gid,
            extra_groups=[] if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            check=True,
        )
        wanted = {"fsync": "on", "hba_file": f"{cluster}/pg_hba.conf", "max_connections": "200"}
        assert asked.stdout.strip() == wanted[setting]
