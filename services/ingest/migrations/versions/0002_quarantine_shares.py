"""What takes room in quarantine is counted by share: each reason has its own, and so has what strangers send."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE quarantine ADD COLUMN share text")
    op.execute("UPDATE quarantine SET share = reason")
    op.execute("ALTER TABLE quarantine ALTER COLUMN share SET NOT NULL")
    op.execute("DELETE FROM quarantine_usage")
    op.execute("ALTER TABLE quarantine_usage DROP CONSTRAINT quarantine_usage_pkey")
    op.execute("ALTER TABLE quarantine_usage ADD COLUMN share text NOT NULL")
    op.execute(
        "ALTER TABLE quarantine_usage ADD CONSTRAINT quarantine_usage_pkey PRIMARY KEY (project_id, share)"
    )
    op.execute(
        """
        INSERT INTO quarantine_usage (project_id, share, item_count, size_bytes)
        SELECT project_id, share, count(*), sum(octet_length(payload))
        FROM quarantine WHERE redriven_at IS NULL GROUP BY project_id, share
        """
    )


def downgrade() -> None:
    """Count by project again."""
    op.execute("DELETE FROM quarantine_usage")
    op.execute("ALTER TABLE quarantine_usage DROP CONSTRAINT quarantine_usage_pkey")
    op.execute("ALTER TABLE quarantine_usage DROP COLUMN share")
    op.execute(
        "ALTER TABLE quarantine_usage ADD CONSTRAINT quarantine_usage_pkey PRIMARY KEY (project_id)"
    )
    op.execute(
        """
        INSERT INTO quarantine_usage (project_id, item_count, size_bytes)
        SELECT project_id, count(*), sum(octet_length(payload))
        FROM quarantine WHERE redriven_at IS NULL GROUP BY project_id
        """
    )
    op.execute("ALTER TABLE quarantine DROP COLUMN share")
