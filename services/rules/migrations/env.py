"""Alembic's way into this service's migrations."""

from services.rules.tables import metadata
from services.shared.migrating import run_migrations

run_migrations(metadata)
