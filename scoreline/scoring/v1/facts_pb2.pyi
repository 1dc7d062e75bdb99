import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.scoring.v1 import lead_pb2 as _lead_pb2
from scoreline.scoring.v1 import score_change_pb2 as _score_change_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdjustScoreRequest(_message.Message):
    __slots__ = ("lead_id", "points", "reason", "group", "occur_time", "adjustment_id")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    ADJUSTMENT_ID_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    points: float
    reason: str
    group: str
    occur_time: _timestamp_pb2.Timestamp
    adjustment_id: str
    def __init__(self, lead_id: _Optional[str] = ..., points: _Optional[float] = ..., reason: _Optional[str] = ..., group: _Optional[str] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., adjustment_id: _Optional[str] = ...) -> None: ...

class AdjustScoreResponse(_message.Message):
    __slots__ = ("score_change", "event_id")
    SCORE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    score_change: _score_change_pb2.ScoreChange
    event_id: str
    def __init__(self, score_change: _Optional[_Union[_score_change_pb2.ScoreChange, _Mapping]] = ..., event_id: _Optional[str] = ...) -> None: ...

class RetractEventsRequest(_message.Message):
    __slots__ = ("event_ids", "filter", "reason", "validate_only")
    EVENT_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    event_ids: EventIds
    filter: EventFilter
    reason: str
    validate_only: bool
    def __init__(self, event_ids: _Optional[_Union[EventIds, _Mapping]] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ..., reason: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class EventIds(_message.Message):
    __slots__ = ("event_ids",)
    EVENT_IDS_FIELD_NUMBER: _ClassVar[int]
    event_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, event_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class EventFilter(_message.Message):
    __slots__ = ("types", "source", "start_time", "end_time", "lead_id")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[str]
    source: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    lead_id: str
    def __init__(self, types: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lead_id: _Optional[str] = ...) -> None: ...

class RetractEventsResponse(_message.Message):
    __slots__ = ("retracted_count", "lead_count", "unknown_event_ids", "unknown_count")
    RETRACTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_EVENT_IDS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_COUNT_FIELD_NUMBER: _ClassVar[int]
    retracted_count: int
    lead_count: int
    unknown_event_ids: _containers.RepeatedScalarFieldContainer[str]
    unknown_count: int
    def __init__(self, retracted_count: _Optional[int] = ..., lead_count: _Optional[int] = ..., unknown_event_ids: _Optional[_Iterable[str]] = ..., unknown_count: _Optional[int] = ...) -> None: ...

class MergeLeadsRequest(_message.Message):
    __slots__ = ("lead_id", "merged_lead_id", "reason")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    merged_lead_id: str
    reason: str
    def __init__(self, lead_id: _Optional[str] = ..., merged_lead_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class MergeLeadsResponse(_message.Message):
    __slots__ = ("lead",)
    LEAD_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class UnmergeLeadsRequest(_message.Message):
    __slots__ = ("merged_lead_id", "reason")
    MERGED_LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    merged_lead_id: str
    reason: str
    def __init__(self, merged_lead_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UnmergeLeadsResponse(_message.Message):
    __slots__ = ("lead", "unmerged_lead")
    LEAD_FIELD_NUMBER: _ClassVar[int]
    UNMERGED_LEAD_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    unmerged_lead: _lead_pb2.Lead
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ..., unmerged_lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class GetLeadIdentitiesRequest(_message.Message):
    __slots__ = ("lead_id",)
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    def __init__(self, lead_id: _Optional[str] = ...) -> None: ...

class GetLeadIdentitiesResponse(_message.Message):
    __slots__ = ("lead_id", "identities", "merged_lead_ids")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    MERGED_LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    identities: _containers.RepeatedCompositeFieldContainer[AttachedReference]
    merged_lead_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lead_id: _Optional[str] = ..., identities: _Optional[_Iterable[_Union[AttachedReference, _Mapping]]] = ..., merged_lead_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class AttachedReference(_message.Message):
    __slots__ = ("identity", "attach_time", "original_lead_id", "move_time", "event_count")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ATTACH_TIME_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    MOVE_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    identity: _lead_pb2.LeadIdentity
    attach_time: _timestamp_pb2.Timestamp
    original_lead_id: str
    move_time: _timestamp_pb2.Timestamp
    event_count: int
    def __init__(self, identity: _Optional[_Union[_lead_pb2.LeadIdentity, _Mapping]] = ..., attach_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., original_lead_id: _Optional[str] = ..., move_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_count: _Optional[int] = ...) -> None: ...

class ListIdentityConflictsRequest(_message.Message):
    __slots__ = ("lead_id", "page_size", "page_token")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    page_size: int
    page_token: str
    def __init__(self, lead_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListIdentityConflictsResponse(_message.Message):
    __slots__ = ("conflicts", "next_page_token")
    CONFLICTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conflicts: _containers.RepeatedCompositeFieldContainer[IdentityConflict]
    next_page_token: str
    def __init__(self, conflicts: _Optional[_Iterable[_Union[IdentityConflict, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class IdentityConflict(_message.Message):
    __slots__ = ("event_id", "references", "lead_ids", "record_time", "resolved")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    references: _containers.RepeatedCompositeFieldContainer[_lead_pb2.LeadIdentity]
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    record_time: _timestamp_pb2.Timestamp
    resolved: bool
    def __init__(self, event_id: _Optional[str] = ..., references: _Optional[_Iterable[_Union[_lead_pb2.LeadIdentity, _Mapping]]] = ..., lead_ids: _Optional[_Iterable[str]] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolved: _Optional[bool] = ...) -> None: ...
