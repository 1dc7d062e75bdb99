"""Alembic's entry point; the work is in services/shared/db.py."""

from services.scoring.tables import metadata
from services.shared.db import run_migrations

run_migrations(metadata)
