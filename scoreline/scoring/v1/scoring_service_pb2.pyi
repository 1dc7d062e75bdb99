import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.scoring.v1 import facts_pb2 as _facts_pb2
from scoreline.scoring.v1 import intelligence_pb2 as _intelligence_pb2
from scoreline.scoring.v1 import lead_pb2 as _lead_pb2
from scoreline.scoring.v1 import ledger_pb2 as _ledger_pb2
from scoreline.scoring.v1 import score_change_pb2 as _score_change_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EffectReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_REASON_UNSPECIFIED: _ClassVar[EffectReason]
    EFFECT_REASON_APPLIED: _ClassVar[EffectReason]
    EFFECT_REASON_CLIPPED: _ClassVar[EffectReason]
    EFFECT_REASON_LIMITED: _ClassVar[EffectReason]
    EFFECT_REASON_RETRACTED: _ClassVar[EffectReason]
    EFFECT_REASON_DISCARDED: _ClassVar[EffectReason]
    EFFECT_REASON_TAKEN_BACK: _ClassVar[EffectReason]
    EFFECT_REASON_ADJUSTED: _ClassVar[EffectReason]
    EFFECT_REASON_SUSPECT: _ClassVar[EffectReason]
    EFFECT_REASON_LEFT_OUT: _ClassVar[EffectReason]
EFFECT_REASON_UNSPECIFIED: EffectReason
EFFECT_REASON_APPLIED: EffectReason
EFFECT_REASON_CLIPPED: EffectReason
EFFECT_REASON_LIMITED: EffectReason
EFFECT_REASON_RETRACTED: EffectReason
EFFECT_REASON_DISCARDED: EffectReason
EFFECT_REASON_TAKEN_BACK: EffectReason
EFFECT_REASON_ADJUSTED: EffectReason
EFFECT_REASON_SUSPECT: EffectReason
EFFECT_REASON_LEFT_OUT: EffectReason

class GetLeadRequest(_message.Message):
    __slots__ = ("lead_id",)
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    def __init__(self, lead_id: _Optional[str] = ...) -> None: ...

class GetLeadResponse(_message.Message):
    __slots__ = ("lead",)
    LEAD_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class ListLeadsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "stages", "min_score", "max_score", "query", "order_by", "last_event_time_from", "last_event_time_until")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_TIME_UNTIL_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    stages: _containers.RepeatedScalarFieldContainer[str]
    min_score: float
    max_score: float
    query: str
    order_by: str
    last_event_time_from: _timestamp_pb2.Timestamp
    last_event_time_until: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., stages: _Optional[_Iterable[str]] = ..., min_score: _Optional[float] = ..., max_score: _Optional[float] = ..., query: _Optional[str] = ..., order_by: _Optional[str] = ..., last_event_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_event_time_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListLeadsResponse(_message.Message):
    __slots__ = ("leads", "next_page_token")
    LEADS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    leads: _containers.RepeatedCompositeFieldContainer[_lead_pb2.Lead]
    next_page_token: str
    def __init__(self, leads: _Optional[_Iterable[_Union[_lead_pb2.Lead, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateLeadRequest(_message.Message):
    __slots__ = ("lead",)
    LEAD_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class CreateLeadResponse(_message.Message):
    __slots__ = ("lead",)
    LEAD_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class UpdateLeadRequest(_message.Message):
    __slots__ = ("lead", "update_mask")
    LEAD_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateLeadResponse(_message.Message):
    __slots__ = ("lead",)
    LEAD_FIELD_NUMBER: _ClassVar[int]
    lead: _lead_pb2.Lead
    def __init__(self, lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class GetLeaderboardRequest(_message.Message):
    __slots__ = ("page_size", "stages")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    stages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, page_size: _Optional[int] = ..., stages: _Optional[_Iterable[str]] = ...) -> None: ...

class GetLeaderboardResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[LeaderboardEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[LeaderboardEntry, _Mapping]]] = ...) -> None: ...

class LeaderboardEntry(_message.Message):
    __slots__ = ("rank", "lead")
    RANK_FIELD_NUMBER: _ClassVar[int]
    LEAD_FIELD_NUMBER: _ClassVar[int]
    rank: int
    lead: _lead_pb2.Lead
    def __init__(self, rank: _Optional[int] = ..., lead: _Optional[_Union[_lead_pb2.Lead, _Mapping]] = ...) -> None: ...

class GetStageCountsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStageCountsResponse(_message.Message):
    __slots__ = ("stage_counts", "total_count")
    STAGE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    stage_counts: _containers.RepeatedCompositeFieldContainer[StageCount]
    total_count: int
    def __init__(self, stage_counts: _Optional[_Iterable[_Union[StageCount, _Mapping]]] = ..., total_count: _Optional[int] = ...) -> None: ...

class StageCount(_message.Message):
    __slots__ = ("stage", "lead_count")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    stage: str
    lead_count: int
    def __init__(self, stage: _Optional[str] = ..., lead_count: _Optional[int] = ...) -> None: ...

class ListTimelineRequest(_message.Message):
    __slots__ = ("lead_id", "page_size", "page_token", "descending")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    page_size: int
    page_token: str
    descending: bool
    def __init__(self, lead_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., descending: _Optional[bool] = ...) -> None: ...

class ListTimelineResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[TimelineEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[TimelineEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class TimelineEntry(_message.Message):
    __slots__ = ("event_id", "type", "occur_time", "record_time", "source", "properties", "effects", "score", "stage", "fadings")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FADINGS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    type: str
    occur_time: _timestamp_pb2.Timestamp
    record_time: _timestamp_pb2.Timestamp
    source: str
    properties: _struct_pb2.Struct
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    score: float
    stage: str
    fadings: _containers.RepeatedCompositeFieldContainer[Fading]
    def __init__(self, event_id: _Optional[str] = ..., type: _Optional[str] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[str] = ..., properties: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., effects: _Optional[_Iterable[_Union[Effect, _Mapping]]] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., fadings: _Optional[_Iterable[_Union[Fading, _Mapping]]] = ...) -> None: ...

class Effect(_message.Message):
    __slots__ = ("rule_id", "rule_points", "points", "reason", "rule_set_version", "group")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_POINTS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    rule_points: float
    points: float
    reason: EffectReason
    rule_set_version: int
    group: str
    def __init__(self, rule_id: _Optional[str] = ..., rule_points: _Optional[float] = ..., points: _Optional[float] = ..., reason: _Optional[_Union[EffectReason, str]] = ..., rule_set_version: _Optional[int] = ..., group: _Optional[str] = ...) -> None: ...

class Fading(_message.Message):
    __slots__ = ("time", "group", "points")
    TIME_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    group: str
    points: float
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., group: _Optional[str] = ..., points: _Optional[float] = ...) -> None: ...

class ListScoreChangesRequest(_message.Message):
    __slots__ = ("lead_id", "page_size", "page_token")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    page_size: int
    page_token: str
    def __init__(self, lead_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListScoreChangesResponse(_message.Message):
    __slots__ = ("score_changes", "next_page_token")
    SCORE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    score_changes: _containers.RepeatedCompositeFieldContainer[_score_change_pb2.ScoreChange]
    next_page_token: str
    def __init__(self, score_changes: _Optional[_Iterable[_Union[_score_change_pb2.ScoreChange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListProjectScoreChangesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "change_time_from", "change_time_until", "causes", "lead_ids")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_UNTIL_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    change_time_from: _timestamp_pb2.Timestamp
    change_time_until: _timestamp_pb2.Timestamp
    causes: _containers.RepeatedScalarFieldContainer[_score_change_pb2.ScoreChangeCause]
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., change_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., change_time_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., causes: _Optional[_Iterable[_Union[_score_change_pb2.ScoreChangeCause, str]]] = ..., lead_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ListProjectScoreChangesResponse(_message.Message):
    __slots__ = ("score_changes", "next_page_token")
    SCORE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    score_changes: _containers.RepeatedCompositeFieldContainer[_score_change_pb2.ScoreChange]
    next_page_token: str
    def __init__(self, score_changes: _Optional[_Iterable[_Union[_score_change_pb2.ScoreChange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetScoreRequest(_message.Message):
    __slots__ = ("lead_id", "as_of", "known_at")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    def __init__(self, lead_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetScoreResponse(_message.Message):
    __slots__ = ("lead_id", "score", "stage", "rule_set_version", "event_count", "last_event_time", "group_scores", "as_of", "known_at")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    GROUP_SCORES_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    score: float
    stage: str
    rule_set_version: int
    event_count: int
    last_event_time: _timestamp_pb2.Timestamp
    group_scores: _containers.RepeatedCompositeFieldContainer[GroupScore]
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    def __init__(self, lead_id: _Optional[str] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., rule_set_version: _Optional[int] = ..., event_count: _Optional[int] = ..., last_event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., group_scores: _Optional[_Iterable[_Union[GroupScore, _Mapping]]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GroupScore(_message.Message):
    __slots__ = ("group", "score")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    group: str
    score: float
    def __init__(self, group: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class ExplainScoreRequest(_message.Message):
    __slots__ = ("lead_id", "as_of", "known_at", "limit")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    limit: int
    def __init__(self, lead_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class ExplainScoreResponse(_message.Message):
    __slots__ = ("score", "contributions", "contribution_count", "fadings", "fading_count", "group_totals", "rule_totals", "next_stage")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    FADINGS_FIELD_NUMBER: _ClassVar[int]
    FADING_COUNT_FIELD_NUMBER: _ClassVar[int]
    GROUP_TOTALS_FIELD_NUMBER: _ClassVar[int]
    RULE_TOTALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_STAGE_FIELD_NUMBER: _ClassVar[int]
    score: GetScoreResponse
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    contribution_count: int
    fadings: _containers.RepeatedCompositeFieldContainer[Fading]
    fading_count: int
    group_totals: _containers.RepeatedCompositeFieldContainer[GroupTotal]
    rule_totals: _containers.RepeatedCompositeFieldContainer[RuleTotal]
    next_stage: NextStage
    def __init__(self, score: _Optional[_Union[GetScoreResponse, _Mapping]] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., contribution_count: _Optional[int] = ..., fadings: _Optional[_Iterable[_Union[Fading, _Mapping]]] = ..., fading_count: _Optional[int] = ..., group_totals: _Optional[_Iterable[_Union[GroupTotal, _Mapping]]] = ..., rule_totals: _Optional[_Iterable[_Union[RuleTotal, _Mapping]]] = ..., next_stage: _Optional[_Union[NextStage, _Mapping]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("event_id", "event_type", "occur_time", "effect")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    event_type: str
    occur_time: _timestamp_pb2.Timestamp
    effect: Effect
    def __init__(self, event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., effect: _Optional[_Union[Effect, _Mapping]] = ...) -> None: ...

class GroupTotal(_message.Message):
    __slots__ = ("group", "rule_points", "clipped_points", "limited_points", "faded_points", "score")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RULE_POINTS_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_POINTS_FIELD_NUMBER: _ClassVar[int]
    LIMITED_POINTS_FIELD_NUMBER: _ClassVar[int]
    FADED_POINTS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    group: str
    rule_points: float
    clipped_points: float
    limited_points: float
    faded_points: float
    score: float
    def __init__(self, group: _Optional[str] = ..., rule_points: _Optional[float] = ..., clipped_points: _Optional[float] = ..., limited_points: _Optional[float] = ..., faded_points: _Optional[float] = ..., score: _Optional[float] = ...) -> None: ...

class RuleTotal(_message.Message):
    __slots__ = ("rule_id", "group", "event_count", "clipped_count", "limited_count", "rule_points", "points")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIMITED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RULE_POINTS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    group: str
    event_count: int
    clipped_count: int
    limited_count: int
    rule_points: float
    points: float
    def __init__(self, rule_id: _Optional[str] = ..., group: _Optional[str] = ..., event_count: _Optional[int] = ..., clipped_count: _Optional[int] = ..., limited_count: _Optional[int] = ..., rule_points: _Optional[float] = ..., points: _Optional[float] = ...) -> None: ...

class NextStage(_message.Message):
    __slots__ = ("stage", "min_score", "missing_points", "step")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MISSING_POINTS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    stage: str
    min_score: float
    missing_points: float
    step: RuleStep
    def __init__(self, stage: _Optional[str] = ..., min_score: _Optional[float] = ..., missing_points: _Optional[float] = ..., step: _Optional[_Union[RuleStep, _Mapping]] = ...) -> None: ...

class RuleStep(_message.Message):
    __slots__ = ("rule_id", "event_type", "points", "sufficient", "when")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    SUFFICIENT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    event_type: str
    points: float
    sufficient: bool
    when: str
    def __init__(self, rule_id: _Optional[str] = ..., event_type: _Optional[str] = ..., points: _Optional[float] = ..., sufficient: _Optional[bool] = ..., when: _Optional[str] = ...) -> None: ...

class GetIntelligenceRequest(_message.Message):
    __slots__ = ("lead_id", "as_of", "known_at")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    def __init__(self, lead_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetIntelligenceResponse(_message.Message):
    __slots__ = ("intelligence",)
    INTELLIGENCE_FIELD_NUMBER: _ClassVar[int]
    intelligence: _intelligence_pb2.Intelligence
    def __init__(self, intelligence: _Optional[_Union[_intelligence_pb2.Intelligence, _Mapping]] = ...) -> None: ...
