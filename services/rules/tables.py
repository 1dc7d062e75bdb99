"""Tables of the schema `rules`. What is published is in `outbox` until the broker has it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.shared.outbox import outbox_table

metadata = sa.MetaData()

projects = sa.Table(
    "projects",
    metadata,
    # Locked by whoever changes the project's rules; the counters are the last numbers given out.
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("version_count", sa.Integer, nullable=False),
    sa.Column("activation_count", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("project_id", name="projects_pkey"),
)

rule_sets = sa.Table(
    "rule_sets",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    # All that it says: read and written as a whole. rows.py has the form.
    sa.Column("content", JSONB, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    # A version by its number; ListRuleSets reads backwards.
    sa.PrimaryKeyConstraint("project_id", "version", name="rule_sets_pkey"),
    sa.ForeignKeyConstraint(
        ["project_id"], ["projects.project_id"], name="rule_sets_project_id_fkey"
    ),
    # The newest version: the draft where there is one, else the active one. Never more than one of each.
    sa.Index(
        "rule_sets_newest",
        "project_id",
        "state",
        unique=True,
        postgresql_where=sa.text("state IN ('draft', 'active')"),
    ),
    sa.CheckConstraint("state IN ('draft', 'active', 'superseded')", name="rule_sets_state"),
)

activations = sa.Table(
    "activations",
    metadata,
    sa.Column("project_id", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("activate_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("effective_time", sa.DateTime(timezone=True), nullable=False),
    # The activation in force; ListActivations reads backwards.
    sa.PrimaryKeyConstraint("project_id", "number", name="activations_pkey"),
    sa.ForeignKeyConstraint(
        ["project_id", "version"],
        ["rule_sets.project_id", "rule_sets.version"],
        name="activations_version_fkey",
    ),
)

outbox = outbox_table(metadata)
