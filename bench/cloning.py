"""Large ledgers in little time. A thousand leads go through the suite itself; the rest are made of them inside the
database: the same entries under other ids, in blocks of the chain, with the snapshots, references and versions that the
suite made of the originals. VerifyLedger, which recomputes chain and snapshots, is asked about a sample.

What differs from a ledger that the suite has written: copies keep their originals' payload hashes, so that a copy's
event sent again would be a conflict; record times lie microseconds apart; and SCORES holds none of their changes, as if
they were older than what it keeps."""

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import sqlalchemy as sa

from bench.suite import end_to_end
from scoreline.client import Client
from services.scoring import tables
from services.scoring.domain import chain
from stack import Stack

ORIGINALS = 1_000
BLOCK = 500
"""Entries in a block, as full batches make them."""
CHECKED_LEADS = 30
CHECKED_ENTRIES = 10_000
PORTION = 50_000

_COPY = "|| '.' || c.n"
_ON_SAME = {
    tables.leads: {"lead_id": f"o.lead_id {_COPY}"},
    tables.subjects: {"subject": f"o.subject {_COPY}", "lead_id": f"o.lead_id {_COPY}"},
    tables.snapshots: {
        "lead_id": f"o.lead_id {_COPY}",
        "last_event_id": f"o.last_event_id {_COPY}",
        # The state names the last event, and no other.
        "state": f"replace(o.state, '\"' || o.last_event_id || '\"', '\"' || o.last_event_id {_COPY} || '\"')",
    },
    tables.score_changes: {"lead_id": f"o.lead_id {_COPY}", "event_id": f"o.event_id {_COPY}"},
}
"""What differs in the copies, by table; the ledger's copies have hashes of their own besides."""

# As domain/chain.py has them.
_FUNCTIONS = """
    CREATE SCHEMA bench;
    CREATE FUNCTION bench.part(value text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
        $$ SELECT int4send(octet_length(convert_to(value, 'UTF8'))) || convert_to(value, 'UTF8') $$;
    CREATE FUNCTION bench.iso(at timestamptz) RETURNS text LANGUAGE sql STABLE AS
        $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
            || CASE WHEN extract(microseconds FROM at)::int % 1000000 = 0 THEN ''
               ELSE to_char(at AT TIME ZONE 'UTC', '.US') END || '+00:00' $$;
"""
_LEDGER = f"""
    WITH placed AS (
        SELECT o.*, c.n, row_number() OVER (ORDER BY c.n, o.position) AS place
        FROM scoring.ledger o CROSS JOIN generate_series(1, %(copies)s) AS c(n)
    ), named AS (
        SELECT project_id, event_id || '.' || n AS event_id, %(end)s + place AS position,
               subject || '.' || n AS subject, type, occurred_at,
               %(at)s + ((place - 1) / {BLOCK} + 1) * interval '1 microsecond' AS recorded_at,
               source, properties, payload_hash
        FROM placed
    )
    INSERT INTO scoring.ledger (project_id, event_id, position, subject, type, occurred_at, recorded_at, source,
                                properties, payload_hash, entry_hash)
    SELECT *, sha256(
        bench.part(project_id) || bench.part(position::text) || bench.part(event_id) || bench.part(subject)
        || bench.part(type) || bench.part(bench.iso(occurred_at)) || bench.part(bench.iso(recorded_at))
        || bench.part(source) || bench.part(properties::text) || payload_hash)
    FROM named
"""
_CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype IN ('p', 'u')
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = %s::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def fill(stack: Stack, leads: int, events_per_lead: int) -> None:
    """Have the suite, which must be empty, hold about so many leads (a few have no event, as chance has it) with about
    so many events each; together their events are exactly so many. Leads come in whole thousands."""
    end_to_end(stack, "origin", ORIGINALS * events_per_lead, ORIGINALS, duplicates=0)
    stack.terminate("scoring")
    copies = leads // ORIGINALS - 1
    url = stack.superuser_url
    with psycopg.connect(url) as connection:
        connection.execute(_FUNCTIONS)
        found = connection.execute("SELECT count(*) FROM scoring.snapshots").fetchall()
    ((originals,),) = found
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done in (
            pool.submit(_copy_ledger, url, copies),
            pool.submit(_copy_others, url, copies),
        ):
            done.result()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA bench CASCADE")
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    stack.restart("scoring")
    check(stack, originals * (copies + 1), leads * events_per_lead)


def check(stack: Stack, leads: int, entries: int) -> None:
    """Have the suite verify the end of the chain and some leads. Raises RuntimeError for anything that is wrong."""
    with psycopg.connect(stack.superuser_url) as connection:
        found = connection.execute(
            "SELECT last_position, (SELECT count(*) FROM scoring.snapshots) FROM scoring.ledger_heads"
        ).fetchone()
        if found != (entries, leads):
            raise RuntimeError(
                f"the ledger has {found} entries and leads, not {entries} and {leads}"
            )
        chosen = random.Random(1).sample(range(leads), min(leads, CHECKED_LEADS))
        names = connection.execute(
            "SELECT lead_id FROM (SELECT lead_id, row_number() OVER () AS n FROM scoring.snapshots) AS s"
            " WHERE n = ANY(%s)",
            ([number + 1 for number in chosen],),
        ).fetchall()
    with Client(stack.grpc_target, stack.api_key) as client:
        runs = [client.ledger.verify(from_position=max(1, entries - CHECKED_ENTRIES))]
        runs += [client.ledger.verify(lead_id=name) for (name,) in names]
        for run in runs:
            messages = list(run)
            wrong = [one.mismatch for one in messages if one.HasField("mismatch")]
            if wrong or not messages[-1].HasField("summary"):
                raise RuntimeError(f"the copies are not what the suite would have made: {wrong}")


def _copy_ledger(url: str, copies: int) -> None:
    with psycopg.connect(url) as connection:
        head = connection.execute(
            "SELECT project_id, last_position, hash, recorded_at FROM scoring.ledger_heads"
        ).fetchall()
        ((project_id, end, digest, at),) = head
        again = _without_indexes(connection, "ledger")
        connection.execute(_LEDGER, {"copies": copies, "end": end, "at": at})
        _run_all(connection, again)
        _chain(connection, project_id, end, digest, at)


def _chain(
    connection: psycopg.Connection, project_id: str, end: int, digest: bytes, at: datetime
) -> None:
    """Blocks over the copies, as transactions of full batches would have made them."""
    blocks = []
    hashes: list[bytes] = []
    with connection.cursor("hashes", binary=True) as cursor:
        cursor.itersize = PORTION
        cursor.execute(
            "SELECT entry_hash FROM scoring.ledger WHERE project_id = %s AND position > %s ORDER BY position",
            (project_id, end),
        )
        for (entry_hash,) in cursor:
            hashes.append(entry_hash)
            if len(hashes) == BLOCK:
                digest = chain.block_hash(digest, hashes)
                end, at = end + BLOCK, at + timedelta(microseconds=1)
                blocks.append((project_id, end, digest, at))
                hashes.clear()
    if hashes:
        raise RuntimeError(f"{len(hashes)} copies are left over of whole blocks")
    with connection.cursor().copy("COPY scoring.ledger_blocks FROM STDIN") as copy:
        for block in blocks:
            copy.write_row(block)
    connection.execute(
        "UPDATE scoring.ledger_heads SET last_position = %s, hash = %s, recorded_at = %s",
        (end, digest, at),
    )


def _copy_others(url: str, copies: int) -> None:
    with psycopg.connect(url) as connection:
        for table, changed in _ON_SAME.items():
            again = _without_indexes(connection, table.name)
            connection.execute(_on_same(table, changed), {"copies": copies})
            _run_all(connection, again)


def _on_same(table: sa.Table, changed: Mapping[str, str]) -> str:
    names = [column.name for column in table.columns]
    values = ", ".join(changed.get(name, f"o.{name}") for name in names)
    return f"""
        INSERT INTO scoring.{table.name} ({", ".join(names)})
        SELECT {values} FROM scoring.{table.name} o CROSS JOIN generate_series(1, %(copies)s) AS c(n)
    """


def _without_indexes(connection: psycopg.Connection, name: str) -> list[str]:
    """Drop a table's indexes; the statements that make them anew."""
    table = f"scoring.{name}"
    constraints = connection.execute(_CONSTRAINTS, (table,)).fetchall()
    indexes = connection.execute(_INDEXES, (table,)).fetchall()
    for index, _ in indexes:
        connection.execute(f"DROP INDEX {index}")
    for constraint, _ in constraints:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    adding = [
        f"ALTER TABLE {table} ADD CONSTRAINT {one} {definition}" for one, definition in constraints
    ]
    return [*adding, *(definition for _, definition in indexes)]


def _run_all(connection: psycopg.Connection, statements: list[str]) -> None:
    connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
    for statement in statements:
        connection.execute(statement)
