import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RuleSetState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_SET_STATE_UNSPECIFIED: _ClassVar[RuleSetState]
    RULE_SET_STATE_DRAFT: _ClassVar[RuleSetState]
    RULE_SET_STATE_ACTIVE: _ClassVar[RuleSetState]
    RULE_SET_STATE_SUPERSEDED: _ClassVar[RuleSetState]
RULE_SET_STATE_UNSPECIFIED: RuleSetState
RULE_SET_STATE_DRAFT: RuleSetState
RULE_SET_STATE_ACTIVE: RuleSetState
RULE_SET_STATE_SUPERSEDED: RuleSetState

class RuleSet(_message.Message):
    __slots__ = ("version", "state", "description", "rules", "stages", "bounds", "create_time", "update_time", "etag", "groups", "decay")
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
    def __init__(self, version: _Optional[int] = ..., state: _Optional[_Union[RuleSetState, str]] = ..., description: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., decay: _Optional[_Union[Decay, _Mapping]] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("rule_id", "event_type", "points", "enabled", "description", "etag", "group", "when", "limit")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    event_type: str
    points: float
    enabled: bool
    description: str
    etag: str
    group: str
    when: str
    limit: Limit
    def __init__(self, rule_id: _Optional[str] = ..., event_type: _Optional[str] = ..., points: _Optional[float] = ..., enabled: _Optional[bool] = ..., description: _Optional[str] = ..., etag: _Optional[str] = ..., group: _Optional[str] = ..., when: _Optional[str] = ..., limit: _Optional[_Union[Limit, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("number", "project_id", "version", "activate_time", "actor", "rule_set")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_FIELD_NUMBER: _ClassVar[int]
    number: int
    project_id: str
    version: int
    activate_time: _timestamp_pb2.Timestamp
    actor: str
    rule_set: RuleSet
    def __init__(self, number: _Optional[int] = ..., project_id: _Optional[str] = ..., version: _Optional[int] = ..., activate_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., rule_set: _Optional[_Union[RuleSet, _Mapping]] = ...) -> None: ...
