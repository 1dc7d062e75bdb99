"""The tables of the schema `scoring`. Each index says which query needs it. Migrations make exactly these."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSON, JSONB, TIMESTAMP

from services.shared.outbox import outbox_table

metadata = sa.MetaData()

_TIME = TIMESTAMP(timezone=True)
# Compared byte by byte, as Python compares strings: the order of the fold must not depend on a locale.
_TEXT = sa.Text(collation="C")

# The activation in force. Every transaction that scores holds its projects' rules (statements.py), an activation waits
# for them: so nothing is scored under old rules once an activation has committed.
projects = sa.Table(
    "projects",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("activation", sa.Integer, nullable=False),
    # Goes up with every move of a reference from one lead to another.
    sa.Column("moves", sa.BigInteger, nullable=False, server_default="0"),
)

# Activations as the rules service published them.
activations = sa.Table(
    "activations",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("activated_at", _TIME, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    # stored_rules.py says how.
    sa.Column("rule_set", JSONB, nullable=False),
    # Entries that happened from then on are its own.
    sa.Column("effective_from", _TIME, nullable=False),
    # On the same clock as the ledger: what was in force when an entry was recorded.
    sa.Column("recorded_at", _TIME, nullable=False),
)

# How far the re-scoring of existing leads has come.
rescores = sa.Table(
    "rescores",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    # Every lead has been scored under this activation or a later one.
    sa.Column("activation", sa.Integer, nullable=False),
    # On the way to `target`, leads up to this id have been.
    sa.Column("target", sa.Integer, nullable=False),
    sa.Column("cursor", _TEXT, nullable=False),
)

# What is known of a lead besides its score; changes rarely.
leads = sa.Table(
    "leads",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("lead_id", _TEXT, primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    # Counts edits: the etag.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
)

# A lead's score: the fold of its ledger. The row that serialises everything that happens to a lead.
snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("lead_id", _TEXT, primary_key=True),
    # Milli-points.
    sa.Column("score", sa.BigInteger, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("event_count", sa.Integer, nullable=False),
    # When the newest event that counts happened; null before the first.
    sa.Column("last_occurred_at", _TIME),
    # The last entry in event time; null before the first.
    sa.Column("last_event_id", _TEXT),
    sa.Column("activation", sa.Integer, nullable=False),
    sa.Column("rule_set_version", sa.Integer, nullable=False),
    # domain/state.py; one of another format is made anew from the ledger.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("state_format", sa.Integer, nullable=False),
    # When time alone changes the score by a whole point, or the stage, velocity or risk; null: never.
    sa.Column("next_transition_at", _TIME),
    sa.Column("updated_at", _TIME, nullable=False),
    # Thousandths.
    sa.Column("velocity", sa.BigInteger, nullable=False),
    sa.Column("risk", sa.Text, nullable=False),
    # The lead that this one was merged into; empty: it stands for itself.
    sa.Column("merged_into", _TEXT, nullable=False),
    # The decay worker's search for what is due.
    sa.Index(
        "snapshots_due",
        "next_transition_at",
        postgresql_where=sa.text("next_transition_at IS NOT NULL"),
    ),
    # GetLeaderboard, ListLeads by score, and GetStageCounts (index only).
    sa.Index(
        "snapshots_by_score",
        "project_id",
        sa.text("score DESC"),
        "lead_id",
        postgresql_include=["stage"],
        postgresql_where=sa.text("merged_into = ''"),
    ),
    # ListLeads by last_event_time, and of a time.
    sa.Index(
        "snapshots_by_last_event",
        "project_id",
        sa.text("coalesce(last_occurred_at, '-infinity'::timestamptz)"),
        "lead_id",
        postgresql_where=sa.text("merged_into = ''"),
    ),
)

# Which lead a reference belongs to.
subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("subject", _TEXT, primary_key=True),
    sa.Column("lead_id", _TEXT, nullable=False),
    # Record time: before, nobody had heard of it.
    sa.Column("attached_at", _TIME, nullable=False),
    # A lead's identities, and with them its ledger entries.
    sa.Index("subjects_by_lead", "project_id", "lead_id"),
)

# When references went from one lead to another: merges and unmerges. Derived from the ledger's link facts.
subject_moves = sa.Table(
    "subject_moves",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("subject", _TEXT, primary_key=True),
    # Record time.
    sa.Column("moved_at", _TIME, primary_key=True),
    sa.Column("from_lead_id", _TEXT, nullable=False),
    sa.Column("to_lead_id", _TEXT, nullable=False),
    # Which references a lead had at a record time; which went when it was merged.
    sa.Index("subject_moves_from", "project_id", "from_lead_id", "moved_at"),
)

# Events that were retracted. The facts that say so are in the ledger; here each event can be looked up.
retractions = sa.Table(
    "retractions",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("event_id", _TEXT, primary_key=True),
)

# The events, once each, for ever. INSERT and SELECT only: the grants say so, and a trigger refuses the rest.
ledger = sa.Table(
    "ledger",
    metadata,
    # An event id counts once in a project: this key decides.
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("event_id", _TEXT, primary_key=True),
    # Dense in the project, in commit order.
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("subject", _TEXT, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("occurred_at", _TIME, nullable=False),
    sa.Column("recorded_at", _TIME, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    # JSON as text, to the byte: the chain covers it.
    sa.Column("properties", JSON, nullable=False),
    sa.Column("payload_hash", BYTEA, nullable=False),
    sa.Column("entry_hash", BYTEA, nullable=False),
    # A lead's history in the order of the fold: late entries, re-scoring, the timeline.
    sa.Index("ledger_by_subject", "project_id", "subject", "occurred_at", "event_id"),
    # VerifyLedger walks along it; no position is taken twice.
    sa.Index("ledger_by_position", "project_id", "position", unique=True),
    # GetActivity of all leads (index only).
    sa.Index(
        "ledger_by_time", "project_id", "occurred_at", postgresql_include=["type", "event_id"]
    ),
    # Which events the analytics leave out.
    sa.Index("ledger_retractions", "project_id", postgresql_where=sa.text("type = '$retraction'")),
)

# The hash chain over the ledger: a block for each transaction that appended (domain/chain.py).
ledger_blocks = sa.Table(
    "ledger_blocks",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    # Position of the block's last entry; the entries behind the previous block's up to this one are its own.
    sa.Column("last_position", sa.BigInteger, primary_key=True),
    sa.Column("hash", BYTEA, nullable=False),
    sa.Column("recorded_at", _TIME, nullable=False),
)

# End of each project's chain, and when the newest thing was recorded: a block or an activation. Locked for the last
# part of a transaction that appends.
ledger_heads = sa.Table(
    "ledger_heads",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("last_position", sa.BigInteger, nullable=False),
    sa.Column("hash", BYTEA, nullable=False),
    sa.Column("recorded_at", _TIME, nullable=False),
)

# The audit trail: each version of each lead's score.
score_changes = sa.Table(
    "score_changes",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("lead_id", _TEXT, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text),
    sa.Column("event_type", sa.Text),
    # Milli-points.
    sa.Column("previous_score", sa.BigInteger, nullable=False),
    sa.Column("score", sa.BigInteger, nullable=False),
    sa.Column("previous_stage", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("rule_set_version", sa.Integer, nullable=False),
    sa.Column("occurred_at", _TIME, nullable=False),
    sa.Column("changed_at", _TIME, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("previous_velocity", sa.BigInteger, nullable=False),
    sa.Column("velocity", sa.BigInteger, nullable=False),
    sa.Column("previous_risk", sa.Text, nullable=False),
    sa.Column("risk", sa.Text, nullable=False),
    sa.Column("merged_into", sa.Text, nullable=False),
    # GetFunnel and GetCohorts: the stages a lead has been in (index only); GetMovers: since when it is in one.
    sa.Index(
        "score_changes_by_stage",
        "project_id",
        "lead_id",
        "version",
        postgresql_include=["previous_stage", "stage", "occurred_at"],
        postgresql_where=sa.text("stage <> previous_stage OR version = 1"),
    ),
    # ListProjectScoreChanges: a page of all leads' changes.
    sa.Index("score_changes_by_change_time", "project_id", "changed_at", "lead_id", "version"),
    # GetMovers: what has moved scores since a time.
    sa.Index("score_changes_by_cause_time", "project_id", "occurred_at"),
)

# `identify` events whose references belong to different people: nothing of them was linked.
identity_conflicts = sa.Table(
    "identity_conflicts",
    metadata,
    sa.Column("project_id", _TEXT, primary_key=True),
    sa.Column("event_id", _TEXT, primary_key=True),
    sa.Column("subjects", ARRAY(_TEXT), nullable=False),
    # Whom they belonged to, in the same order; empty: nobody.
    sa.Column("lead_ids", ARRAY(_TEXT), nullable=False),
    # Of the event.
    sa.Column("recorded_at", _TIME, nullable=False),
    # ListIdentityConflicts reads backwards.
    sa.Index("identity_conflicts_newest", "project_id", "recorded_at", "event_id"),
    # Those of a lead.
    sa.Index("identity_conflicts_by_subject", "subjects", postgresql_using="gin"),
)

outbox = outbox_table(metadata)

# What was accepted but can't be scored, until ingest, which keeps it, is told.
quarantine_outbox = outbox_table(metadata, "quarantine_outbox")
