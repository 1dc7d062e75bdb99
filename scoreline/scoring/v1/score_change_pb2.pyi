import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.scoring.v1 import intelligence_pb2 as _intelligence_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScoreChangeCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCORE_CHANGE_CAUSE_UNSPECIFIED: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_EVENT: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_RULES: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_DECAY: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_REPLAY: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_ADJUSTMENT: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_RETRACTION: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_MERGE: _ClassVar[ScoreChangeCause]
    SCORE_CHANGE_CAUSE_UNMERGE: _ClassVar[ScoreChangeCause]
SCORE_CHANGE_CAUSE_UNSPECIFIED: ScoreChangeCause
SCORE_CHANGE_CAUSE_EVENT: ScoreChangeCause
SCORE_CHANGE_CAUSE_RULES: ScoreChangeCause
SCORE_CHANGE_CAUSE_DECAY: ScoreChangeCause
SCORE_CHANGE_CAUSE_REPLAY: ScoreChangeCause
SCORE_CHANGE_CAUSE_ADJUSTMENT: ScoreChangeCause
SCORE_CHANGE_CAUSE_RETRACTION: ScoreChangeCause
SCORE_CHANGE_CAUSE_MERGE: ScoreChangeCause
SCORE_CHANGE_CAUSE_UNMERGE: ScoreChangeCause

class ScoreChange(_message.Message):
    __slots__ = ("lead_id", "version", "cause", "event_id", "event_type", "previous_score", "score", "delta", "previous_stage", "stage", "rule_set_version", "occur_time", "change_time", "late", "merged_into", "velocity", "previous_velocity", "risk", "previous_risk")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SCORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_STAGE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VELOCITY_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_RISK_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    version: int
    cause: ScoreChangeCause
    event_id: str
    event_type: str
    previous_score: float
    score: float
    delta: float
    previous_stage: str
    stage: str
    rule_set_version: int
    occur_time: _timestamp_pb2.Timestamp
    change_time: _timestamp_pb2.Timestamp
    late: bool
    merged_into: str
    velocity: float
    previous_velocity: float
    risk: _intelligence_pb2.RiskLevel
    previous_risk: _intelligence_pb2.RiskLevel
    def __init__(self, lead_id: _Optional[str] = ..., version: _Optional[int] = ..., cause: _Optional[_Union[ScoreChangeCause, str]] = ..., event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., previous_score: _Optional[float] = ..., score: _Optional[float] = ..., delta: _Optional[float] = ..., previous_stage: _Optional[str] = ..., stage: _Optional[str] = ..., rule_set_version: _Optional[int] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., late: _Optional[bool] = ..., merged_into: _Optional[str] = ..., velocity: _Optional[float] = ..., previous_velocity: _Optional[float] = ..., risk: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ..., previous_risk: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ...) -> None: ...
