import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.scoring.v1 import lead_pb2 as _lead_pb2
from scoreline.scoring.v1 import score_change_pb2 as _score_change_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeaderboardChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEADERBOARD_CHANGE_KIND_UNSPECIFIED: _ClassVar[LeaderboardChangeKind]
    LEADERBOARD_CHANGE_KIND_ENTERED: _ClassVar[LeaderboardChangeKind]
    LEADERBOARD_CHANGE_KIND_LEFT: _ClassVar[LeaderboardChangeKind]
    LEADERBOARD_CHANGE_KIND_MOVED: _ClassVar[LeaderboardChangeKind]
    LEADERBOARD_CHANGE_KIND_UPDATED: _ClassVar[LeaderboardChangeKind]
LEADERBOARD_CHANGE_KIND_UNSPECIFIED: LeaderboardChangeKind
LEADERBOARD_CHANGE_KIND_ENTERED: LeaderboardChangeKind
LEADERBOARD_CHANGE_KIND_LEFT: LeaderboardChangeKind
LEADERBOARD_CHANGE_KIND_MOVED: LeaderboardChangeKind
LEADERBOARD_CHANGE_KIND_UPDATED: LeaderboardChangeKind

class WatchScoresRequest(_message.Message):
    __slots__ = ("lead_ids", "stages", "min_delta", "stage_changes_only", "include_snapshot", "resume_token", "heartbeat_interval", "filter", "causes", "latest_only", "bulk_causes_as_summary")
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    STAGE_CHANGES_ONLY_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    LATEST_ONLY_FIELD_NUMBER: _ClassVar[int]
    BULK_CAUSES_AS_SUMMARY_FIELD_NUMBER: _ClassVar[int]
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    stages: _containers.RepeatedScalarFieldContainer[str]
    min_delta: float
    stage_changes_only: bool
    include_snapshot: bool
    resume_token: str
    heartbeat_interval: _duration_pb2.Duration
    filter: str
    causes: _containers.RepeatedScalarFieldContainer[_score_change_pb2.ScoreChangeCause]
    latest_only: bool
    bulk_causes_as_summary: bool
    def __init__(self, lead_ids: _Optional[_Iterable[str]] = ..., stages: _Optional[_Iterable[str]] = ..., min_delta: _Optional[float] = ..., stage_changes_only: _Optional[bool] = ..., include_snapshot: _Optional[bool] = ..., resume_token: _Optional[str] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., filter: _Optional[str] = ..., causes: _Optional[_Iterable[_Union[_score_change_pb2.ScoreChangeCause, str]]] = ..., latest_only: _Optional[bool] = ..., bulk_causes_as_summary: _Optional[bool] = ...) -> None: ...

class WatchScoresResponse(_message.Message):
    __slots__ = ("resume_token", "score_change", "snapshot_lead", "snapshot_complete", "heartbeat", "bulk_summary", "conflated_count")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SCORE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_LEAD_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    BULK_SUMMARY_FIELD_NUMBER: _ClassVar[int]
    CONFLATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    score_change: _score_change_pb2.ScoreChange
    snapshot_lead: _lead_pb2.Lead
    snapshot_complete: SnapshotComplete
    heartbeat: Heartbeat
    bulk_summary: BulkSummary
    conflated_count: int
    def __init__(self, resume_token: _Optional[str] = ..., score_change: _Optional[_Union[_score_change_pb2.ScoreChange, _Mapping]] = ..., snapshot_lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ..., snapshot_complete: _Optional[_Union[SnapshotComplete, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., bulk_summary: _Optional[_Union[BulkSummary, _Mapping]] = ..., conflated_count: _Optional[int] = ...) -> None: ...

class BulkSummary(_message.Message):
    __slots__ = ("cause", "rule_set_version", "change_count", "up_count", "down_count", "stage_change_count")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    UP_COUNT_FIELD_NUMBER: _ClassVar[int]
    DOWN_COUNT_FIELD_NUMBER: _ClassVar[int]
    STAGE_CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    cause: _score_change_pb2.ScoreChangeCause
    rule_set_version: int
    change_count: int
    up_count: int
    down_count: int
    stage_change_count: int
    def __init__(self, cause: _Optional[_Union[_score_change_pb2.ScoreChangeCause, str]] = ..., rule_set_version: _Optional[int] = ..., change_count: _Optional[int] = ..., up_count: _Optional[int] = ..., down_count: _Optional[int] = ..., stage_change_count: _Optional[int] = ...) -> None: ...

class SnapshotComplete(_message.Message):
    __slots__ = ("lead_count",)
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    lead_count: int
    def __init__(self, lead_count: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchLeaderboardRequest(_message.Message):
    __slots__ = ("limit", "stages", "heartbeat_interval")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    limit: int
    stages: _containers.RepeatedScalarFieldContainer[str]
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, limit: _Optional[int] = ..., stages: _Optional[_Iterable[str]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchLeaderboardResponse(_message.Message):
    __slots__ = ("board", "update", "heartbeat")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    board: Leaderboard
    update: LeaderboardUpdate
    heartbeat: Heartbeat
    def __init__(self, board: _Optional[_Union[Leaderboard, _Mapping]] = ..., update: _Optional[_Union[LeaderboardUpdate, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class Leaderboard(_message.Message):
    __slots__ = ("places",)
    PLACES_FIELD_NUMBER: _ClassVar[int]
    places: _containers.RepeatedCompositeFieldContainer[LeaderboardPlace]
    def __init__(self, places: _Optional[_Iterable[_Union[LeaderboardPlace, _Mapping]]] = ...) -> None: ...

class LeaderboardPlace(_message.Message):
    __slots__ = ("position", "rank", "lead_id", "display_name", "email", "company", "score", "stage")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    position: int
    rank: int
    lead_id: str
    display_name: str
    email: str
    company: str
    score: float
    stage: str
    def __init__(self, position: _Optional[int] = ..., rank: _Optional[int] = ..., lead_id: _Optional[str] = ..., display_name: _Optional[str] = ..., email: _Optional[str] = ..., company: _Optional[str] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ...) -> None: ...

class LeaderboardUpdate(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[LeaderboardChange]
    def __init__(self, changes: _Optional[_Iterable[_Union[LeaderboardChange, _Mapping]]] = ...) -> None: ...

class LeaderboardChange(_message.Message):
    __slots__ = ("kind", "place", "previous_rank", "previous_score")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_RANK_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SCORE_FIELD_NUMBER: _ClassVar[int]
    kind: LeaderboardChangeKind
    place: LeaderboardPlace
    previous_rank: int
    previous_score: float
    def __init__(self, kind: _Optional[_Union[LeaderboardChangeKind, str]] = ..., place: _Optional[_Union[LeaderboardPlace, _Mapping]] = ..., previous_rank: _Optional[int] = ..., previous_score: _Optional[float] = ...) -> None: ...

class WatchActivityRequest(_message.Message):
    __slots__ = ("types", "lead_ids", "min_interval", "heartbeat_interval")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[str]
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    min_interval: _duration_pb2.Duration
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, types: _Optional[_Iterable[str]] = ..., lead_ids: _Optional[_Iterable[str]] = ..., min_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchActivityResponse(_message.Message):
    __slots__ = ("activity", "heartbeat", "skipped_count")
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    activity: Activity
    heartbeat: Heartbeat
    skipped_count: int
    def __init__(self, activity: _Optional[_Union[Activity, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., skipped_count: _Optional[int] = ...) -> None: ...

class Activity(_message.Message):
    __slots__ = ("lead_id", "event_id", "type", "occur_time", "delta", "score", "stage", "late")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    event_id: str
    type: str
    occur_time: _timestamp_pb2.Timestamp
    delta: float
    score: float
    stage: str
    late: bool
    def __init__(self, lead_id: _Optional[str] = ..., event_id: _Optional[str] = ..., type: _Optional[str] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delta: _Optional[float] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., late: _Optional[bool] = ...) -> None: ...
