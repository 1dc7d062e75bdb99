"""Alembic's entry point; the work is in services/shared/migrating.py."""

from services.scoring.tables import metadata
from services.shared.migrating import run_migrations

run_migrations(metadata)
