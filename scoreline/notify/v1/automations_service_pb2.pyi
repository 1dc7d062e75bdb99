import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.common.v1 import scope_pb2 as _scope_pb2
from scoreline.notify.v1 import automation_pb2 as _automation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateAutomationRequest(_message.Message):
    __slots__ = ("automation",)
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    automation: _automation_pb2.Automation
    def __init__(self, automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ...) -> None: ...

class CreateAutomationResponse(_message.Message):
    __slots__ = ("automation",)
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    automation: _automation_pb2.Automation
    def __init__(self, automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ...) -> None: ...

class GetAutomationRequest(_message.Message):
    __slots__ = ("automation_id",)
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    automation_id: str
    def __init__(self, automation_id: _Optional[str] = ...) -> None: ...

class GetAutomationResponse(_message.Message):
    __slots__ = ("automation",)
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    automation: _automation_pb2.Automation
    def __init__(self, automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ...) -> None: ...

class ListAutomationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAutomationsResponse(_message.Message):
    __slots__ = ("automations", "next_page_token")
    AUTOMATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    automations: _containers.RepeatedCompositeFieldContainer[_automation_pb2.Automation]
    next_page_token: str
    def __init__(self, automations: _Optional[_Iterable[_Union[_automation_pb2.Automation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateAutomationRequest(_message.Message):
    __slots__ = ("automation", "update_mask")
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    automation: _automation_pb2.Automation
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateAutomationResponse(_message.Message):
    __slots__ = ("automation",)
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    automation: _automation_pb2.Automation
    def __init__(self, automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ...) -> None: ...

class DeleteAutomationRequest(_message.Message):
    __slots__ = ("automation_id",)
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    automation_id: str
    def __init__(self, automation_id: _Optional[str] = ...) -> None: ...

class DeleteAutomationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAutomationTemplatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAutomationTemplatesResponse(_message.Message):
    __slots__ = ("templates",)
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    templates: _containers.RepeatedCompositeFieldContainer[AutomationTemplate]
    def __init__(self, templates: _Optional[_Iterable[_Union[AutomationTemplate, _Mapping]]] = ...) -> None: ...

class AutomationTemplate(_message.Message):
    __slots__ = ("template_id", "to_fill_in", "automation")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FILL_IN_FIELD_NUMBER: _ClassVar[int]
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    to_fill_in: _containers.RepeatedScalarFieldContainer[str]
    automation: _automation_pb2.Automation
    def __init__(self, template_id: _Optional[str] = ..., to_fill_in: _Optional[_Iterable[str]] = ..., automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ...) -> None: ...

class ListAutomationExecutionsRequest(_message.Message):
    __slots__ = ("automation_id", "page_size", "page_token", "state", "lead_id")
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    automation_id: str
    page_size: int
    page_token: str
    state: _automation_pb2.AutomationExecution.State
    lead_id: str
    def __init__(self, automation_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., state: _Optional[_Union[_automation_pb2.AutomationExecution.State, str]] = ..., lead_id: _Optional[str] = ...) -> None: ...

class ListAutomationExecutionsResponse(_message.Message):
    __slots__ = ("executions", "next_page_token")
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    executions: _containers.RepeatedCompositeFieldContainer[_automation_pb2.AutomationExecution]
    next_page_token: str
    def __init__(self, executions: _Optional[_Iterable[_Union[_automation_pb2.AutomationExecution, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RetryExecutionRequest(_message.Message):
    __slots__ = ("automation_id", "execution_id")
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    automation_id: str
    execution_id: str
    def __init__(self, automation_id: _Optional[str] = ..., execution_id: _Optional[str] = ...) -> None: ...

class RetryExecutionResponse(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: _automation_pb2.AutomationExecution
    def __init__(self, execution: _Optional[_Union[_automation_pb2.AutomationExecution, _Mapping]] = ...) -> None: ...

class TestAutomationRequest(_message.Message):
    __slots__ = ("automation_id", "automation", "lead_id", "days")
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTOMATION_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    automation_id: str
    automation: _automation_pb2.Automation
    lead_id: str
    days: int
    def __init__(self, automation_id: _Optional[str] = ..., automation: _Optional[_Union[_automation_pb2.Automation, _Mapping]] = ..., lead_id: _Optional[str] = ..., days: _Optional[int] = ...) -> None: ...

class TestAutomationResponse(_message.Message):
    __slots__ = ("would_act", "execution_count", "lead_count", "executions", "previews", "change_count", "from_time", "reason")
    WOULD_ACT_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    PREVIEWS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    would_act: bool
    execution_count: int
    lead_count: int
    executions: _containers.RepeatedCompositeFieldContainer[TestedExecution]
    previews: _containers.RepeatedCompositeFieldContainer[ActionPreview]
    change_count: int
    from_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, would_act: _Optional[bool] = ..., execution_count: _Optional[int] = ..., lead_count: _Optional[int] = ..., executions: _Optional[_Iterable[_Union[TestedExecution, _Mapping]]] = ..., previews: _Optional[_Iterable[_Union[ActionPreview, _Mapping]]] = ..., change_count: _Optional[int] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class TestedExecution(_message.Message):
    __slots__ = ("lead_id", "lead_version", "trigger_time", "bucket")
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    LEAD_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_TIME_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    lead_id: str
    lead_version: int
    trigger_time: _timestamp_pb2.Timestamp
    bucket: str
    def __init__(self, lead_id: _Optional[str] = ..., lead_version: _Optional[int] = ..., trigger_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., bucket: _Optional[str] = ...) -> None: ...

class ActionPreview(_message.Message):
    __slots__ = ("kind", "content", "error")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    kind: str
    content: _struct_pb2.Struct
    error: str
    def __init__(self, kind: _Optional[str] = ..., content: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., error: _Optional[str] = ...) -> None: ...
