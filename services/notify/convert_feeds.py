"""Protobuf to and from live leaderboards and activity, as `convert.py` has it for score changes."""

from weakref import WeakKeyDictionary

from scoreline.notify.v1 import notify_service_pb2 as notify_pb2
from scoreline.scoring.v1 import score_change_pb2, scoring_service_pb2
from services.notify.activity import ActivityUpdate
from services.notify.boards import BoardUpdate
from services.notify.convert import (
    STAGE_CHARS_MAX,
    STAGES_MAX,
    check_lead_ids,
    check_names,
    heartbeat_interval_s,
)
from services.notify.domain.filtering import ChangeFilter
from services.notify.domain.leaderboard import Board, Difference, Kind, Place, PlaceChange, Which
from services.notify.ports import PublishedChange
from services.notify.updates import HeartbeatUpdate
from services.shared.errors import Violations

PLACES_DEFAULT = 10
PLACES_MAX = 100

TYPES_MAX = 32
TYPE_CHARS_MAX = 64

INTERVAL_MAX_S = 60.0

_KINDS = {
    Kind.ENTERED: notify_pb2.LEADERBOARD_CHANGE_KIND_ENTERED,
    Kind.LEFT: notify_pb2.LEADERBOARD_CHANGE_KIND_LEFT,
    Kind.MOVED: notify_pb2.LEADERBOARD_CHANGE_KIND_MOVED,
    Kind.UPDATED: notify_pb2.LEADERBOARD_CHANGE_KIND_UPDATED,
}


def to_which(request: notify_pb2.WatchLeaderboardRequest) -> tuple[Which, float]:
    """The board to watch, and the heartbeat interval. Raises InvalidFields with every field at fault."""
    violations = Violations()
    if not 0 <= request.limit <= PLACES_MAX:
        violations.add("limit", f"must be 1 to {PLACES_MAX}, or 0 for {PLACES_DEFAULT}")
    check_names(violations, "stages", request.stages, STAGES_MAX, STAGE_CHARS_MAX)
    interval_s = heartbeat_interval_s(
        violations, request.heartbeat_interval if request.HasField("heartbeat_interval") else None
    )
    violations.raise_if_any()
    return Which(request.limit or PLACES_DEFAULT, frozenset(request.stages)), interval_s


def to_activity(request: notify_pb2.WatchActivityRequest) -> tuple[ChangeFilter, float, float]:
    """The events to show, the least interval between two, and the heartbeat interval. Raises InvalidFields."""
    violations = Violations()
    check_names(violations, "types", request.types, TYPES_MAX, TYPE_CHARS_MAX)
    check_lead_ids(violations, request.lead_ids)
    least_s = request.min_interval.seconds + request.min_interval.nanos / 1e9
    if not 0 <= least_s <= INTERVAL_MAX_S:
        violations.add("min_interval", f"must be 0 s to {INTERVAL_MAX_S:.0f} s")
    interval_s = heartbeat_interval_s(
        violations, request.heartbeat_interval if request.HasField("heartbeat_interval") else None
    )
    violations.raise_if_any()
    wanted = ChangeFilter(
        lead_ids=frozenset(request.lead_ids),
        event_types=frozenset(request.types),
        causes=frozenset({"EVENT"}),
    )
    return wanted, least_s, interval_s


def to_board_request(which: Which) -> scoring_service_pb2.GetLeaderboardRequest:
    """The request for a board."""
    return scoring_service_pb2.GetLeaderboardRequest(
        page_size=which.limit, stages=sorted(which.stages)
    )


def to_places(answer: scoring_service_pb2.GetLeaderboardResponse) -> list[Place]:
    """The leaders in order."""
    return [
        Place(
            position=position,
            rank=entry.rank,
            lead_id=entry.lead.lead_id,
            display_name=entry.lead.display_name,
            email=entry.lead.email,
            company=entry.lead.company,
            score=entry.lead.score,
            stage=entry.lead.stage,
        )
        for position, entry in enumerate(answer.entries, 1)
    ]


class FeedResponses:
    """Makes the streams' messages. What is the same for all watchers of a board, or of a project, is made once."""

    def __init__(self) -> None:
        self._boards: WeakKeyDictionary[Board | Difference, notify_pb2.WatchLeaderboardResponse] = (
            WeakKeyDictionary()
        )
        self._activity: WeakKeyDictionary[PublishedChange, notify_pb2.WatchActivityResponse] = (
            WeakKeyDictionary()
        )

    def of_board(self, update: BoardUpdate) -> notify_pb2.WatchLeaderboardResponse:
        """The message that tells a reader of the update. Not to be changed: it may be shared."""
        if isinstance(update, HeartbeatUpdate):
            return notify_pb2.WatchLeaderboardResponse(heartbeat=notify_pb2.Heartbeat())
        made = self._boards.get(update)
        if made is None:
            made = self._boards[update] = _board_message(update)
        return made

    def of_activity(
        self, update: ActivityUpdate | HeartbeatUpdate
    ) -> notify_pb2.WatchActivityResponse:
        """The message that tells a reader of the update. Not to be changed: it may be shared."""
        if isinstance(update, HeartbeatUpdate):
            return notify_pb2.WatchActivityResponse(heartbeat=notify_pb2.Heartbeat())
        if update.left_out:
            return _activity(update)
        made = self._activity.get(update.published)
        if made is None:
            made = self._activity[update.published] = _activity(update)
        return made


def _board_message(update: Board | Difference) -> notify_pb2.WatchLeaderboardResponse:
    if isinstance(update, Board):
        return notify_pb2.WatchLeaderboardResponse(
            board=notify_pb2.Leaderboard(places=map(_place, update.places))
        )
    return notify_pb2.WatchLeaderboardResponse(
        update=notify_pb2.LeaderboardUpdate(changes=map(_place_change, update.changes))
    )


def _place(place: Place) -> notify_pb2.LeaderboardPlace:
    return notify_pb2.LeaderboardPlace(
        position=place.position,
        rank=place.rank,
        lead_id=place.lead_id,
        display_name=place.display_name,
        email=place.email,
        company=place.company,
        score=place.score,
        stage=place.stage,
    )


def _place_change(change: PlaceChange) -> notify_pb2.LeaderboardChange:
    previous = change.previous
    return notify_pb2.LeaderboardChange(
        kind=_KINDS[change.kind],
        place=_place(change.place),
        previous_rank=previous.rank if previous else 0,
        previous_score=previous.score if previous else 0,
    )


def _activity(update: ActivityUpdate) -> notify_pb2.WatchActivityResponse:
    change = score_change_pb2.ScoreChange.FromString(update.published.encoded)
    return notify_pb2.WatchActivityResponse(
        activity=notify_pb2.Activity(
            lead_id=change.lead_id,
            event_id=change.event_id,
            type=change.event_type,
            occur_time=change.occur_time,
            delta=change.delta,
            score=change.score,
            stage=change.stage,
            late=change.late,
        ),
        skipped_count=update.left_out,
    )
