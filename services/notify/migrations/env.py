"""Alembic's way into this service's migrations."""

from services.notify.tables import metadata
from services.shared.migrating import run_migrations

run_migrations(metadata)
