"""Rule sets, activations and the outbox, and what the running service may do with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_rules"


def upgrade() -> None:
    """Make the tables. Nothing is ever deleted but what was published; an activation never changes."""
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("version_count", sa.Integer, nullable=False),
        sa.Column("activation_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="projects_pkey"),
    )
    op.create_table(
        "rule_sets",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "version", name="rule_sets_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.project_id"], name="rule_sets_project_id_fkey"
        ),
        sa.CheckConstraint("state IN ('draft', 'active', 'superseded')", name="rule_sets_state"),
    )
    op.create_index(
        "rule_sets_newest",
        "rule_sets",
        ["project_id", "state"],
        unique=True,
        postgresql_where=sa.text("state IN ('draft', 'active')"),
    )
    op.create_table(
        "activations",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("activate_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "number", name="activations_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id", "version"],
            ["rule_sets.project_id", "rule_sets.version"],
            name="activations_version_fkey",
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.execute(f"GRANT SELECT ON alembic_version TO {RUNTIME_ROLE}")
    op.execute(
        "GRANT SELECT, INSERT, UPDATE (version_count, activation_count) ON projects"
        f" TO {RUNTIME_ROLE}"
    )
    op.execute(
        "GRANT SELECT, INSERT, UPDATE (state, revision, content, update_time) ON rule_sets"
        f" TO {RUNTIME_ROLE}"
    )
    op.execute(f"GRANT SELECT, INSERT ON activations TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON outbox TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop everything."""
    for table in ("outbox", "activations", "rule_sets", "projects"):
        op.drop_table(table)
