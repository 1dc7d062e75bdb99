import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QuarantineReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUARANTINE_REASON_UNSPECIFIED: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_UNDECODABLE: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_CONFLICT: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_POISON: _ClassVar[QuarantineReason]
    QUARANTINE_REASON_MAPPING_FAILED: _ClassVar[QuarantineReason]
QUARANTINE_REASON_UNSPECIFIED: QuarantineReason
QUARANTINE_REASON_UNDECODABLE: QuarantineReason
QUARANTINE_REASON_CONFLICT: QuarantineReason
QUARANTINE_REASON_POISON: QuarantineReason
QUARANTINE_REASON_MAPPING_FAILED: QuarantineReason

class QuarantinedItem(_message.Message):
    __slots__ = ("item_id", "reason", "detail", "event_id", "source_id", "first_seen_time", "last_seen_time", "seen_count", "size_bytes", "payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    SEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    reason: QuarantineReason
    detail: str
    event_id: str
    source_id: str
    first_seen_time: _timestamp_pb2.Timestamp
    last_seen_time: _timestamp_pb2.Timestamp
    seen_count: int
    size_bytes: int
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    def __init__(self, item_id: _Optional[str] = ..., reason: _Optional[_Union[QuarantineReason, str]] = ..., detail: _Optional[str] = ..., event_id: _Optional[str] = ..., source_id: _Optional[str] = ..., first_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seen_count: _Optional[int] = ..., size_bytes: _Optional[int] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class QuarantineFilter(_message.Message):
    __slots__ = ("reason", "source_id", "event_id", "seen_after", "seen_before")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEEN_AFTER_FIELD_NUMBER: _ClassVar[int]
    SEEN_BEFORE_FIELD_NUMBER: _ClassVar[int]
    reason: QuarantineReason
    source_id: str
    event_id: str
    seen_after: _timestamp_pb2.Timestamp
    seen_before: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[_Union[QuarantineReason, str]] = ..., source_id: _Optional[str] = ..., event_id: _Optional[str] = ..., seen_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seen_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListQuarantinedRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: QuarantineFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[QuarantineFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListQuarantinedResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[QuarantinedItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[QuarantinedItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetQuarantinedRequest(_message.Message):
    __slots__ = ("item_id",)
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    def __init__(self, item_id: _Optional[str] = ...) -> None: ...

class GetQuarantinedResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: QuarantinedItem
    def __init__(self, item: _Optional[_Union[QuarantinedItem, _Mapping]] = ...) -> None: ...

class RedriveQuarantinedRequest(_message.Message):
    __slots__ = ("item_id", "filter", "page_token")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    filter: QuarantineFilter
    page_token: str
    def __init__(self, item_id: _Optional[str] = ..., filter: _Optional[_Union[QuarantineFilter, _Mapping]] = ..., page_token: _Optional[str] = ...) -> None: ...

class RedriveQuarantinedResponse(_message.Message):
    __slots__ = ("redriven_count", "failed_count", "first_failure", "next_page_token")
    REDRIVEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_FAILURE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    redriven_count: int
    failed_count: int
    first_failure: str
    next_page_token: str
    def __init__(self, redriven_count: _Optional[int] = ..., failed_count: _Optional[int] = ..., first_failure: _Optional[str] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DiscardQuarantinedRequest(_message.Message):
    __slots__ = ("item_id", "filter")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    filter: QuarantineFilter
    def __init__(self, item_id: _Optional[str] = ..., filter: _Optional[_Union[QuarantineFilter, _Mapping]] = ...) -> None: ...

class DiscardQuarantinedResponse(_message.Message):
    __slots__ = ("discarded_count", "more")
    DISCARDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    discarded_count: int
    more: bool
    def __init__(self, discarded_count: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...

class CountQuarantinedRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CountQuarantinedResponse(_message.Message):
    __slots__ = ("counts",)
    class ReasonCount(_message.Message):
        __slots__ = ("reason", "item_count", "seen_count", "dropped_count")
        REASON_FIELD_NUMBER: _ClassVar[int]
        ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
        SEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
        DROPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
        reason: QuarantineReason
        item_count: int
        seen_count: int
        dropped_count: int
        def __init__(self, reason: _Optional[_Union[QuarantineReason, str]] = ..., item_count: _Optional[int] = ..., seen_count: _Optional[int] = ..., dropped_count: _Optional[int] = ...) -> None: ...
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[CountQuarantinedResponse.ReasonCount]
    def __init__(self, counts: _Optional[_Iterable[_Union[CountQuarantinedResponse.ReasonCount, _Mapping]]] = ...) -> None: ...
