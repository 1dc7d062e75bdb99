import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.scoring.v1 import lead_pb2 as _lead_pb2
from scoreline.scoring.v1 import score_change_pb2 as _score_change_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchScoresRequest(_message.Message):
    __slots__ = ("lead_ids", "stages", "min_delta", "stage_changes_only", "include_snapshot", "resume_token", "heartbeat_interval")
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    STAGE_CHANGES_ONLY_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    stages: _containers.RepeatedScalarFieldContainer[str]
    min_delta: float
    stage_changes_only: bool
    include_snapshot: bool
    resume_token: str
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, lead_ids: _Optional[_Iterable[str]] = ..., stages: _Optional[_Iterable[str]] = ..., min_delta: _Optional[float] = ..., stage_changes_only: _Optional[bool] = ..., include_snapshot: _Optional[bool] = ..., resume_token: _Optional[str] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchScoresResponse(_message.Message):
    __slots__ = ("resume_token", "score_change", "snapshot_lead", "snapshot_complete", "heartbeat")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SCORE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_LEAD_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    score_change: _score_change_pb2.ScoreChange
    snapshot_lead: _lead_pb2.Lead
    snapshot_complete: SnapshotComplete
    heartbeat: Heartbeat
    def __init__(self, resume_token: _Optional[str] = ..., score_change: _Optional[_Union[_score_change_pb2.ScoreChange, _Mapping]] = ..., snapshot_lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ..., snapshot_complete: _Optional[_Union[SnapshotComplete, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class SnapshotComplete(_message.Message):
    __slots__ = ("lead_count",)
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    lead_count: int
    def __init__(self, lead_count: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
