"""docker-compose: its configurations rendered, its secrets made, and its files checked without an engine.

The configurations are the templates of deploy/ with the names of the compose network. They are
committed in deploy/compose, so that `docker compose up` needs no Python.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stack.config import REPO_ROOT, SERVICES
from stack.credentials import new_api_key, new_secret
from stack.envoy_config import EdgeConfig, render_edge
from stack.errors import StackError
from stack.render import render

COMPOSE_DIR = REPO_ROOT / "deploy" / "compose"

SERVICE_PORT = 50051
"""Port of every service's gRPC server inside the compose network."""


def render_compose() -> dict[Path, str]:
    """Each file and the text it should have."""
    edge = EdgeConfig(
        listen_host="0.0.0.0",  # noqa: S104 - inside its container; compose publishes it on loopback
        listen_port=8080,
        admin_host="127.0.0.1",
        admin_port=9901,
        targets={name: (name, SERVICE_PORT) for name in SERVICES},
        discovery="STRICT_DNS",
        descriptors_path=Path("/etc/envoy/descriptors.binpb"),
    )
    nats = render(
        "nats/nats.conf.j2",
        listen_host="0.0.0.0",  # noqa: S104 - as above; not published at all
        listen_port=4222,
        monitor_host="0.0.0.0",  # noqa: S104 - the health check asks from inside the container
        monitor_port=8222,
        store_dir="/data",
        store_bytes_max="20GB",
    )
    return {COMPOSE_DIR / "envoy.yaml": render_edge(edge), COMPOSE_DIR / "nats.conf": nats}


def render_env() -> str:
    """.env.example with a fresh value for every secret."""
    lines = []
    for line in (REPO_ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        name, is_setting, _ = line.partition("=")
        if line.startswith("#") or not is_setting:
            lines.append(line)
        elif name == "SCORELINE_ACCOUNTS_BOOTSTRAP_KEY":
            lines.append(f"{name}={new_api_key()}")
        else:
            lines.append(f"{name}={new_secret()}")
    # The example begins by saying how to make this file.
    return "\n".join(lines[3:]) + "\n"


def out_of_date() -> list[Path]:
    """The committed configurations that are not what the templates give."""
    return [
        path
        for path, text in render_compose().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def lint_dockerfile() -> None:
    """Raises StackError with what hadolint says."""
    _run([_tool("hadolint"), "Dockerfile"])


def validate_compose(env: str) -> None:
    """Have the compose tool read docker-compose.yml with the secrets of `env`, the text of a .env file.

    Raises StackError with what it says.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".env", encoding="utf-8") as file:
        file.write(env)
        file.flush()
        compose = [_tool("docker-compose"), "--env-file", file.name, "--file", "docker-compose.yml"]
        _run([*compose, "config", "--quiet"])


def _tool(name: str) -> str:
    # From its wheel, beside the interpreter: the version that is pinned, whatever else the machine has.
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise StackError(f"{name} is not installed: run `make setup`.")
    return found


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        cwd=REPO_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"{Path(command[0]).name}: {(done.stdout + done.stderr).strip()}")
