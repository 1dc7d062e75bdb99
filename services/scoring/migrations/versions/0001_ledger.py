"""Leads, ledger, snapshots, score changes, outbox, and who may do what with them."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE projects (
    project_id text COLLATE "C" PRIMARY KEY,
    activation integer NOT NULL
);
CREATE TABLE activations (
    project_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    activated_at timestamptz NOT NULL,
    actor text NOT NULL,
    rule_set jsonb NOT NULL,
    PRIMARY KEY (project_id, number)
);
CREATE TABLE rescores (
    project_id text COLLATE "C" PRIMARY KEY,
    activation integer NOT NULL,
    target integer NOT NULL,
    cursor text COLLATE "C" NOT NULL
);
CREATE TABLE leads (
    project_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    email text NOT NULL,
    display_name text NOT NULL,
    company text NOT NULL,
    attributes jsonb NOT NULL,
    revision integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, lead_id)
);
CREATE TABLE snapshots (
    project_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    score bigint NOT NULL,
    stage text NOT NULL,
    version integer NOT NULL,
    event_count integer NOT NULL,
    last_occurred_at timestamptz,
    last_event_id text COLLATE "C",
    activation integer NOT NULL,
    rule_set_version integer NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, lead_id)
);
CREATE INDEX snapshots_by_score ON snapshots (project_id, score DESC, lead_id) INCLUDE (stage);
CREATE TABLE subjects (
    project_id text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, subject)
);
CREATE INDEX subjects_by_lead ON subjects (project_id, lead_id);
CREATE TABLE ledger (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    subject text COLLATE "C" NOT NULL,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    source text NOT NULL,
    properties json NOT NULL,
    payload_hash bytea NOT NULL,
    entry_hash bytea NOT NULL,
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX ledger_by_subject ON ledger (project_id, subject, occurred_at, event_id);
CREATE TABLE ledger_blocks (
    project_id text COLLATE "C" NOT NULL,
    last_position bigint NOT NULL,
    hash bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, last_position)
);
CREATE TABLE ledger_heads (
    project_id text COLLATE "C" PRIMARY KEY,
    last_position bigint NOT NULL,
    hash bytea NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE TABLE score_changes (
    project_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    cause text NOT NULL,
    event_id text,
    event_type text,
    previous_score bigint NOT NULL,
    score bigint NOT NULL,
    previous_stage text NOT NULL,
    stage text NOT NULL,
    rule_set_version integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    late boolean NOT NULL,
    PRIMARY KEY (project_id, lead_id, version)
);
CREATE TABLE quarantine (
    project_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    digest bytea NOT NULL,
    event_id text NOT NULL,
    payload bytea NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    seen_count integer NOT NULL,
    PRIMARY KEY (project_id, reason, digest)
);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    version integer NOT NULL,
    payload bytea NOT NULL
);
"""

# What has happened stays as it is: whoever holds the runtime role can add to it and read it, no more.
APPEND_ONLY = ("ledger", "ledger_blocks", "activations", "score_changes")

REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""

GRANTS = (
    "GRANT SELECT, INSERT ON ledger, ledger_blocks, activations, score_changes TO scoreline_scoring",
    "GRANT SELECT, INSERT, UPDATE ON projects, rescores, leads, snapshots, subjects, ledger_heads, "
    "quarantine TO scoreline_scoring",
    "GRANT SELECT, INSERT, DELETE ON outbox TO scoreline_scoring",
    "GRANT SELECT ON alembic_version TO scoreline_scoring",
)


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(REFUSE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for grant in GRANTS:
        op.execute(grant)
