import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.scoring.v1 import movers_pb2 as _movers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Interval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INTERVAL_UNSPECIFIED: _ClassVar[Interval]
    INTERVAL_HOUR: _ClassVar[Interval]
    INTERVAL_DAY: _ClassVar[Interval]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_CSV: _ClassVar[ExportFormat]
    EXPORT_FORMAT_NDJSON: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PARQUET: _ClassVar[ExportFormat]
INTERVAL_UNSPECIFIED: Interval
INTERVAL_HOUR: Interval
INTERVAL_DAY: Interval
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_CSV: ExportFormat
EXPORT_FORMAT_NDJSON: ExportFormat
EXPORT_FORMAT_PARQUET: ExportFormat

class GetActivityRequest(_message.Message):
    __slots__ = ("start_time", "end_time", "interval", "types", "lead_id")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    interval: Interval
    types: _containers.RepeatedScalarFieldContainer[str]
    lead_id: str
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interval: _Optional[_Union[Interval, str]] = ..., types: _Optional[_Iterable[str]] = ..., lead_id: _Optional[str] = ...) -> None: ...

class GetActivityResponse(_message.Message):
    __slots__ = ("points", "totals")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[ActivityPoint]
    totals: _containers.RepeatedCompositeFieldContainer[TypeCount]
    def __init__(self, points: _Optional[_Iterable[_Union[ActivityPoint, _Mapping]]] = ..., totals: _Optional[_Iterable[_Union[TypeCount, _Mapping]]] = ...) -> None: ...

class ActivityPoint(_message.Message):
    __slots__ = ("time", "event_count", "types")
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    event_count: int
    types: _containers.RepeatedCompositeFieldContainer[TypeCount]
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_count: _Optional[int] = ..., types: _Optional[_Iterable[_Union[TypeCount, _Mapping]]] = ...) -> None: ...

class TypeCount(_message.Message):
    __slots__ = ("type", "event_count")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    type: str
    event_count: int
    def __init__(self, type: _Optional[str] = ..., event_count: _Optional[int] = ...) -> None: ...

class GetScoreTrendRequest(_message.Message):
    __slots__ = ("start_time", "end_time", "lead_id")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    lead_id: str
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lead_id: _Optional[str] = ...) -> None: ...

class GetScoreTrendResponse(_message.Message):
    __slots__ = ("points",)
    POINTS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[ScoreTrendPoint]
    def __init__(self, points: _Optional[_Iterable[_Union[ScoreTrendPoint, _Mapping]]] = ...) -> None: ...

class ScoreTrendPoint(_message.Message):
    __slots__ = ("time", "lead_count", "score_sum", "change_count")
    TIME_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORE_SUM_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    lead_count: int
    score_sum: float
    change_count: int
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lead_count: _Optional[int] = ..., score_sum: _Optional[float] = ..., change_count: _Optional[int] = ...) -> None: ...

class GetFunnelRequest(_message.Message):
    __slots__ = ("start_time", "end_time")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetFunnelResponse(_message.Message):
    __slots__ = ("stages", "lead_count")
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    stages: _containers.RepeatedCompositeFieldContainer[FunnelStage]
    lead_count: int
    def __init__(self, stages: _Optional[_Iterable[_Union[FunnelStage, _Mapping]]] = ..., lead_count: _Optional[int] = ...) -> None: ...

class FunnelStage(_message.Message):
    __slots__ = ("stage", "reached_count", "current_count", "conversion", "median_time")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    REACHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_TIME_FIELD_NUMBER: _ClassVar[int]
    stage: str
    reached_count: int
    current_count: int
    conversion: float
    median_time: _duration_pb2.Duration
    def __init__(self, stage: _Optional[str] = ..., reached_count: _Optional[int] = ..., current_count: _Optional[int] = ..., conversion: _Optional[float] = ..., median_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetCohortsRequest(_message.Message):
    __slots__ = ("start_time", "end_time", "stage")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    stage: str
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stage: _Optional[str] = ...) -> None: ...

class GetCohortsResponse(_message.Message):
    __slots__ = ("cohorts", "stage")
    COHORTS_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    cohorts: _containers.RepeatedCompositeFieldContainer[Cohort]
    stage: str
    def __init__(self, cohorts: _Optional[_Iterable[_Union[Cohort, _Mapping]]] = ..., stage: _Optional[str] = ...) -> None: ...

class Cohort(_message.Message):
    __slots__ = ("week", "lead_count", "reached_count", "active_counts")
    WEEK_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    REACHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    week: _timestamp_pb2.Timestamp
    lead_count: int
    reached_count: int
    active_counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, week: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lead_count: _Optional[int] = ..., reached_count: _Optional[int] = ..., active_counts: _Optional[_Iterable[int]] = ...) -> None: ...

class GetCompanyDistributionRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class GetCompanyDistributionResponse(_message.Message):
    __slots__ = ("companies", "company_count", "unknown_count")
    COMPANIES_FIELD_NUMBER: _ClassVar[int]
    COMPANY_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_COUNT_FIELD_NUMBER: _ClassVar[int]
    companies: _containers.RepeatedCompositeFieldContainer[CompanyShare]
    company_count: int
    unknown_count: int
    def __init__(self, companies: _Optional[_Iterable[_Union[CompanyShare, _Mapping]]] = ..., company_count: _Optional[int] = ..., unknown_count: _Optional[int] = ...) -> None: ...

class CompanyShare(_message.Message):
    __slots__ = ("company", "lead_count", "mean_score", "max_score")
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    company: str
    lead_count: int
    mean_score: float
    max_score: float
    def __init__(self, company: _Optional[str] = ..., lead_count: _Optional[int] = ..., mean_score: _Optional[float] = ..., max_score: _Optional[float] = ...) -> None: ...

class GetRuleImpactRequest(_message.Message):
    __slots__ = ("start_time", "end_time")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetRuleImpactResponse(_message.Message):
    __slots__ = ("rules", "rule_set_version", "faded_points", "adjusted_points")
    RULES_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    FADED_POINTS_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_POINTS_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[RuleImpact]
    rule_set_version: int
    faded_points: float
    adjusted_points: float
    def __init__(self, rules: _Optional[_Iterable[_Union[RuleImpact, _Mapping]]] = ..., rule_set_version: _Optional[int] = ..., faded_points: _Optional[float] = ..., adjusted_points: _Optional[float] = ...) -> None: ...

class RuleImpact(_message.Message):
    __slots__ = ("rule_id", "event_count", "lead_count", "clipped_count", "limited_count", "points")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIMITED_COUNT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    event_count: int
    lead_count: int
    clipped_count: int
    limited_count: int
    points: float
    def __init__(self, rule_id: _Optional[str] = ..., event_count: _Optional[int] = ..., lead_count: _Optional[int] = ..., clipped_count: _Optional[int] = ..., limited_count: _Optional[int] = ..., points: _Optional[float] = ...) -> None: ...

class ExportLeadsRequest(_message.Message):
    __slots__ = ("format", "stages", "min_score", "max_score")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    format: ExportFormat
    stages: _containers.RepeatedScalarFieldContainer[str]
    min_score: float
    max_score: float
    def __init__(self, format: _Optional[_Union[ExportFormat, str]] = ..., stages: _Optional[_Iterable[str]] = ..., min_score: _Optional[float] = ..., max_score: _Optional[float] = ...) -> None: ...

class ExportEventsRequest(_message.Message):
    __slots__ = ("format", "type", "lead_id", "start_time", "end_time")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    format: ExportFormat
    type: str
    lead_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, format: _Optional[_Union[ExportFormat, str]] = ..., type: _Optional[str] = ..., lead_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
