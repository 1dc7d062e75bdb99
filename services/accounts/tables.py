"""Tables of the schema `accounts`. What is published is in `outbox` until the broker has it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.shared.outbox import outbox_table

metadata = sa.MetaData()

projects = sa.Table(
    "projects",
    metadata,
    # CreateProject of the same id twice; GetProject.
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("project_id", name="projects_pkey"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    # SHA-256 of the key in hex: the key itself is nowhere.
    sa.Column("key_hash", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("revoke_time", sa.DateTime(timezone=True)),
    # Made from the setting, and revoked when the setting changes.
    sa.Column("bootstrap", sa.Boolean, nullable=False),
    sa.Column("allowed_origins", ARRAY(sa.Text), nullable=False, server_default="{}"),
    # NULL: the default for its scopes.
    sa.Column("requests_per_minute", sa.Integer),
    # Of what the bucket is told of the key: 1, 2, 3 ...
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    # RevokeApiKey.
    sa.PrimaryKeyConstraint("project_id", "key_id", name="api_keys_pkey"),
    sa.ForeignKeyConstraint(
        ["project_id"], ["projects.project_id"], name="api_keys_project_id_fkey"
    ),
    # The bootstrap key at start; two keys are never the same.
    sa.UniqueConstraint("key_hash", name="api_keys_key_hash_key"),
    # ListApiKeys reads backwards from a position.
    sa.Index("api_keys_newest", "project_id", "create_time", "key_id"),
    # How many valid keys a project has.
    sa.Index("api_keys_valid", "project_id", postgresql_where=sa.text("revoke_time IS NULL")),
)

outbox = outbox_table(metadata)
