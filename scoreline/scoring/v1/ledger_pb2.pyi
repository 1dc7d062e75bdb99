import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LedgerMismatchKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEDGER_MISMATCH_KIND_UNSPECIFIED: _ClassVar[LedgerMismatchKind]
    LEDGER_MISMATCH_KIND_ENTRY: _ClassVar[LedgerMismatchKind]
    LEDGER_MISMATCH_KIND_MISSING_ENTRY: _ClassVar[LedgerMismatchKind]
    LEDGER_MISMATCH_KIND_BLOCK: _ClassVar[LedgerMismatchKind]
    LEDGER_MISMATCH_KIND_HEAD: _ClassVar[LedgerMismatchKind]
    LEDGER_MISMATCH_KIND_NO_LEAD: _ClassVar[LedgerMismatchKind]
    LEDGER_MISMATCH_KIND_SNAPSHOT: _ClassVar[LedgerMismatchKind]
LEDGER_MISMATCH_KIND_UNSPECIFIED: LedgerMismatchKind
LEDGER_MISMATCH_KIND_ENTRY: LedgerMismatchKind
LEDGER_MISMATCH_KIND_MISSING_ENTRY: LedgerMismatchKind
LEDGER_MISMATCH_KIND_BLOCK: LedgerMismatchKind
LEDGER_MISMATCH_KIND_HEAD: LedgerMismatchKind
LEDGER_MISMATCH_KIND_NO_LEAD: LedgerMismatchKind
LEDGER_MISMATCH_KIND_SNAPSHOT: LedgerMismatchKind

class VerifyLedgerRequest(_message.Message):
    __slots__ = ("from_position", "to_position", "lead_id")
    FROM_POSITION_FIELD_NUMBER: _ClassVar[int]
    TO_POSITION_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    from_position: int
    to_position: int
    lead_id: str
    def __init__(self, from_position: _Optional[int] = ..., to_position: _Optional[int] = ..., lead_id: _Optional[str] = ...) -> None: ...

class VerifyLedgerResponse(_message.Message):
    __slots__ = ("progress", "mismatch", "summary")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MISMATCH_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    progress: VerifyProgress
    mismatch: LedgerMismatch
    summary: VerifySummary
    def __init__(self, progress: _Optional[_Union[VerifyProgress, _Mapping]] = ..., mismatch: _Optional[_Union[LedgerMismatch, _Mapping]] = ..., summary: _Optional[_Union[VerifySummary, _Mapping]] = ...) -> None: ...

class VerifyProgress(_message.Message):
    __slots__ = ("entry_count", "entry_total", "lead_count", "lead_total")
    ENTRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_TOTAL_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_TOTAL_FIELD_NUMBER: _ClassVar[int]
    entry_count: int
    entry_total: int
    lead_count: int
    lead_total: int
    def __init__(self, entry_count: _Optional[int] = ..., entry_total: _Optional[int] = ..., lead_count: _Optional[int] = ..., lead_total: _Optional[int] = ...) -> None: ...

class VerifySummary(_message.Message):
    __slots__ = ("entry_count", "block_count", "lead_count", "outdated_count", "mismatch_count", "last_position", "last_hash")
    ENTRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    BLOCK_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTDATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISMATCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_POSITION_FIELD_NUMBER: _ClassVar[int]
    LAST_HASH_FIELD_NUMBER: _ClassVar[int]
    entry_count: int
    block_count: int
    lead_count: int
    outdated_count: int
    mismatch_count: int
    last_position: int
    last_hash: bytes
    def __init__(self, entry_count: _Optional[int] = ..., block_count: _Optional[int] = ..., lead_count: _Optional[int] = ..., outdated_count: _Optional[int] = ..., mismatch_count: _Optional[int] = ..., last_position: _Optional[int] = ..., last_hash: _Optional[bytes] = ...) -> None: ...

class LedgerMismatch(_message.Message):
    __slots__ = ("kind", "position", "event_id", "lead_id", "field", "expected", "found")
    KIND_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    kind: LedgerMismatchKind
    position: int
    event_id: str
    lead_id: str
    field: str
    expected: str
    found: str
    def __init__(self, kind: _Optional[_Union[LedgerMismatchKind, str]] = ..., position: _Optional[int] = ..., event_id: _Optional[str] = ..., lead_id: _Optional[str] = ..., field: _Optional[str] = ..., expected: _Optional[str] = ..., found: _Optional[str] = ...) -> None: ...

class ReplayLeadsRequest(_message.Message):
    __slots__ = ("lead_id", "stages", "min_score", "max_score", "query", "resume_token")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_SCORE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    stages: _containers.RepeatedScalarFieldContainer[str]
    min_score: float
    max_score: float
    query: str
    resume_token: str
    def __init__(self, lead_id: _Optional[str] = ..., stages: _Optional[_Iterable[str]] = ..., min_score: _Optional[float] = ..., max_score: _Optional[float] = ..., query: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ReplayLeadsResponse(_message.Message):
    __slots__ = ("resume_token", "lead_count", "lead_total", "changed_count", "mended_count", "updated_count", "changed_leads", "done")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MENDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_LEADS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    lead_count: int
    lead_total: int
    changed_count: int
    mended_count: int
    updated_count: int
    changed_leads: _containers.RepeatedCompositeFieldContainer[ReplayedLead]
    done: bool
    def __init__(self, resume_token: _Optional[str] = ..., lead_count: _Optional[int] = ..., lead_total: _Optional[int] = ..., changed_count: _Optional[int] = ..., mended_count: _Optional[int] = ..., updated_count: _Optional[int] = ..., changed_leads: _Optional[_Iterable[_Union[ReplayedLead, _Mapping]]] = ..., done: _Optional[bool] = ...) -> None: ...

class ReplayedLead(_message.Message):
    __slots__ = ("lead_id", "version", "previous_score", "score", "previous_stage", "stage", "replay_time")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SCORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_STAGE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    REPLAY_TIME_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    version: int
    previous_score: float
    score: float
    previous_stage: str
    stage: str
    replay_time: _timestamp_pb2.Timestamp
    def __init__(self, lead_id: _Optional[str] = ..., version: _Optional[int] = ..., previous_score: _Optional[float] = ..., score: _Optional[float] = ..., previous_stage: _Optional[str] = ..., stage: _Optional[str] = ..., replay_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
