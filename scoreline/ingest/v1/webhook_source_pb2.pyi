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

class FailureAnswer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_ANSWER_UNSPECIFIED: _ClassVar[FailureAnswer]
    FAILURE_ANSWER_ACCEPT: _ClassVar[FailureAnswer]
    FAILURE_ANSWER_REFUSE: _ClassVar[FailureAnswer]
FAILURE_ANSWER_UNSPECIFIED: FailureAnswer
FAILURE_ANSWER_ACCEPT: FailureAnswer
FAILURE_ANSWER_REFUSE: FailureAnswer

class WebhookSource(_message.Message):
    __slots__ = ("source_id", "display_name", "preset", "verification", "mapping", "disabled", "failure_answer", "event_source", "create_time", "update_time", "etag", "counters", "secrets")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    FAILURE_ANSWER_FIELD_NUMBER: _ClassVar[int]
    EVENT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    display_name: str
    preset: str
    verification: WebhookVerification
    mapping: WebhookMapping
    disabled: bool
    failure_answer: FailureAnswer
    event_source: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    counters: WebhookCounters
    secrets: _containers.RepeatedCompositeFieldContainer[WebhookSecret]
    def __init__(self, source_id: _Optional[str] = ..., display_name: _Optional[str] = ..., preset: _Optional[str] = ..., verification: _Optional[_Union[WebhookVerification, _Mapping]] = ..., mapping: _Optional[_Union[WebhookMapping, _Mapping]] = ..., disabled: _Optional[bool] = ..., failure_answer: _Optional[_Union[FailureAnswer, str]] = ..., event_source: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., counters: _Optional[_Union[WebhookCounters, _Mapping]] = ..., secrets: _Optional[_Iterable[_Union[WebhookSecret, _Mapping]]] = ...) -> None: ...

class WebhookCounters(_message.Message):
    __slots__ = ("accepted", "rejected", "quarantined", "events", "last_accept_time", "ignored")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LAST_ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    rejected: int
    quarantined: int
    events: int
    last_accept_time: _timestamp_pb2.Timestamp
    ignored: int
    def __init__(self, accepted: _Optional[int] = ..., rejected: _Optional[int] = ..., quarantined: _Optional[int] = ..., events: _Optional[int] = ..., last_accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ignored: _Optional[int] = ...) -> None: ...

class WebhookSecret(_message.Message):
    __slots__ = ("hint", "create_time", "expire_time")
    HINT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    hint: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, hint: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WebhookVerification(_message.Message):
    __slots__ = ("kind", "header", "encoding", "prefix", "digest", "tolerance", "url")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[WebhookVerification.Kind]
        KIND_STANDARD_WEBHOOKS: _ClassVar[WebhookVerification.Kind]
        KIND_GITHUB: _ClassVar[WebhookVerification.Kind]
        KIND_STRIPE: _ClassVar[WebhookVerification.Kind]
        KIND_SLACK: _ClassVar[WebhookVerification.Kind]
        KIND_HMAC: _ClassVar[WebhookVerification.Kind]
        KIND_BEARER: _ClassVar[WebhookVerification.Kind]
        KIND_HUBSPOT: _ClassVar[WebhookVerification.Kind]
        KIND_MAILGUN: _ClassVar[WebhookVerification.Kind]
        KIND_SENDGRID: _ClassVar[WebhookVerification.Kind]
        KIND_NONE: _ClassVar[WebhookVerification.Kind]
    KIND_UNSPECIFIED: WebhookVerification.Kind
    KIND_STANDARD_WEBHOOKS: WebhookVerification.Kind
    KIND_GITHUB: WebhookVerification.Kind
    KIND_STRIPE: WebhookVerification.Kind
    KIND_SLACK: WebhookVerification.Kind
    KIND_HMAC: WebhookVerification.Kind
    KIND_BEARER: WebhookVerification.Kind
    KIND_HUBSPOT: WebhookVerification.Kind
    KIND_MAILGUN: WebhookVerification.Kind
    KIND_SENDGRID: WebhookVerification.Kind
    KIND_NONE: WebhookVerification.Kind
    class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ENCODING_UNSPECIFIED: _ClassVar[WebhookVerification.Encoding]
        ENCODING_HEX: _ClassVar[WebhookVerification.Encoding]
        ENCODING_BASE64: _ClassVar[WebhookVerification.Encoding]
    ENCODING_UNSPECIFIED: WebhookVerification.Encoding
    ENCODING_HEX: WebhookVerification.Encoding
    ENCODING_BASE64: WebhookVerification.Encoding
    class Digest(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DIGEST_UNSPECIFIED: _ClassVar[WebhookVerification.Digest]
        DIGEST_SHA256: _ClassVar[WebhookVerification.Digest]
        DIGEST_SHA1: _ClassVar[WebhookVerification.Digest]
    DIGEST_UNSPECIFIED: WebhookVerification.Digest
    DIGEST_SHA256: WebhookVerification.Digest
    DIGEST_SHA1: WebhookVerification.Digest
    KIND_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    kind: WebhookVerification.Kind
    header: str
    encoding: WebhookVerification.Encoding
    prefix: str
    digest: WebhookVerification.Digest
    tolerance: _duration_pb2.Duration
    url: str
    def __init__(self, kind: _Optional[_Union[WebhookVerification.Kind, str]] = ..., header: _Optional[str] = ..., encoding: _Optional[_Union[WebhookVerification.Encoding, str]] = ..., prefix: _Optional[str] = ..., digest: _Optional[_Union[WebhookVerification.Digest, str]] = ..., tolerance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., url: _Optional[str] = ...) -> None: ...

class WebhookMapping(_message.Message):
    __slots__ = ("items", "events")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    items: str
    events: _containers.RepeatedCompositeFieldContainer[EventMapping]
    def __init__(self, items: _Optional[str] = ..., events: _Optional[_Iterable[_Union[EventMapping, _Mapping]]] = ...) -> None: ...

class EventMapping(_message.Message):
    __slots__ = ("when", "type", "event_id", "lead_id", "email", "anonymous_id", "external_id", "occur_time", "properties", "attributes", "key")
    WHEN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    when: str
    type: str
    event_id: str
    lead_id: str
    email: str
    anonymous_id: str
    external_id: str
    occur_time: str
    properties: str
    attributes: str
    key: str
    def __init__(self, when: _Optional[str] = ..., type: _Optional[str] = ..., event_id: _Optional[str] = ..., lead_id: _Optional[str] = ..., email: _Optional[str] = ..., anonymous_id: _Optional[str] = ..., external_id: _Optional[str] = ..., occur_time: _Optional[str] = ..., properties: _Optional[str] = ..., attributes: _Optional[str] = ..., key: _Optional[str] = ...) -> None: ...

class WebhookPreset(_message.Message):
    __slots__ = ("name", "description", "verification", "mapping", "sample_body")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_BODY_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    verification: WebhookVerification
    mapping: WebhookMapping
    sample_body: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., verification: _Optional[_Union[WebhookVerification, _Mapping]] = ..., mapping: _Optional[_Union[WebhookMapping, _Mapping]] = ..., sample_body: _Optional[str] = ...) -> None: ...
