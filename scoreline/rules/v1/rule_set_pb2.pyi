import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LateEvents(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LATE_EVENTS_UNSPECIFIED: _ClassVar[LateEvents]
    LATE_EVENTS_REPLAY: _ClassVar[LateEvents]
    LATE_EVENTS_APPLY_ON_ARRIVAL: _ClassVar[LateEvents]
    LATE_EVENTS_DISCARD_AND_AUDIT: _ClassVar[LateEvents]

class Binding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BINDING_UNSPECIFIED: _ClassVar[Binding]
    BINDING_CURRENT: _ClassVar[Binding]
    BINDING_AT_EVENT_TIME: _ClassVar[Binding]
    BINDING_AT_PROCESSING: _ClassVar[Binding]

class RuleSetState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_SET_STATE_UNSPECIFIED: _ClassVar[RuleSetState]
    RULE_SET_STATE_DRAFT: _ClassVar[RuleSetState]
    RULE_SET_STATE_ACTIVE: _ClassVar[RuleSetState]
    RULE_SET_STATE_SUPERSEDED: _ClassVar[RuleSetState]
LATE_EVENTS_UNSPECIFIED: LateEvents
LATE_EVENTS_REPLAY: LateEvents
LATE_EVENTS_APPLY_ON_ARRIVAL: LateEvents
LATE_EVENTS_DISCARD_AND_AUDIT: LateEvents
BINDING_UNSPECIFIED: Binding
BINDING_CURRENT: Binding
BINDING_AT_EVENT_TIME: Binding
BINDING_AT_PROCESSING: Binding
RULE_SET_STATE_UNSPECIFIED: RuleSetState
RULE_SET_STATE_DRAFT: RuleSetState
RULE_SET_STATE_ACTIVE: RuleSetState
RULE_SET_STATE_SUPERSEDED: RuleSetState

class RuleSet(_message.Message):
    __slots__ = ("version", "state", "description", "rules", "stages", "bounds", "create_time", "update_time", "etag", "groups", "decay", "grading", "velocity", "risk", "next_actions", "late_events", "binding", "tests", "engagement_group")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    DECAY_FIELD_NUMBER: _ClassVar[int]
    GRADING_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    LATE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_GROUP_FIELD_NUMBER: _ClassVar[int]
    version: int
    state: RuleSetState
    description: str
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    bounds: Bounds
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    decay: Decay
    grading: Grading
    velocity: Velocity
    risk: Risk
    next_actions: _containers.RepeatedCompositeFieldContainer[NextAction]
    late_events: LateEvents
    binding: Binding
    tests: _containers.RepeatedCompositeFieldContainer[GoldenTest]
    engagement_group: str
    def __init__(self, version: _Optional[int] = ..., state: _Optional[_Union[RuleSetState, str]] = ..., description: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., decay: _Optional[_Union[Decay, _Mapping]] = ..., grading: _Optional[_Union[Grading, _Mapping]] = ..., velocity: _Optional[_Union[Velocity, _Mapping]] = ..., risk: _Optional[_Union[Risk, _Mapping]] = ..., next_actions: _Optional[_Iterable[_Union[NextAction, _Mapping]]] = ..., late_events: _Optional[_Union[LateEvents, str]] = ..., binding: _Optional[_Union[Binding, str]] = ..., tests: _Optional[_Iterable[_Union[GoldenTest, _Mapping]]] = ..., engagement_group: _Optional[str] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("rule_id", "event_type", "points", "enabled", "description", "etag", "group", "when", "limits", "standing")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    event_type: str
    points: float
    enabled: bool
    description: str
    etag: str
    group: str
    when: str
    limits: _containers.RepeatedCompositeFieldContainer[Limit]
    standing: bool
    def __init__(self, rule_id: _Optional[str] = ..., event_type: _Optional[str] = ..., points: _Optional[float] = ..., enabled: _Optional[bool] = ..., description: _Optional[str] = ..., etag: _Optional[str] = ..., group: _Optional[str] = ..., when: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[Limit, _Mapping]]] = ..., standing: _Optional[bool] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("name", "min_score")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_score: float
    def __init__(self, name: _Optional[str] = ..., min_score: _Optional[float] = ...) -> None: ...

class Bounds(_message.Message):
    __slots__ = ("min_score", "max_score")
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    min_score: float
    max_score: float
    def __init__(self, min_score: _Optional[float] = ..., max_score: _Optional[float] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("name", "bounds", "decay")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    DECAY_FIELD_NUMBER: _ClassVar[int]
    name: str
    bounds: Bounds
    decay: Decay
    def __init__(self, name: _Optional[str] = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ..., decay: _Optional[_Union[Decay, _Mapping]] = ...) -> None: ...

class Limit(_message.Message):
    __slots__ = ("count", "window", "key")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    count: int
    window: _duration_pb2.Duration
    key: str
    def __init__(self, count: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...

class Decay(_message.Message):
    __slots__ = ("idle_factor", "idle_amount", "contribution", "half_life")
    IDLE_FACTOR_FIELD_NUMBER: _ClassVar[int]
    IDLE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_FIELD_NUMBER: _ClassVar[int]
    idle_factor: IdleFactorDecay
    idle_amount: IdleAmountDecay
    contribution: ContributionDecay
    half_life: HalfLifeDecay
    def __init__(self, idle_factor: _Optional[_Union[IdleFactorDecay, _Mapping]] = ..., idle_amount: _Optional[_Union[IdleAmountDecay, _Mapping]] = ..., contribution: _Optional[_Union[ContributionDecay, _Mapping]] = ..., half_life: _Optional[_Union[HalfLifeDecay, _Mapping]] = ...) -> None: ...

class IdleFactorDecay(_message.Message):
    __slots__ = ("after_idle", "every", "factor")
    AFTER_IDLE_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    after_idle: _duration_pb2.Duration
    every: _duration_pb2.Duration
    factor: float
    def __init__(self, after_idle: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., every: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., factor: _Optional[float] = ...) -> None: ...

class IdleAmountDecay(_message.Message):
    __slots__ = ("after_idle", "every", "points", "floor")
    AFTER_IDLE_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    after_idle: _duration_pb2.Duration
    every: _duration_pb2.Duration
    points: float
    floor: float
    def __init__(self, after_idle: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., every: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., points: _Optional[float] = ..., floor: _Optional[float] = ...) -> None: ...

class ContributionDecay(_message.Message):
    __slots__ = ("every", "percent", "gone_after")
    EVERY_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    GONE_AFTER_FIELD_NUMBER: _ClassVar[int]
    every: _duration_pb2.Duration
    percent: int
    gone_after: _duration_pb2.Duration
    def __init__(self, every: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., percent: _Optional[int] = ..., gone_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HalfLifeDecay(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: int
    def __init__(self, days: _Optional[int] = ...) -> None: ...

class Activation(_message.Message):
    __slots__ = ("number", "project_id", "version", "activate_time", "actor", "rule_set", "effective_time")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    number: int
    project_id: str
    version: int
    activate_time: _timestamp_pb2.Timestamp
    actor: str
    rule_set: RuleSet
    effective_time: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., project_id: _Optional[str] = ..., version: _Optional[int] = ..., activate_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., rule_set: _Optional[_Union[RuleSet, _Mapping]] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Grading(_message.Message):
    __slots__ = ("fit_group", "fit_grades", "engagement_group", "engagement_grades")
    FIT_GROUP_FIELD_NUMBER: _ClassVar[int]
    FIT_GRADES_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_GROUP_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_GRADES_FIELD_NUMBER: _ClassVar[int]
    fit_group: str
    fit_grades: _containers.RepeatedCompositeFieldContainer[Grade]
    engagement_group: str
    engagement_grades: _containers.RepeatedCompositeFieldContainer[Grade]
    def __init__(self, fit_group: _Optional[str] = ..., fit_grades: _Optional[_Iterable[_Union[Grade, _Mapping]]] = ..., engagement_group: _Optional[str] = ..., engagement_grades: _Optional[_Iterable[_Union[Grade, _Mapping]]] = ...) -> None: ...

class Grade(_message.Message):
    __slots__ = ("name", "min_score")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_score: float
    def __init__(self, name: _Optional[str] = ..., min_score: _Optional[float] = ...) -> None: ...

class Velocity(_message.Message):
    __slots__ = ("window", "per_event", "saturating", "when")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    PER_EVENT_FIELD_NUMBER: _ClassVar[int]
    SATURATING_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    window: _duration_pb2.Duration
    per_event: float
    saturating: bool
    when: str
    def __init__(self, window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., per_event: _Optional[float] = ..., saturating: _Optional[bool] = ..., when: _Optional[str] = ...) -> None: ...

class Risk(_message.Message):
    __slots__ = ("medium_after", "high_after", "high_event_types", "high_for")
    MEDIUM_AFTER_FIELD_NUMBER: _ClassVar[int]
    HIGH_AFTER_FIELD_NUMBER: _ClassVar[int]
    HIGH_EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    HIGH_FOR_FIELD_NUMBER: _ClassVar[int]
    medium_after: _duration_pb2.Duration
    high_after: _duration_pb2.Duration
    high_event_types: _containers.RepeatedScalarFieldContainer[str]
    high_for: _duration_pb2.Duration
    def __init__(self, medium_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., high_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., high_event_types: _Optional[_Iterable[str]] = ..., high_for: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class NextAction(_message.Message):
    __slots__ = ("when", "action")
    WHEN_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    when: str
    action: str
    def __init__(self, when: _Optional[str] = ..., action: _Optional[str] = ...) -> None: ...

class GoldenTest(_message.Message):
    __slots__ = ("name", "events", "after", "expected")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    events: _containers.RepeatedCompositeFieldContainer[GoldenEvent]
    after: _duration_pb2.Duration
    expected: GoldenExpectation
    def __init__(self, name: _Optional[str] = ..., events: _Optional[_Iterable[_Union[GoldenEvent, _Mapping]]] = ..., after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected: _Optional[_Union[GoldenExpectation, _Mapping]] = ...) -> None: ...

class GoldenEvent(_message.Message):
    __slots__ = ("type", "at", "properties", "event_id")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    type: str
    at: _duration_pb2.Duration
    properties: _struct_pb2.Struct
    event_id: str
    def __init__(self, type: _Optional[str] = ..., at: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., properties: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., event_id: _Optional[str] = ...) -> None: ...

class GoldenExpectation(_message.Message):
    __slots__ = ("score", "stage", "grade", "velocity", "risk", "next_action")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_FIELD_NUMBER: _ClassVar[int]
    score: float
    stage: str
    grade: str
    velocity: float
    risk: str
    next_action: str
    def __init__(self, score: _Optional[float] = ..., stage: _Optional[str] = ..., grade: _Optional[str] = ..., velocity: _Optional[float] = ..., risk: _Optional[str] = ..., next_action: _Optional[str] = ...) -> None: ...
