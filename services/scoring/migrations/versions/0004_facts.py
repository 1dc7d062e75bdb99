"""Velocity, risk and merges of leads; activations from a time on; which lead a reference belonged to when."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE snapshots
        ADD COLUMN velocity bigint NOT NULL DEFAULT 0,
        ADD COLUMN risk text NOT NULL DEFAULT '',
        ADD COLUMN merged_into text COLLATE "C" NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE snapshots ALTER COLUMN velocity DROP DEFAULT, ALTER COLUMN risk DROP DEFAULT,
        ALTER COLUMN merged_into DROP DEFAULT
    """,
    """
    ALTER TABLE score_changes
        ADD COLUMN previous_velocity bigint NOT NULL DEFAULT 0,
        ADD COLUMN velocity bigint NOT NULL DEFAULT 0,
        ADD COLUMN previous_risk text NOT NULL DEFAULT '',
        ADD COLUMN risk text NOT NULL DEFAULT '',
        ADD COLUMN merged_into text NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE score_changes ALTER COLUMN previous_velocity DROP DEFAULT,
        ALTER COLUMN velocity DROP DEFAULT, ALTER COLUMN previous_risk DROP DEFAULT,
        ALTER COLUMN risk DROP DEFAULT, ALTER COLUMN merged_into DROP DEFAULT
    """,
    # So far every activation scored all history.
    "ALTER TABLE activations ADD COLUMN effective_from timestamptz NOT NULL DEFAULT 'epoch'",
    "ALTER TABLE activations ALTER COLUMN effective_from DROP DEFAULT",
    "DROP INDEX snapshots_by_score",
    """
    CREATE INDEX snapshots_by_score ON snapshots (project_id, score DESC, lead_id)
        INCLUDE (stage) WHERE merged_into = ''
    """,
    """
    CREATE TABLE subject_moves (
        project_id text COLLATE "C" NOT NULL,
        subject text COLLATE "C" NOT NULL,
        moved_at timestamptz NOT NULL,
        from_lead_id text COLLATE "C" NOT NULL,
        to_lead_id text COLLATE "C" NOT NULL,
        PRIMARY KEY (project_id, subject, moved_at)
    )
    """,
    "CREATE INDEX subject_moves_from ON subject_moves (project_id, from_lead_id, moved_at)",
    """
    CREATE TABLE retractions (
        project_id text COLLATE "C" NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        PRIMARY KEY (project_id, event_id)
    )
    """,
    # What has happened stays as it is (0001).
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON subject_moves
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON retractions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    "GRANT SELECT, INSERT ON subject_moves, retractions TO scoreline_scoring",
    # The state of the fold has another form: every lead is folded anew.
    "UPDATE rescores SET activation = 0, cursor = ''",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
