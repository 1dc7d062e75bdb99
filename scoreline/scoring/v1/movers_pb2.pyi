import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.scoring.v1 import intelligence_pb2 as _intelligence_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetMoversRequest(_message.Message):
    __slots__ = ("from_time", "until_time", "page_size", "stages", "qualified_stages", "at_risk_min")
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    QUALIFIED_STAGES_FIELD_NUMBER: _ClassVar[int]
    AT_RISK_MIN_FIELD_NUMBER: _ClassVar[int]
    from_time: _timestamp_pb2.Timestamp
    until_time: _timestamp_pb2.Timestamp
    page_size: int
    stages: _containers.RepeatedScalarFieldContainer[str]
    qualified_stages: _containers.RepeatedScalarFieldContainer[str]
    at_risk_min: _intelligence_pb2.RiskLevel
    def __init__(self, from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., stages: _Optional[_Iterable[str]] = ..., qualified_stages: _Optional[_Iterable[str]] = ..., at_risk_min: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ...) -> None: ...

class GetMoversResponse(_message.Message):
    __slots__ = ("up", "down", "up_count", "down_count", "newly_qualified", "newly_qualified_count", "at_risk", "at_risk_count", "from_time", "until_time")
    UP_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    UP_COUNT_FIELD_NUMBER: _ClassVar[int]
    DOWN_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEWLY_QUALIFIED_FIELD_NUMBER: _ClassVar[int]
    NEWLY_QUALIFIED_COUNT_FIELD_NUMBER: _ClassVar[int]
    AT_RISK_FIELD_NUMBER: _ClassVar[int]
    AT_RISK_COUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    up: _containers.RepeatedCompositeFieldContainer[Mover]
    down: _containers.RepeatedCompositeFieldContainer[Mover]
    up_count: int
    down_count: int
    newly_qualified: _containers.RepeatedCompositeFieldContainer[NewlyQualifiedLead]
    newly_qualified_count: int
    at_risk: _containers.RepeatedCompositeFieldContainer[LeadAtRisk]
    at_risk_count: int
    from_time: _timestamp_pb2.Timestamp
    until_time: _timestamp_pb2.Timestamp
    def __init__(self, up: _Optional[_Iterable[_Union[Mover, _Mapping]]] = ..., down: _Optional[_Iterable[_Union[Mover, _Mapping]]] = ..., up_count: _Optional[int] = ..., down_count: _Optional[int] = ..., newly_qualified: _Optional[_Iterable[_Union[NewlyQualifiedLead, _Mapping]]] = ..., newly_qualified_count: _Optional[int] = ..., at_risk: _Optional[_Iterable[_Union[LeadAtRisk, _Mapping]]] = ..., at_risk_count: _Optional[int] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Mover(_message.Message):
    __slots__ = ("lead_id", "email", "display_name", "company", "score_before", "score_after", "delta", "stage_before", "stage_after")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    SCORE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_AFTER_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    STAGE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_AFTER_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    email: str
    display_name: str
    company: str
    score_before: float
    score_after: float
    delta: float
    stage_before: str
    stage_after: str
    def __init__(self, lead_id: _Optional[str] = ..., email: _Optional[str] = ..., display_name: _Optional[str] = ..., company: _Optional[str] = ..., score_before: _Optional[float] = ..., score_after: _Optional[float] = ..., delta: _Optional[float] = ..., stage_before: _Optional[str] = ..., stage_after: _Optional[str] = ...) -> None: ...

class NewlyQualifiedLead(_message.Message):
    __slots__ = ("lead_id", "email", "display_name", "company", "score", "stage", "enter_time")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ENTER_TIME_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    email: str
    display_name: str
    company: str
    score: float
    stage: str
    enter_time: _timestamp_pb2.Timestamp
    def __init__(self, lead_id: _Optional[str] = ..., email: _Optional[str] = ..., display_name: _Optional[str] = ..., company: _Optional[str] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., enter_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeadAtRisk(_message.Message):
    __slots__ = ("lead_id", "email", "display_name", "company", "score", "stage", "risk", "last_event_time")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    email: str
    display_name: str
    company: str
    score: float
    stage: str
    risk: _intelligence_pb2.RiskLevel
    last_event_time: _timestamp_pb2.Timestamp
    def __init__(self, lead_id: _Optional[str] = ..., email: _Optional[str] = ..., display_name: _Optional[str] = ..., company: _Optional[str] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., risk: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ..., last_event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
