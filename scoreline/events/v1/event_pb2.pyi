import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("event_id", "type", "lead_id", "email", "anonymous_id", "external_id", "occur_time", "source", "properties")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    type: str
    lead_id: str
    email: str
    anonymous_id: str
    external_id: str
    occur_time: _timestamp_pb2.Timestamp
    source: str
    properties: _struct_pb2.Struct
    def __init__(self, event_id: _Optional[str] = ..., type: _Optional[str] = ..., lead_id: _Optional[str] = ..., email: _Optional[str] = ..., anonymous_id: _Optional[str] = ..., external_id: _Optional[str] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[str] = ..., properties: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class AcceptedEvent(_message.Message):
    __slots__ = ("project_id", "event", "subject", "payload_hash", "accept_time", "request_id", "traceparent", "linked_subjects", "public")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_HASH_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    LINKED_SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    event: Event
    subject: str
    payload_hash: bytes
    accept_time: _timestamp_pb2.Timestamp
    request_id: str
    traceparent: str
    linked_subjects: _containers.RepeatedScalarFieldContainer[str]
    public: bool
    def __init__(self, project_id: _Optional[str] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., subject: _Optional[str] = ..., payload_hash: _Optional[bytes] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., linked_subjects: _Optional[_Iterable[str]] = ..., public: _Optional[bool] = ...) -> None: ...
