import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.ingest.v1 import quarantine_service_pb2 as _quarantine_service_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QuarantinedMessage(_message.Message):
    __slots__ = ("project_id", "reason", "detail", "event_id", "stream", "payload", "first_seen_time", "last_seen_time", "seen_count")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    SEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    reason: _quarantine_service_pb2.QuarantineReason
    detail: str
    event_id: str
    stream: str
    payload: bytes
    first_seen_time: _timestamp_pb2.Timestamp
    last_seen_time: _timestamp_pb2.Timestamp
    seen_count: int
    def __init__(self, project_id: _Optional[str] = ..., reason: _Optional[_Union[_quarantine_service_pb2.QuarantineReason, str]] = ..., detail: _Optional[str] = ..., event_id: _Optional[str] = ..., stream: _Optional[str] = ..., payload: _Optional[bytes] = ..., first_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seen_count: _Optional[int] = ...) -> None: ...
