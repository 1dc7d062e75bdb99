"""How end to end grows: with more scoring processes, and with more leads that are there already. What bounds it is in
docs/performance.md."""

from bench.cloning import fill
from bench.run import Run, Samples
from bench.suite import end_to_end, suite

PROCESSES = (2, 4)
LEADS = 10_000
LEADS_KEY = "grow_leads_10000_eps"
KEYS = (*(f"grow_processes_{count}_eps" for count in PROCESSES), LEADS_KEY)
EVENTS_PER_LEAD = 5


def measure(run: Run) -> Samples:
    """With each number of processes on an empty suite, then with a small ledger. Larger ones are measured where they
    are made: `history` and `big`."""
    for count in PROCESSES:
        key = f"grow_processes_{count}_eps"
        if run.wants(key):
            for number in run.repeat(f"end to end, {count} scoring processes"):
                with suite() as stack:
                    for _ in range(count - 1):
                        stack.add("scoring")
                    yield (
                        key,
                        end_to_end(stack, f"g{number}", run.sizes.growth_events, run.sizes.leads),
                    )
    if run.wants(LEADS_KEY):
        with suite() as stack:
            fill(stack, LEADS, EVENTS_PER_LEAD)
            for number in run.repeat(f"end to end, {LEADS:,} leads"):
                events = run.sizes.growth_events
                yield (
                    LEADS_KEY,
                    end_to_end(stack, f"g{number}", events, LEADS, before=number * events),
                )
