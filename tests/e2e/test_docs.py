"""Every command in the documents runs as it stands: fenced blocks marked `sh` and `python`, against the running suite,
in a project of their own. Blocks without a mark are shown only."""

import os
import re
import subprocess
import uuid
from pathlib import Path

import httpx
import pytest

from stack import Stack

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = ["docs/http-api.md", "docs/ingesting.md", "README.md", "docs/streaming.md"]


@pytest.fixture
def project_key(suite: Stack) -> str:
    answer = httpx.post(
        f"{suite.http_url}/v1/projects",
        headers={"x-api-key": suite.api_key},
        json={"project_id": f"docs-{uuid.uuid4().hex[:8]}"},
    )
    answer.raise_for_status()
    return str(answer.json()["secret"])


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("language", ["sh", "python"])
def test_commands_in_documents_run(
    suite: Stack, project_key: str, document: str, language: str
) -> None:
    blocks = [
        code for fence, code in BLOCK.findall((ROOT / document).read_text()) if fence == language
    ]
    assert blocks or language == "python"
    environment = {
        **os.environ,
        "SCORELINE_URL": suite.http_url,
        "SCORELINE_TARGET": suite.grpc_target,
        "SCORELINE_API_KEY": project_key,
        "PATH": f"{ROOT / '.venv/bin'}:{ROOT / 'node_modules/.bin'}:{os.environ['PATH']}",
    }
    for block in blocks:
        interpreter = ["bash", "-ec"] if language == "sh" else ["python", "-c"]
        done = subprocess.run(
            [*interpreter, block],
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert done.stdout
