"""Alembic's way into this service's migrations."""

from services.shared.migrating import run_migrations

run_migrations()
