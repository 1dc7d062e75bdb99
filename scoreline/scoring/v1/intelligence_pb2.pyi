import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RiskLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RISK_LEVEL_UNSPECIFIED: _ClassVar[RiskLevel]
    RISK_LEVEL_LOW: _ClassVar[RiskLevel]
    RISK_LEVEL_MEDIUM: _ClassVar[RiskLevel]
    RISK_LEVEL_HIGH: _ClassVar[RiskLevel]

class Trend(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TREND_UNSPECIFIED: _ClassVar[Trend]
    TREND_STEADY: _ClassVar[Trend]
    TREND_INCREASING: _ClassVar[Trend]
    TREND_DECREASING: _ClassVar[Trend]
RISK_LEVEL_UNSPECIFIED: RiskLevel
RISK_LEVEL_LOW: RiskLevel
RISK_LEVEL_MEDIUM: RiskLevel
RISK_LEVEL_HIGH: RiskLevel
TREND_UNSPECIFIED: Trend
TREND_STEADY: Trend
TREND_INCREASING: Trend
TREND_DECREASING: Trend

class Intelligence(_message.Message):
    __slots__ = ("lead_id", "as_of", "score", "stage", "grade", "fit_grade", "engagement_grade", "velocity", "trend", "recent_points", "earlier_points", "risk", "inactivity_index", "engagement_score", "next_action", "first_event_time", "last_event_time", "next_transition", "rule_set_version")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    FIT_GRADE_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_GRADE_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    RECENT_POINTS_FIELD_NUMBER: _ClassVar[int]
    EARLIER_POINTS_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    INACTIVITY_INDEX_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_SCORE_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_TRANSITION_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    as_of: _timestamp_pb2.Timestamp
    score: float
    stage: str
    grade: str
    fit_grade: str
    engagement_grade: str
    velocity: float
    trend: Trend
    recent_points: float
    earlier_points: float
    risk: RiskLevel
    inactivity_index: int
    engagement_score: float
    next_action: str
    first_event_time: _timestamp_pb2.Timestamp
    last_event_time: _timestamp_pb2.Timestamp
    next_transition: Transition
    rule_set_version: int
    def __init__(self, lead_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., grade: _Optional[str] = ..., fit_grade: _Optional[str] = ..., engagement_grade: _Optional[str] = ..., velocity: _Optional[float] = ..., trend: _Optional[_Union[Trend, str]] = ..., recent_points: _Optional[float] = ..., earlier_points: _Optional[float] = ..., risk: _Optional[_Union[RiskLevel, str]] = ..., inactivity_index: _Optional[int] = ..., engagement_score: _Optional[float] = ..., next_action: _Optional[str] = ..., first_event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_transition: _Optional[_Union[Transition, _Mapping]] = ..., rule_set_version: _Optional[int] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("time", "score", "stage", "velocity", "risk")
    TIME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    score: float
    stage: str
    velocity: float
    risk: RiskLevel
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., velocity: _Optional[float] = ..., risk: _Optional[_Union[RiskLevel, str]] = ...) -> None: ...
