"""A deterministic generator of realistic B2B lead journeys: the same plan gives the same bytes on any machine. Who
leads are and what they do is in journeys.py, how their events arrive in arrivals.py, the file formats in rows.py."""

from scoreline.simulator.arrivals import Arrival, arrivals
from scoreline.simulator.plan import SAMPLE, Plan
from scoreline.simulator.rows import csv_lines, ndjson_lines

__all__ = ["SAMPLE", "Arrival", "Plan", "arrivals", "csv_lines", "ndjson_lines"]
