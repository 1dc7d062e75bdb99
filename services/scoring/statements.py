"""The SQL of the hot path. Values are always parameters; what is put together here is column names only."""

from services.scoring import rows

AS_OF_THE_FIRST_READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_S = ", ".join(f"s.{column}" for column in rows.SNAPSHOT_COLUMNS.split(", "))
_SNAPSHOT_ARRAYS = (
    "unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::int[], %s::int[],"
    " %s::timestamptz[], %s::text[], %s::int[], %s::int[], %s::text[], %s::int[], %s::timestamptz[],"
    " %s::bigint[], %s::text[], %s::text[])"
    f" AS i(project_id, lead_id, {rows.SNAPSHOT_COLUMNS})"
)

# Who scores holds the rules of its projects, an activation waits for them. Advisory locks, because they queue: with row
# locks an activation waits for ever while transactions that share the row overlap. 7101 is this use of such locks in
# the database; projects share 256 of them, so that a batch of any number of projects holds no more.
HOLD_RULES = """
    SELECT pg_advisory_xact_lock_shared(7101, number)
    FROM (SELECT DISTINCT hashtext(project_id) & 255 AS number
          FROM unnest(%s::text[]) AS i(project_id) ORDER BY number) AS ordered
"""
AWAIT_RULES = "SELECT pg_advisory_xact_lock(7101, hashtext(%s) & 255)"
ACTIVATIONS = "SELECT project_id, activation, moves FROM projects WHERE project_id = ANY(%s)"
MOVES = "SELECT project_id, moves FROM projects WHERE project_id = ANY(%s)"
ADD_PROJECTS = """
    INSERT INTO projects (project_id, activation) SELECT unnest(%s::text[]), 0
    ON CONFLICT DO NOTHING
"""
ACTIVATION_NOW = "SELECT activation FROM projects WHERE project_id = %s"
RULE_SETS = """
    SELECT number, rule_set, effective_from, recorded_at FROM activations
    WHERE project_id = %s AND number <= %s ORDER BY number DESC LIMIT %s
"""
LEADS_BY_SUBJECT = """
    SELECT s.project_id, s.subject, s.lead_id
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, subject)
    JOIN subjects s USING (project_id, subject)
"""
# References of a lead that was merged into another are that one's. Their record time is known when the transaction
# records something, which comes last.
ADD_SUBJECTS = """
    INSERT INTO subjects (project_id, subject, lead_id, attached_at)
    SELECT i.project_id, i.subject, coalesce(s.lead_id, i.lead_id), 'infinity'
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS i(project_id, subject, lead_id)
    LEFT JOIN subjects s ON s.project_id = i.project_id AND s.subject = 'lead:' || i.lead_id
    ORDER BY i.project_id, i.subject
    ON CONFLICT DO NOTHING RETURNING project_id, subject, lead_id
"""
DATE_SUBJECTS = """
    UPDATE subjects SET attached_at = %s WHERE project_id = %s AND subject = ANY(%s)
"""
ADD_LEADS = """
    INSERT INTO leads (project_id, lead_id, email, display_name, company, attributes, revision,
                       created_at, updated_at)
    SELECT project_id, lead_id, email, '', '', '{}', 1, %s, %s
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS i(project_id, lead_id, email)
    ON CONFLICT DO NOTHING
"""
ADD_LEAD = f"""
    INSERT INTO leads ({rows.PROFILE_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING lead_id
"""
ADD_SNAPSHOTS = f"""
    INSERT INTO snapshots (project_id, lead_id, {rows.SNAPSHOT_COLUMNS}, updated_at)
    SELECT i.*, %s FROM {_SNAPSHOT_ARRAYS}
    ON CONFLICT DO NOTHING
"""
UPDATE_SNAPSHOTS = f"""
    UPDATE snapshots s SET ({rows.SNAPSHOT_COLUMNS}, updated_at) =
        ({", ".join(f"i.{column}" for column in rows.SNAPSHOT_COLUMNS.split(", "))}, %s)
    FROM {_SNAPSHOT_ARRAYS}
    WHERE s.project_id = i.project_id AND s.lead_id = i.lead_id
"""
# With what tells whether a snapshot is known already: the transaction that wrote the row; and this one, the next to.
LOCK_SNAPSHOTS = """
    SELECT s.project_id, s.lead_id, s.version, s.xmin::text,
           (SELECT pg_current_xact_id()::xid::text)
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, lead_id)
    JOIN snapshots s USING (project_id, lead_id)
    ORDER BY s.project_id, s.lead_id FOR UPDATE OF s
"""
LOCK_FREE_SNAPSHOTS = f"{LOCK_SNAPSHOTS.rstrip()} SKIP LOCKED"
LOCK_NEXT_SNAPSHOTS = f"""
    SELECT s.project_id, s.lead_id, {_S} FROM snapshots s
    WHERE s.project_id = %s AND s.lead_id > %s AND s.merged_into = ''
    ORDER BY s.lead_id LIMIT %s FOR UPDATE
"""
DUE = """
    SELECT project_id, lead_id FROM snapshots WHERE next_transition_at <= %s
    ORDER BY next_transition_at LIMIT %s
"""
ADD_MESSAGES = {
    outbox: f"""
        INSERT INTO {outbox} (subjects, message_ids, lengths, payloads)
        VALUES (%s::text[], %s::text[], %s::int[], %s)
    """
    for outbox in ("outbox", "quarantine_outbox")
}
PAYLOAD_HASHES = """
    SELECT l.project_id, l.event_id, l.payload_hash
    FROM unnest(%s::text[], %s::text[]) AS i(project_id, event_id)
    JOIN ledger l USING (project_id, event_id)
"""
LOCK_HEADS = """
    SELECT project_id, last_position, hash, recorded_at FROM ledger_heads
    WHERE project_id = ANY(%s) ORDER BY project_id FOR UPDATE
"""
ADD_HEADS = """
    INSERT INTO ledger_heads (project_id, last_position, hash, recorded_at)
    SELECT unnest(%s::text[]), 0, %s, %s ON CONFLICT DO NOTHING
"""
ADD_BLOCK = """
    INSERT INTO ledger_blocks (project_id, last_position, hash, recorded_at)
    VALUES (%s, %s, %s, %s)
"""
MOVE_HEAD = """
    UPDATE ledger_heads SET last_position = %s, hash = %s, recorded_at = %s WHERE project_id = %s
"""
LOCK_PROFILE = f"""
    SELECT {rows.PROFILE_COLUMNS} FROM leads WHERE project_id = %s AND lead_id = %s FOR UPDATE
"""
UPDATE_PROFILE = """
    UPDATE leads
    SET display_name = %s, company = %s, attributes = %s, revision = %s, updated_at = %s
    WHERE project_id = %s AND lead_id = %s
"""
ADD_ACTIVATION = """
    INSERT INTO activations (project_id, number, activated_at, actor, rule_set, effective_from,
                             recorded_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING number
"""
ACTIVATE = """
    INSERT INTO projects (project_id, activation) VALUES (%s, %s)
    ON CONFLICT (project_id) DO UPDATE
    SET activation = greatest(projects.activation, excluded.activation)
"""
RESCORE_TARGET = """
    SELECT p.project_id, p.activation,
           CASE WHEN r.target = p.activation THEN r.cursor ELSE '' END
    FROM projects p LEFT JOIN rescores r USING (project_id)
    WHERE p.activation > coalesce(r.activation, 0)
    ORDER BY p.project_id <= %s, p.project_id LIMIT 1
"""
RESCORED = """
    INSERT INTO rescores (project_id, activation, target, cursor) VALUES (%s, %s, %s, %s)
    ON CONFLICT (project_id) DO UPDATE
    SET activation = greatest(rescores.activation, excluded.activation),
        target = excluded.target, cursor = excluded.cursor
"""
