import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.events.v1 import event_pb2 as _event_pb2
from scoreline.ingest.v1 import webhook_source_pb2 as _webhook_source_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiveWebhookRequest(_message.Message):
    __slots__ = ("source_id", "body")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    body: _httpbody_pb2.HttpBody
    def __init__(self, source_id: _Optional[str] = ..., body: _Optional[_Union[_httpbody_pb2.HttpBody, _Mapping]] = ...) -> None: ...

class ReceiveWebhookResponse(_message.Message):
    __slots__ = ("event_count", "duplicate", "quarantined", "challenge")
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    event_count: int
    duplicate: bool
    quarantined: bool
    challenge: str
    def __init__(self, event_count: _Optional[int] = ..., duplicate: _Optional[bool] = ..., quarantined: _Optional[bool] = ..., challenge: _Optional[str] = ...) -> None: ...

class CreateWebhookSourceRequest(_message.Message):
    __slots__ = ("webhook_source", "secret")
    WEBHOOK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    webhook_source: _webhook_source_pb2.WebhookSource
    secret: str
    def __init__(self, webhook_source: _Optional[_Union[_webhook_source_pb2.WebhookSource, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class CreateWebhookSourceResponse(_message.Message):
    __slots__ = ("webhook_source", "secret", "path")
    WEBHOOK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    webhook_source: _webhook_source_pb2.WebhookSource
    secret: str
    path: str
    def __init__(self, webhook_source: _Optional[_Union[_webhook_source_pb2.WebhookSource, _Mapping]] = ..., secret: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class GetWebhookSourceRequest(_message.Message):
    __slots__ = ("source_id",)
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    def __init__(self, source_id: _Optional[str] = ...) -> None: ...

class GetWebhookSourceResponse(_message.Message):
    __slots__ = ("webhook_source",)
    WEBHOOK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    webhook_source: _webhook_source_pb2.WebhookSource
    def __init__(self, webhook_source: _Optional[_Union[_webhook_source_pb2.WebhookSource, _Mapping]] = ...) -> None: ...

class ListWebhookSourcesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWebhookSourcesResponse(_message.Message):
    __slots__ = ("webhook_sources", "next_page_token")
    WEBHOOK_SOURCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    webhook_sources: _containers.RepeatedCompositeFieldContainer[_webhook_source_pb2.WebhookSource]
    next_page_token: str
    def __init__(self, webhook_sources: _Optional[_Iterable[_Union[_webhook_source_pb2.WebhookSource, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateWebhookSourceRequest(_message.Message):
    __slots__ = ("webhook_source", "update_mask")
    WEBHOOK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    webhook_source: _webhook_source_pb2.WebhookSource
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, webhook_source: _Optional[_Union[_webhook_source_pb2.WebhookSource, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateWebhookSourceResponse(_message.Message):
    __slots__ = ("webhook_source",)
    WEBHOOK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    webhook_source: _webhook_source_pb2.WebhookSource
    def __init__(self, webhook_source: _Optional[_Union[_webhook_source_pb2.WebhookSource, _Mapping]] = ...) -> None: ...

class DeleteWebhookSourceRequest(_message.Message):
    __slots__ = ("source_id",)
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    def __init__(self, source_id: _Optional[str] = ...) -> None: ...

class DeleteWebhookSourceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RotateWebhookSecretRequest(_message.Message):
    __slots__ = ("source_id", "secret", "overlap")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    secret: str
    overlap: _duration_pb2.Duration
    def __init__(self, source_id: _Optional[str] = ..., secret: _Optional[str] = ..., overlap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RotateWebhookSecretResponse(_message.Message):
    __slots__ = ("webhook_source", "secret")
    WEBHOOK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    webhook_source: _webhook_source_pb2.WebhookSource
    secret: str
    def __init__(self, webhook_source: _Optional[_Union[_webhook_source_pb2.WebhookSource, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class TestWebhookSourceRequest(_message.Message):
    __slots__ = ("source_id", "mapping", "preset", "body", "content_type", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    mapping: _webhook_source_pb2.WebhookMapping
    preset: str
    body: str
    content_type: str
    headers: _containers.ScalarMap[str, str]
    def __init__(self, source_id: _Optional[str] = ..., mapping: _Optional[_Union[_webhook_source_pb2.WebhookMapping, _Mapping]] = ..., preset: _Optional[str] = ..., body: _Optional[str] = ..., content_type: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TestWebhookSourceResponse(_message.Message):
    __slots__ = ("events", "failure", "failure_field")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    failure: str
    failure_field: str
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., failure: _Optional[str] = ..., failure_field: _Optional[str] = ...) -> None: ...

class ListWebhookPresetsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListWebhookPresetsResponse(_message.Message):
    __slots__ = ("presets",)
    PRESETS_FIELD_NUMBER: _ClassVar[int]
    presets: _containers.RepeatedCompositeFieldContainer[_webhook_source_pb2.WebhookPreset]
    def __init__(self, presets: _Optional[_Iterable[_Union[_webhook_source_pb2.WebhookPreset, _Mapping]]] = ...) -> None: ...
