"""The first requests of watches: one place for both clients. How a watch goes on is in watching.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration

from scoreline.client.requests import named_causes
from scoreline.notify.v1.notify_service_pb2 import (
    WatchActivityRequest,
    WatchLeaderboardRequest,
    WatchScoresRequest,
)

HEARTBEAT_S: Final = 15.0
"""A watch is never silent for longer."""

PLACES: Final = 10
"""Of a leaderboard, where the caller does not say."""


def scores(
    lead_ids: Sequence[str],
    stages: Sequence[str],
    min_delta: float,
    stage_changes_only: bool,
    filter: str,
    causes: Sequence[str],
    latest_only: bool,
    bulk_as_summary: bool,
    snapshot: bool,
    resume_token: str,
    heartbeat_s: float,
) -> WatchScoresRequest:
    """Score changes. Raises ValueError for both a snapshot and a token, and for a cause that is none."""
    if snapshot and resume_token:
        raise ValueError("a watch begins with a snapshot or after a resume_token, not with both")
    return WatchScoresRequest(
        lead_ids=lead_ids,
        stages=stages,
        min_delta=min_delta,
        stage_changes_only=stage_changes_only,
        filter=filter,
        causes=named_causes(causes),
        latest_only=latest_only,
        bulk_causes_as_summary=bulk_as_summary,
        include_snapshot=snapshot,
        resume_token=resume_token,
        heartbeat_interval=_duration(heartbeat_s),
    )


def leaderboard(limit: int, stages: Sequence[str], heartbeat_s: float) -> WatchLeaderboardRequest:
    """A leaderboard."""
    return WatchLeaderboardRequest(
        limit=limit, stages=stages, heartbeat_interval=_duration(heartbeat_s)
    )


def activity(
    types: Sequence[str], lead_ids: Sequence[str], min_interval_s: float, heartbeat_s: float
) -> WatchActivityRequest:
    """Events as they are scored."""
    return WatchActivityRequest(
        types=types,
        lead_ids=lead_ids,
        min_interval=_duration(min_interval_s),
        heartbeat_interval=_duration(heartbeat_s),
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(seconds * 1000))
    return duration
