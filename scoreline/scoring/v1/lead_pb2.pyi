import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.scoring.v1 import intelligence_pb2 as _intelligence_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeadIdentityKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEAD_IDENTITY_KIND_UNSPECIFIED: _ClassVar[LeadIdentityKind]
    LEAD_IDENTITY_KIND_LEAD_ID: _ClassVar[LeadIdentityKind]
    LEAD_IDENTITY_KIND_EMAIL: _ClassVar[LeadIdentityKind]
    LEAD_IDENTITY_KIND_ANONYMOUS_ID: _ClassVar[LeadIdentityKind]
    LEAD_IDENTITY_KIND_EXTERNAL_ID: _ClassVar[LeadIdentityKind]
LEAD_IDENTITY_KIND_UNSPECIFIED: LeadIdentityKind
LEAD_IDENTITY_KIND_LEAD_ID: LeadIdentityKind
LEAD_IDENTITY_KIND_EMAIL: LeadIdentityKind
LEAD_IDENTITY_KIND_ANONYMOUS_ID: LeadIdentityKind
LEAD_IDENTITY_KIND_EXTERNAL_ID: LeadIdentityKind

class Lead(_message.Message):
    __slots__ = ("lead_id", "email", "display_name", "company", "attributes", "identities", "score", "stage", "version", "event_count", "rule_set_version", "last_event_time", "create_time", "update_time", "etag", "merged_lead_ids", "risk", "velocity", "event_attributes")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    COMPANY_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    MERGED_LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    EVENT_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    email: str
    display_name: str
    company: str
    attributes: _struct_pb2.Struct
    identities: _containers.RepeatedCompositeFieldContainer[LeadIdentity]
    score: float
    stage: str
    version: int
    event_count: int
    rule_set_version: int
    last_event_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    merged_lead_ids: _containers.RepeatedScalarFieldContainer[str]
    risk: _intelligence_pb2.RiskLevel
    velocity: float
    event_attributes: _struct_pb2.Struct
    def __init__(self, lead_id: _Optional[str] = ..., email: _Optional[str] = ..., display_name: _Optional[str] = ..., company: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., identities: _Optional[_Iterable[_Union[LeadIdentity, _Mapping]]] = ..., score: _Optional[float] = ..., stage: _Optional[str] = ..., version: _Optional[int] = ..., event_count: _Optional[int] = ..., rule_set_version: _Optional[int] = ..., last_event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., merged_lead_ids: _Optional[_Iterable[str]] = ..., risk: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ..., velocity: _Optional[float] = ..., event_attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class LeadIdentity(_message.Message):
    __slots__ = ("kind", "value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: LeadIdentityKind
    value: str
    def __init__(self, kind: _Optional[_Union[LeadIdentityKind, str]] = ..., value: _Optional[str] = ...) -> None: ...
