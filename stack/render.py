"""Renders the configuration templates in deploy/: the same text serves one machine and docker-compose."""

from __future__ import annotations

from pathlib import Path

import jinja2

from stack.config import REPO_ROOT

DEPLOY_DIR = REPO_ROOT / "deploy"

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(DEPLOY_DIR),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    # YAML and nats.conf, not HTML: values that need quoting are quoted in the template.
    autoescape=False,  # noqa: S701
)


def render(template: str, **values: object) -> str:
    """The text of deploy/`template` with `values`; a value the template lacks is an error."""
    return _ENVIRONMENT.get_template(template).render(**values)


def render_to(path: Path, template: str, **values: object) -> Path:
    """Write the rendered template to `path`."""
    path.write_text(render(template, **values), encoding="utf-8")
    return path
