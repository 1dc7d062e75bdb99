"""How end to end grows: with more scoring processes, and with more leads that are there already. What bounds it is in
docs/performance.md."""

from bench.cloning import fill
from bench.run import Run, Samples
from bench.suite import end_to_end, suite

PROCESSES = (2, 4)
KEYS = (*(f"grow_processes_{count}_eps" for count in PROCESSES), "grow_leads_10000_eps")
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
    for leads in run.sizes.growth_leads:
        key = f"grow_leads_{leads}_eps"
        if run.wants(key):
            with suite() as stack:
                fill(stack, leads, EVENTS_PER_LEAD)
                for number in run.repeat(f"end to end, {leads:,} leads"):
                    yield key, end_to_end(stack, f"g{number}", run.sizes.growth_events, leads)
