"""What all peers score by: the points of the suite's own simple preset for the types that the bench sends."""

from bench.workload import TYPES

POINTS = {
    "page_view": 1,
    "email_open": 1,
    "email_click": 3,
    "download": 10,
    "form_submit": 20,
    "webinar_attended": 25,
    "demo_request": 50,
    "unsubscribe": -20,
}
SCORE_MAX = 1_000

assert POINTS.keys() == TYPES.keys()


def bounded(score: int) -> int:
    """As the preset bounds it."""
    return max(0, min(SCORE_MAX, score))
