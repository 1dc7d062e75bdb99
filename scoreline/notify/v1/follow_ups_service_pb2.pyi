import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(_message.Message):
    __slots__ = ("task_id", "lead_id", "title", "note", "assignee", "state", "due_time", "create_time", "done_time", "automation_id", "execution_id", "etag")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Task.State]
        STATE_OPEN: _ClassVar[Task.State]
        STATE_DONE: _ClassVar[Task.State]
    STATE_UNSPECIFIED: Task.State
    STATE_OPEN: Task.State
    STATE_DONE: Task.State
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DONE_TIME_FIELD_NUMBER: _ClassVar[int]
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    lead_id: str
    title: str
    note: str
    assignee: str
    state: Task.State
    due_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    done_time: _timestamp_pb2.Timestamp
    automation_id: str
    execution_id: str
    etag: str
    def __init__(self, task_id: _Optional[str] = ..., lead_id: _Optional[str] = ..., title: _Optional[str] = ..., note: _Optional[str] = ..., assignee: _Optional[str] = ..., state: _Optional[_Union[Task.State, str]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., done_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., automation_id: _Optional[str] = ..., execution_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class LeadOwner(_message.Message):
    __slots__ = ("lead_id", "owner", "assign_time", "automation_id")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_TIME_FIELD_NUMBER: _ClassVar[int]
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    owner: str
    assign_time: _timestamp_pb2.Timestamp
    automation_id: str
    def __init__(self, lead_id: _Optional[str] = ..., owner: _Optional[str] = ..., assign_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., automation_id: _Optional[str] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "state", "lead_id", "assignee")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    state: Task.State
    lead_id: str
    assignee: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., state: _Optional[_Union[Task.State, str]] = ..., lead_id: _Optional[str] = ..., assignee: _Optional[str] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    next_page_token: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateTaskRequest(_message.Message):
    __slots__ = ("task", "update_mask")
    TASK_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    task: Task
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: Task
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ...) -> None: ...

class ListLeadOwnersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "lead_ids", "owner")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEAD_IDS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    lead_ids: _containers.RepeatedScalarFieldContainer[str]
    owner: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., lead_ids: _Optional[_Iterable[str]] = ..., owner: _Optional[str] = ...) -> None: ...

class ListLeadOwnersResponse(_message.Message):
    __slots__ = ("lead_owners", "next_page_token")
    LEAD_OWNERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lead_owners: _containers.RepeatedCompositeFieldContainer[LeadOwner]
    next_page_token: str
    def __init__(self, lead_owners: _Optional[_Iterable[_Union[LeadOwner, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetLeadOwnerRequest(_message.Message):
    __slots__ = ("lead_id", "owner")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    owner: str
    def __init__(self, lead_id: _Optional[str] = ..., owner: _Optional[str] = ...) -> None: ...

class SetLeadOwnerResponse(_message.Message):
    __slots__ = ("lead_owner",)
    LEAD_OWNER_FIELD_NUMBER: _ClassVar[int]
    lead_owner: LeadOwner
    def __init__(self, lead_owner: _Optional[_Union[LeadOwner, _Mapping]] = ...) -> None: ...
