"""Automations, what they did, and what they leave to people."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNTIME_ROLE = "scoreline_notify"

TABLES = (
    "automations",
    "automation_candidates",
    "automation_next_actions",
    "automation_executions",
    "owner_turns",
    "lead_owners",
    "tasks",
)

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "automations",
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("sealed_definition", sa.LargeBinary, nullable=False),
        sa.Column("trigger_kind", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("active_since", _TIME, nullable=False),
        sa.Column("looked_until", _TIME),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("automation_id", name="automations_pkey"),
    )
    op.create_index(
        "automations_by_clock",
        "automations",
        ["trigger_kind"],
        postgresql_where=sa.text("NOT disabled"),
    )
    op.create_index(
        "automations_newest", "automations", ["project_id", "created_at", "automation_id"]
    )
    op.create_table(
        "automation_candidates",
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("moment", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("change", sa.LargeBinary),
        sa.Column("triggered_at", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("claim", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automations.automation_id"],
            name="automation_candidates_automation_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "automation_id", "lead_id", "moment", name="automation_candidates_pkey"
        ),
    )
    op.create_index(
        "automation_candidates_due", "automation_candidates", ["automation_id", "due_at"]
    )
    op.create_index("automation_candidates_waiting", "automation_candidates", ["created_at"])
    op.create_table(
        "automation_next_actions",
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("next_action", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automations.automation_id"],
            name="automation_next_actions_automation_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("automation_id", "lead_id", name="automation_next_actions_pkey"),
    )
    op.create_table(
        "automation_executions",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("change", sa.LargeBinary),
        sa.Column("triggered_at", _TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcomes", JSONB, nullable=False),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("attempts_before", sa.Integer, nullable=False),
        sa.Column("pending_since", _TIME, nullable=False),
        sa.Column("due_at", _TIME),
        sa.Column("in_flight", sa.Boolean, nullable=False),
        sa.Column("claim", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.CheckConstraint(
            "state IN ('pending', 'succeeded', 'failed')", name="automation_executions_state"
        ),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automations.automation_id"],
            name="automation_executions_automation_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", name="automation_executions_pkey"),
        sa.UniqueConstraint(
            "automation_id", "lead_id", "bucket", name="automation_executions_bucket_key"
        ),
    )
    op.create_index(
        "automation_executions_due",
        "automation_executions",
        ["automation_id", "due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "automation_executions_in_flight",
        "automation_executions",
        ["automation_id"],
        postgresql_where=sa.text("in_flight"),
    )
    op.create_index(
        "automation_executions_newest", "automation_executions", ["automation_id", "number"]
    )
    op.create_index(
        "automation_executions_failed",
        "automation_executions",
        ["automation_id", "number"],
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "automation_executions_waiting",
        "automation_executions",
        ["pending_since"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "owner_turns",
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.Column("list", sa.Text, nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automations.automation_id"],
            name="owner_turns_automation_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("automation_id", "list", name="owner_turns_pkey"),
    )
    op.create_table(
        "lead_owners",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("assigned_at", _TIME, nullable=False),
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "lead_id", name="lead_owners_pkey"),
    )
    op.create_index("lead_owners_newest", "lead_owners", ["project_id", "assigned_at", "lead_id"])
    op.create_index(
        "lead_owners_of_owner", "lead_owners", ["project_id", "owner", "assigned_at", "lead_id"]
    )
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("assignee", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("done_at", _TIME),
        sa.Column("automation_id", sa.Text, nullable=False),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.CheckConstraint("state IN ('open', 'done')", name="tasks_state"),
        sa.PrimaryKeyConstraint("task_id", name="tasks_pkey"),
    )
    op.create_index("tasks_newest", "tasks", ["project_id", "created_at", "task_id"])
    op.create_index("tasks_of_lead", "tasks", ["project_id", "lead_id", "created_at", "task_id"])
    op.create_index(
        "tasks_of_assignee", "tasks", ["project_id", "assignee", "created_at", "task_id"]
    )
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {RUNTIME_ROLE}")


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.drop_table(table)
