"""How much is measured: the whole run, and the quick one that takes minutes."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a run sends, holds and waits for."""

    repetitions: int = 3
    call_s: float = 5.0
    """A closed loop of calls, after its warm-up."""
    open_loop_s: float = 15.0
    reads_s: float = 10.0
    broker_events: int = 60_000
    copied_rows: int = 100_000
    events: int = 200_000
    leads: int = 10_000
    growth_events: int = 100_000
    history_leads: int = 100_000
    history_events_per_lead: int = 10
    big_leads: int = 1_000_000
    big_events_per_lead: int = 5
    explained_events: int = 10_000
    watchers: int = 500
    watched_changes: int = 200
    left_out: tuple[str, ...] = ()
    """Beginnings of keys of figures that are not measured unless they are asked for."""
    paced_s: float = 10.0
    """A peer at a steady rate."""
    peer_events: dict[str, int] = field(
        default_factory=lambda: {"eventsourcing": 6_000, "faststream": 6_000, "bullmq": 20_000}
    )


FULL = Sizes()

QUICK = replace(
    FULL,
    call_s=2.0,
    open_loop_s=3.0,
    reads_s=3.0,
    broker_events=15_000,
    copied_rows=30_000,
    events=20_000,
    leads=1_000,
    growth_events=10_000,
    history_leads=3_000,
    big_leads=10_000,
    explained_events=2_000,
    watched_changes=40,
    peer_events={"eventsourcing": 1_000, "faststream": 1_000, "bullmq": 4_000},
    paced_s=4.0,
    left_out=("end_to_end_big", "leaderboard", "get_lead", "explain", "grow_"),
)
"""The same over less, without the figures that say what size does: close to the whole run's where size does not
matter."""
