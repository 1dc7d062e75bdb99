"""A whole history folded anew: ReplayLeads, which compares and mends, and SimulateRuleSet with a draft, which folds
each event under two rule sets. With end to end over as many leads, which are there already."""

import time

from bench.cloning import fill
from bench.run import Run, Samples
from bench.suite import end_to_end, suite
from scoreline.client import Client
from stack import Stack

GROWTH_KEY = "grow_leads_100000_eps"
KEYS = ("replay_eps", "simulate_eps", GROWTH_KEY)


def measure(run: Run) -> Samples:
    """All that are wanted, on one ledger."""
    leads, per_lead = run.sizes.history_leads, run.sizes.history_events_per_lead
    with suite() as stack:
        run.say(f"history: a ledger of {leads * per_lead:,} events")
        fill(stack, leads, per_lead)
        for _ in run.repeat("replays and simulations"):
            if run.wants("replay_eps"):
                yield "replay_eps", leads * per_lead / replay_s(stack)
            if run.wants("simulate_eps"):
                yield "simulate_eps", leads * per_lead / simulate_s(stack, leads * per_lead)
        if run.wants(GROWTH_KEY):
            for number in run.repeat(f"end to end, {leads:,} leads"):
                events = run.sizes.growth_events
                yield (
                    GROWTH_KEY,
                    end_to_end(stack, f"g{number}", events, leads, before=number * events),
                )


def replay_s(stack: Stack) -> float:
    """Seconds for all leads. Raises RuntimeError when a score was wrong."""
    began = time.perf_counter()
    with Client(stack.grpc_target, stack.api_key) as client:
        *_, last = client.ledger.replay()
    if last.changed_count or last.mended_count:
        raise RuntimeError(f"a replay had something to mend: {last}")
    return time.perf_counter() - began


def simulate_s(stack: Stack, events: int) -> float:
    """Seconds for all leads, under the rules in force and others."""
    with Client(stack.grpc_target, stack.api_key) as client:
        draft = client.rules.get()
        for rule in draft.rules:
            rule.points *= 2
        began = time.perf_counter()
        *_, last = client.simulations.simulate(draft, summary_only=True)
    if last.summary.event_count != events or not last.summary.changed_count:
        raise RuntimeError(f"a simulation has not seen everything: {last}")
    return time.perf_counter() - began
