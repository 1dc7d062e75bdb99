"""When each reference was first heard of: before that, nobody was found under it. And every lead is folded anew."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE subjects ADD COLUMN attached_at timestamptz",
    # When the first thing was recorded that names it: an entry of its own, a link, a move; or when its lead was made,
    # for the lead's own id and for what nothing else names. Never later than the newest thing recorded.
    """
    UPDATE subjects s SET attached_at = coalesce(
        least(
            coalesce(
                least(
                    (SELECT min(l.recorded_at) FROM ledger l
                     WHERE l.project_id = s.project_id AND l.subject = s.subject),
                    (SELECT min(m.moved_at) FROM subject_moves m
                     WHERE m.project_id = s.project_id AND m.subject = s.subject),
                    k.recorded_at,
                    (SELECT l.created_at FROM leads l
                     WHERE l.project_id = s.project_id AND s.subject = 'lead:' || l.lead_id)
                ),
                (SELECT l.created_at FROM leads l
                 WHERE l.project_id = s.project_id AND l.lead_id = s.lead_id)
            ),
            (SELECT h.recorded_at FROM ledger_heads h WHERE h.project_id = s.project_id)
        ),
        'epoch'
    )
    FROM subjects t LEFT JOIN (
        SELECT l.project_id, n.subject, min(l.recorded_at) AS recorded_at
        FROM ledger l, json_array_elements_text(l.properties -> 'subjects') AS n(subject)
        WHERE l.type = '$link' GROUP BY l.project_id, n.subject
    ) k USING (project_id, subject)
    WHERE s.project_id = t.project_id AND s.subject = t.subject
    """,
    "ALTER TABLE subjects ALTER COLUMN attached_at SET NOT NULL",
    # The state of the fold has another form: every lead is folded anew.
    "UPDATE rescores SET activation = 0, cursor = ''",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
