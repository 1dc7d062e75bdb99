"""Projects, API keys and the outbox, and what the running service may do with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_accounts"


def upgrade() -> None:
    """Make the tables. A project never changes; of a key only its revocation does."""
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="projects_pkey"),
    )
    op.create_table(
        "api_keys",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("key_hash", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoke_time", sa.DateTime(timezone=True)),
        sa.Column("bootstrap", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key_id", name="api_keys_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.project_id"], name="api_keys_project_id_fkey"
        ),
        sa.UniqueConstraint("key_hash", name="api_keys_key_hash_key"),
    )
    op.create_index("api_keys_newest", "api_keys", ["project_id", "create_time", "key_id"])
    op.create_index(
        "api_keys_valid",
        "api_keys",
        ["project_id"],
        postgresql_where=sa.text("revoke_time IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.execute(f"GRANT SELECT ON alembic_version TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON projects TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE (revoke_time) ON api_keys TO {RUNTIME_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON outbox TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop everything."""
    for table in ("outbox", "api_keys", "projects"):
        op.drop_table(table)
