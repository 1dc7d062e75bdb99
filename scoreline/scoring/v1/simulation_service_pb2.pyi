import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.rules.v1 import golden_test_pb2 as _golden_test_pb2
from scoreline.rules.v1 import rule_set_pb2 as _rule_set_pb2
from scoreline.scoring.v1 import intelligence_pb2 as _intelligence_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SimulateRuleSetRequest(_message.Message):
    __slots__ = ("rule_set", "sample", "stages", "lead_ids", "as_of", "changed_only", "summary_only", "days")
    RULE_SET_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    CHANGED_ONLY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_ONLY_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    rule_set: _rule_set_pb2.RuleSet
    sample: float
    stages: _containers.RepeatedScalarFieldContainer[str]
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    as_of: _timestamp_pb2.Timestamp
    changed_only: bool
    summary_only: bool
    days: int
    def __init__(self, rule_set: _Optional[_Union[_rule_set_pb2.RuleSet, _Mapping]] = ..., sample: _Optional[float] = ..., stages: _Optional[_Iterable[str]] = ..., lead_ids: _Optional[_Iterable[str]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., changed_only: _Optional[bool] = ..., summary_only: _Optional[bool] = ..., days: _Optional[int] = ...) -> None: ...

class SimulateRuleSetResponse(_message.Message):
    __slots__ = ("lead", "progress", "summary")
    LEAD_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    lead: SimulatedLead
    progress: SimulationProgress
    summary: SimulationSummary
    def __init__(self, lead: _Optional[_Union[SimulatedLead, _Mapping]] = ..., progress: _Optional[_Union[SimulationProgress, _Mapping]] = ..., summary: _Optional[_Union[SimulationSummary, _Mapping]] = ...) -> None: ...

class SimulatedLead(_message.Message):
    __slots__ = ("lead_id", "before", "after")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    before: SimulatedScore
    after: SimulatedScore
    def __init__(self, lead_id: _Optional[str] = ..., before: _Optional[_Union[SimulatedScore, _Mapping]] = ..., after: _Optional[_Union[SimulatedScore, _Mapping]] = ...) -> None: ...

class SimulatedScore(_message.Message):
    __slots__ = ("score", "stage", "next_action", "grade", "risk", "velocity")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    score: float
    stage: str
    next_action: str
    grade: str
    risk: _intelligence_pb2.RiskLevel
    velocity: float
    def __init__(self, score: _Optional[float] = ..., stage: _Optional[str] = ..., next_action: _Optional[str] = ..., grade: _Optional[str] = ..., risk: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ..., velocity: _Optional[float] = ...) -> None: ...

class SimulationProgress(_message.Message):
    __slots__ = ("lead_count", "lead_total", "event_count")
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_TOTAL_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    lead_count: int
    lead_total: int
    event_count: int
    def __init__(self, lead_count: _Optional[int] = ..., lead_total: _Optional[int] = ..., event_count: _Optional[int] = ...) -> None: ...

class SimulationSummary(_message.Message):
    __slots__ = ("lead_count", "event_count", "changed_count", "stage_changed_count", "action_changed_count", "score_sum_before", "score_sum_after", "migrations", "stage_flows", "histogram", "largest_movers", "changes_per_day", "as_of", "rule_set_version")
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    STAGE_CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTION_CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORE_SUM_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_SUM_AFTER_FIELD_NUMBER: _ClassVar[int]
    MIGRATIONS_FIELD_NUMBER: _ClassVar[int]
    STAGE_FLOWS_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    LARGEST_MOVERS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    lead_count: int
    event_count: int
    changed_count: int
    stage_changed_count: int
    action_changed_count: int
    score_sum_before: float
    score_sum_after: float
    migrations: _containers.RepeatedCompositeFieldContainer[StageMigration]
    stage_flows: _containers.RepeatedCompositeFieldContainer[StageFlow]
    histogram: _containers.RepeatedCompositeFieldContainer[HistogramBin]
    largest_movers: _containers.RepeatedCompositeFieldContainer[SimulatedLead]
    changes_per_day: _containers.RepeatedCompositeFieldContainer[DailyChanges]
    as_of: _timestamp_pb2.Timestamp
    rule_set_version: int
    def __init__(self, lead_count: _Optional[int] = ..., event_count: _Optional[int] = ..., changed_count: _Optional[int] = ..., stage_changed_count: _Optional[int] = ..., action_changed_count: _Optional[int] = ..., score_sum_before: _Optional[float] = ..., score_sum_after: _Optional[float] = ..., migrations: _Optional[_Iterable[_Union[StageMigration, _Mapping]]] = ..., stage_flows: _Optional[_Iterable[_Union[StageFlow, _Mapping]]] = ..., histogram: _Optional[_Iterable[_Union[HistogramBin, _Mapping]]] = ..., largest_movers: _Optional[_Iterable[_Union[SimulatedLead, _Mapping]]] = ..., changes_per_day: _Optional[_Iterable[_Union[DailyChanges, _Mapping]]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rule_set_version: _Optional[int] = ...) -> None: ...

class StageMigration(_message.Message):
    __slots__ = ("from_stage", "to_stage", "lead_count")
    FROM_STAGE_FIELD_NUMBER: _ClassVar[int]
    TO_STAGE_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    from_stage: str
    to_stage: str
    lead_count: int
    def __init__(self, from_stage: _Optional[str] = ..., to_stage: _Optional[str] = ..., lead_count: _Optional[int] = ...) -> None: ...

class StageFlow(_message.Message):
    __slots__ = ("stage", "before_count", "after_count", "entering_count", "leaving_count")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_COUNT_FIELD_NUMBER: _ClassVar[int]
    AFTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENTERING_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAVING_COUNT_FIELD_NUMBER: _ClassVar[int]
    stage: str
    before_count: int
    after_count: int
    entering_count: int
    leaving_count: int
    def __init__(self, stage: _Optional[str] = ..., before_count: _Optional[int] = ..., after_count: _Optional[int] = ..., entering_count: _Optional[int] = ..., leaving_count: _Optional[int] = ...) -> None: ...

class HistogramBin(_message.Message):
    __slots__ = ("min_score", "max_score", "before_count", "after_count")
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_COUNT_FIELD_NUMBER: _ClassVar[int]
    AFTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    min_score: float
    max_score: float
    before_count: int
    after_count: int
    def __init__(self, min_score: _Optional[float] = ..., max_score: _Optional[float] = ..., before_count: _Optional[int] = ..., after_count: _Optional[int] = ...) -> None: ...

class DailyChanges(_message.Message):
    __slots__ = ("day", "before_count", "after_count")
    DAY_FIELD_NUMBER: _ClassVar[int]
    BEFORE_COUNT_FIELD_NUMBER: _ClassVar[int]
    AFTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    day: str
    before_count: int
    after_count: int
    def __init__(self, day: _Optional[str] = ..., before_count: _Optional[int] = ..., after_count: _Optional[int] = ...) -> None: ...

class CompareRuleSetsRequest(_message.Message):
    __slots__ = ("variants", "seed", "conversion_types", "as_of")
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_TYPES_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    variants: _containers.RepeatedCompositeFieldContainer[Variant]
    seed: str
    conversion_types: _containers.RepeatedScalarFieldContainer[str]
    as_of: _timestamp_pb2.Timestamp
    def __init__(self, variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ..., seed: _Optional[str] = ..., conversion_types: _Optional[_Iterable[str]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Variant(_message.Message):
    __slots__ = ("name", "rule_set", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    rule_set: _rule_set_pb2.RuleSet
    weight: int
    def __init__(self, name: _Optional[str] = ..., rule_set: _Optional[_Union[_rule_set_pb2.RuleSet, _Mapping]] = ..., weight: _Optional[int] = ...) -> None: ...

class CompareRuleSetsResponse(_message.Message):
    __slots__ = ("progress", "summary")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    progress: SimulationProgress
    summary: ComparisonSummary
    def __init__(self, progress: _Optional[_Union[SimulationProgress, _Mapping]] = ..., summary: _Optional[_Union[ComparisonSummary, _Mapping]] = ...) -> None: ...

class ComparisonSummary(_message.Message):
    __slots__ = ("variants", "as_of")
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    variants: _containers.RepeatedCompositeFieldContainer[VariantOutcome]
    as_of: _timestamp_pb2.Timestamp
    def __init__(self, variants: _Optional[_Iterable[_Union[VariantOutcome, _Mapping]]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VariantOutcome(_message.Message):
    __slots__ = ("name", "lead_count", "converted_count", "mean_score", "mean_score_converted", "stages", "discrimination")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MEAN_SCORE_CONVERTED_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    DISCRIMINATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    lead_count: int
    converted_count: int
    mean_score: float
    mean_score_converted: float
    stages: _containers.RepeatedCompositeFieldContainer[StageOutcome]
    discrimination: float
    def __init__(self, name: _Optional[str] = ..., lead_count: _Optional[int] = ..., converted_count: _Optional[int] = ..., mean_score: _Optional[float] = ..., mean_score_converted: _Optional[float] = ..., stages: _Optional[_Iterable[_Union[StageOutcome, _Mapping]]] = ..., discrimination: _Optional[float] = ...) -> None: ...

class StageOutcome(_message.Message):
    __slots__ = ("stage", "lead_count", "converted_count")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    stage: str
    lead_count: int
    converted_count: int
    def __init__(self, stage: _Optional[str] = ..., lead_count: _Optional[int] = ..., converted_count: _Optional[int] = ...) -> None: ...

class TestRuleSetRequest(_message.Message):
    __slots__ = ("rule_set",)
    RULE_SET_FIELD_NUMBER: _ClassVar[int]
    rule_set: _rule_set_pb2.RuleSet
    def __init__(self, rule_set: _Optional[_Union[_rule_set_pb2.RuleSet, _Mapping]] = ...) -> None: ...

class TestRuleSetResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_golden_test_pb2.GoldenTestResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_golden_test_pb2.GoldenTestResult, _Mapping]]] = ...) -> None: ...
