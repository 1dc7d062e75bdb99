"""What Postgres does at most with psycopg and nothing else: rows of the ledger's shape, under its indexes, in by COPY
and out in the order of the fold."""

import hashlib
import time

import psycopg
import sqlalchemy as sa

from bench.run import Run, Samples
from bench.workload import happenings
from services.scoring import tables
from stack import Stack, StackConfig

KEYS = ("pg_copy_eps", "pg_ordered_read_eps")

BATCH = 500
LEADS = 10_000
PORTION = 2_000
"""Rows fetched together."""

COLUMNS = (
    "project_id, event_id, position, subject, type, occurred_at, recorded_at, source, properties, "
    "payload_hash, entry_hash"
)
COPY = f"COPY bench.ledger ({COLUMNS}) FROM STDIN"
READ = """
    SELECT event_id, type, occurred_at, properties::text, source, position, recorded_at, subject
    FROM bench.ledger WHERE project_id = 'bench'
    ORDER BY project_id, subject, occurred_at, event_id
"""


def measure(run: Run) -> Samples:
    """Both, since what is read has to be written before."""
    batches = _batches(run.sizes.copied_rows)
    rows = sum(batch.count(b"\n") for batch in batches)
    with Stack(StackConfig(services=(), envoy=False)) as stack:
        _make_table(stack.superuser_url)
        for _ in run.repeat("Postgres ceilings"):
            with psycopg.connect(stack.superuser_url) as connection:
                connection.execute("TRUNCATE bench.ledger")
                connection.commit()
                began = time.perf_counter()
                for batch in batches:
                    with connection.cursor().copy(COPY) as copy:
                        copy.write(batch)
                    connection.commit()
                yield "pg_copy_eps", rows / (time.perf_counter() - began)
                connection.execute("ANALYZE bench.ledger")
                connection.commit()
                yield "pg_ordered_read_eps", rows / _read(connection, rows)


def _read(connection: psycopg.Connection, rows: int) -> float:
    """Seconds that it takes to have every row as Python values."""
    began, found = time.perf_counter(), 0
    with connection.cursor("bench", binary=True) as cursor:
        cursor.execute(READ)
        while portion := cursor.fetchmany(PORTION):
            found += len(portion)
    connection.commit()
    if found != rows:
        raise RuntimeError(f"{found} rows of {rows}")
    return time.perf_counter() - began


def _make_table(url: str) -> None:
    engine = sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
    )
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA bench"))
        tables.ledger.to_metadata(sa.MetaData(schema="bench")).create(connection)


def _batches(rows: int) -> list[bytes]:
    """Lines of COPY's text format, so many to a commit."""
    seen: set[str] = set()
    lines = []
    for one in happenings(rows, LEADS, "copy"):
        if one.event_id in seen:
            continue
        seen.add(one.event_id)
        digest = hashlib.sha256(one.event_id.encode()).hexdigest()
        second, rest_ms = divmod(one.occur_ms, 1000)
        at = time.strftime(f"%Y-%m-%d %H:%M:%S.{rest_ms:03d}+00", time.gmtime(second))
        lines.append(
            f"bench\t{one.event_id}\t{len(lines) + 1}\tlead:{one.lead_id}\t{one.type}\t{at}\t{at}\twebsite\t"
            f'{{"page":"{one.page}","visit":3}}\t\\\\x{digest}\t\\\\x{digest}\n'
        )
    return ["".join(lines[begin : begin + BATCH]).encode() for begin in range(0, len(lines), BATCH)]
