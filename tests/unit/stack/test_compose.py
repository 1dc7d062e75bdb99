"""docker-compose without an engine: its files agree with the stack, and the tools that can read them do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.compose import SERVICE_PORT, lint_dockerfile, out_of_date, render_env, validate_compose
from stack.config import DATABASE_SERVICES, REPO_ROOT, SERVICES
from stack.errors import StackError


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (REPO_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_every_service_runs_and_migrates_first(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        assert compose[name]["command"] == [f"services.{name}"]
        listen = compose[name]["environment"][f"SCORELINE_{name.upper()}_LISTEN"]
        assert listen == f"0.0.0.0:{SERVICE_PORT}"
        assert compose["envoy"]["depends_on"][name] == {"condition": "service_healthy"}
    for name in DATABASE_SERVICES:
        assert compose[f"{name}-migrate"]["command"] == [f"services.{name}", "migrate"]
        wanted = {"condition": "service_completed_successfully"}
        assert compose[name]["depends_on"][f"{name}-migrate"] == wanted


def test_no_running_service_knows_an_owners_password(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        assert "OWNER" not in str(compose[name]["environment"])


def test_secrets_have_no_default(compose: dict[str, Any]) -> None:
    references = re.findall(r"\$\{([^}]+)\}", str(compose))
    secrets = {one for one in references if "PASSWORD" in one or "KEY" in one}
    assert secrets
    assert all(":?" in one for one in secrets)


def test_everything_mounted_is_in_the_repository(compose: dict[str, Any]) -> None:
    mounts = [
        volume.split(":")[0]
        for service in compose.values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert len(mounts) == 6
    for mount in mounts:
        assert (REPO_ROOT / mount).is_file(), mount


def test_the_example_environment_names_every_secret_and_is_filled_in(
    compose: dict[str, Any],
) -> None:
    needed = set(re.findall(r"\$\{(\w+):\?", str(compose)))
    filled = dict(
        line.split("=", 1) for line in render_env().splitlines() if line and line[0] != "#"
    )
    assert set(filled) == needed
    assert re.fullmatch(r"sl_[a-z2-7]{8}_\w{32,}", filled["SCORELINE_ACCOUNTS_BOOTSTRAP_KEY"])
    assert all(value.isalnum() for name, value in filled.items() if name.endswith("PASSWORD"))
    assert len(set(filled.values())) == len(filled)


def test_the_tools_accept_the_files() -> None:
    lint_dockerfile()
    assert out_of_date() == []
    validate_compose(render_env())


def test_nothing_starts_without_its_secrets(compose: dict[str, Any]) -> None:
    for name in set(re.findall(r"\$\{(\w+):\?", str(compose))):
        lacking = re.sub(rf"^{name}=.*\n", "", render_env(), flags=re.MULTILINE)
        with pytest.raises(StackError, match=name):
            validate_compose(lacking)


def test_the_image_gets_what_the_dockerfile_copies() -> None:
    sent = (REPO_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (REPO_ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    for name in " ".join(copied).split():
        assert f"!{name}" in sent
        assert (REPO_ROOT / name).exists()


def test_the_container_script_is_sound_bash() -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script: Path = REPO_ROOT / "deploy" / "postgres" / "passwords.sh"
    subprocess.run([bash, "-n", str(script)], check=True)
