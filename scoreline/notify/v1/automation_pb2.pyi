import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scoreline.scoring.v1 import intelligence_pb2 as _intelligence_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AutomationFrequency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTOMATION_FREQUENCY_UNSPECIFIED: _ClassVar[AutomationFrequency]
    AUTOMATION_FREQUENCY_DAILY: _ClassVar[AutomationFrequency]
    AUTOMATION_FREQUENCY_EVERY_TIME: _ClassVar[AutomationFrequency]
    AUTOMATION_FREQUENCY_ONCE: _ClassVar[AutomationFrequency]
AUTOMATION_FREQUENCY_UNSPECIFIED: AutomationFrequency
AUTOMATION_FREQUENCY_DAILY: AutomationFrequency
AUTOMATION_FREQUENCY_EVERY_TIME: AutomationFrequency
AUTOMATION_FREQUENCY_ONCE: AutomationFrequency

class Automation(_message.Message):
    __slots__ = ("automation_id", "display_name", "description", "trigger", "condition", "frequency", "actions", "disabled", "include_bulk_changes", "etag", "create_time", "update_time", "active_since_time")
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_BULK_CHANGES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    automation_id: str
    display_name: str
    description: str
    trigger: AutomationTrigger
    condition: str
    frequency: AutomationFrequency
    actions: _containers.RepeatedCompositeFieldContainer[AutomationAction]
    disabled: bool
    include_bulk_changes: bool
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    active_since_time: _timestamp_pb2.Timestamp
    def __init__(self, automation_id: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., trigger: _Optional[_Union[AutomationTrigger, _Mapping]] = ..., condition: _Optional[str] = ..., frequency: _Optional[_Union[AutomationFrequency, str]] = ..., actions: _Optional[_Iterable[_Union[AutomationAction, _Mapping]]] = ..., disabled: _Optional[bool] = ..., include_bulk_changes: _Optional[bool] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., active_since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AutomationTrigger(_message.Message):
    __slots__ = ("stage_entered", "stage_left", "score_crossed", "velocity_reached", "risk_reached", "next_action_became", "inactive", "any_change", "daily")
    STAGE_ENTERED_FIELD_NUMBER: _ClassVar[int]
    STAGE_LEFT_FIELD_NUMBER: _ClassVar[int]
    SCORE_CROSSED_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_REACHED_FIELD_NUMBER: _ClassVar[int]
    RISK_REACHED_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_BECAME_FIELD_NUMBER: _ClassVar[int]
    INACTIVE_FIELD_NUMBER: _ClassVar[int]
    ANY_CHANGE_FIELD_NUMBER: _ClassVar[int]
    DAILY_FIELD_NUMBER: _ClassVar[int]
    stage_entered: StageTrigger
    stage_left: StageTrigger
    score_crossed: ScoreTrigger
    velocity_reached: VelocityTrigger
    risk_reached: RiskTrigger
    next_action_became: NextActionTrigger
    inactive: InactivityTrigger
    any_change: AnyChangeTrigger
    daily: DailyTrigger
    def __init__(self, stage_entered: _Optional[_Union[StageTrigger, _Mapping]] = ..., stage_left: _Optional[_Union[StageTrigger, _Mapping]] = ..., score_crossed: _Optional[_Union[ScoreTrigger, _Mapping]] = ..., velocity_reached: _Optional[_Union[VelocityTrigger, _Mapping]] = ..., risk_reached: _Optional[_Union[RiskTrigger, _Mapping]] = ..., next_action_became: _Optional[_Union[NextActionTrigger, _Mapping]] = ..., inactive: _Optional[_Union[InactivityTrigger, _Mapping]] = ..., any_change: _Optional[_Union[AnyChangeTrigger, _Mapping]] = ..., daily: _Optional[_Union[DailyTrigger, _Mapping]] = ...) -> None: ...

class StageTrigger(_message.Message):
    __slots__ = ("stages",)
    STAGES_FIELD_NUMBER: _ClassVar[int]
    stages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stages: _Optional[_Iterable[str]] = ...) -> None: ...

class ScoreTrigger(_message.Message):
    __slots__ = ("threshold", "downwards")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DOWNWARDS_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    downwards: bool
    def __init__(self, threshold: _Optional[float] = ..., downwards: _Optional[bool] = ...) -> None: ...

class VelocityTrigger(_message.Message):
    __slots__ = ("velocity",)
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    velocity: float
    def __init__(self, velocity: _Optional[float] = ...) -> None: ...

class RiskTrigger(_message.Message):
    __slots__ = ("risk",)
    RISK_FIELD_NUMBER: _ClassVar[int]
    risk: _intelligence_pb2.RiskLevel
    def __init__(self, risk: _Optional[_Union[_intelligence_pb2.RiskLevel, str]] = ...) -> None: ...

class NextActionTrigger(_message.Message):
    __slots__ = ("next_actions",)
    NEXT_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    next_actions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, next_actions: _Optional[_Iterable[str]] = ...) -> None: ...

class InactivityTrigger(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: int
    def __init__(self, days: _Optional[int] = ...) -> None: ...

class AnyChangeTrigger(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DailyTrigger(_message.Message):
    __slots__ = ("time_of_day", "lead_count", "qualified_stages")
    TIME_OF_DAY_FIELD_NUMBER: _ClassVar[int]
    LEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUALIFIED_STAGES_FIELD_NUMBER: _ClassVar[int]
    time_of_day: str
    lead_count: int
    qualified_stages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, time_of_day: _Optional[str] = ..., lead_count: _Optional[int] = ..., qualified_stages: _Optional[_Iterable[str]] = ...) -> None: ...

class AutomationAction(_message.Message):
    __slots__ = ("webhook", "email", "slack", "hubspot", "salesforce", "publish", "assign_owner", "create_task")
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    SLACK_FIELD_NUMBER: _ClassVar[int]
    HUBSPOT_FIELD_NUMBER: _ClassVar[int]
    SALESFORCE_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_OWNER_FIELD_NUMBER: _ClassVar[int]
    CREATE_TASK_FIELD_NUMBER: _ClassVar[int]
    webhook: WebhookAction
    email: EmailAction
    slack: SlackAction
    hubspot: HubSpotAction
    salesforce: SalesforceAction
    publish: PublishAction
    assign_owner: AssignOwnerAction
    create_task: CreateTaskAction
    def __init__(self, webhook: _Optional[_Union[WebhookAction, _Mapping]] = ..., email: _Optional[_Union[EmailAction, _Mapping]] = ..., slack: _Optional[_Union[SlackAction, _Mapping]] = ..., hubspot: _Optional[_Union[HubSpotAction, _Mapping]] = ..., salesforce: _Optional[_Union[SalesforceAction, _Mapping]] = ..., publish: _Optional[_Union[PublishAction, _Mapping]] = ..., assign_owner: _Optional[_Union[AssignOwnerAction, _Mapping]] = ..., create_task: _Optional[_Union[CreateTaskAction, _Mapping]] = ...) -> None: ...

class WebhookAction(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    def __init__(self, endpoint_id: _Optional[str] = ...) -> None: ...

class EmailAction(_message.Message):
    __slots__ = ("to", "subject", "text_body", "html_body")
    TO_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_BODY_FIELD_NUMBER: _ClassVar[int]
    HTML_BODY_FIELD_NUMBER: _ClassVar[int]
    to: _containers.RepeatedScalarFieldContainer[str]
    subject: str
    text_body: str
    html_body: str
    def __init__(self, to: _Optional[_Iterable[str]] = ..., subject: _Optional[str] = ..., text_body: _Optional[str] = ..., html_body: _Optional[str] = ...) -> None: ...

class SlackAction(_message.Message):
    __slots__ = ("webhook_url", "text", "blocks")
    WEBHOOK_URL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    webhook_url: str
    text: str
    blocks: str
    def __init__(self, webhook_url: _Optional[str] = ..., text: _Optional[str] = ..., blocks: _Optional[str] = ...) -> None: ...

class HubSpotAction(_message.Message):
    __slots__ = ("access_token", "id_property", "id_value", "properties")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ID_PROPERTY_FIELD_NUMBER: _ClassVar[int]
    ID_VALUE_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    id_property: str
    id_value: str
    properties: _containers.ScalarMap[str, str]
    def __init__(self, access_token: _Optional[str] = ..., id_property: _Optional[str] = ..., id_value: _Optional[str] = ..., properties: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SalesforceAction(_message.Message):
    __slots__ = ("instance_url", "client_id", "client_secret", "object_type", "external_id_field", "external_id", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INSTANCE_URL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    instance_url: str
    client_id: str
    client_secret: str
    object_type: str
    external_id_field: str
    external_id: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, instance_url: _Optional[str] = ..., client_id: _Optional[str] = ..., client_secret: _Optional[str] = ..., object_type: _Optional[str] = ..., external_id_field: _Optional[str] = ..., external_id: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PublishAction(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    def __init__(self, subject: _Optional[str] = ...) -> None: ...

class AssignOwnerAction(_message.Message):
    __slots__ = ("owners", "territory_attribute", "territories", "reassign")
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    TERRITORY_ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    TERRITORIES_FIELD_NUMBER: _ClassVar[int]
    REASSIGN_FIELD_NUMBER: _ClassVar[int]
    owners: _containers.RepeatedScalarFieldContainer[str]
    territory_attribute: str
    territories: _containers.RepeatedCompositeFieldContainer[Territory]
    reassign: bool
    def __init__(self, owners: _Optional[_Iterable[str]] = ..., territory_attribute: _Optional[str] = ..., territories: _Optional[_Iterable[_Union[Territory, _Mapping]]] = ..., reassign: _Optional[bool] = ...) -> None: ...

class Territory(_message.Message):
    __slots__ = ("values", "owners")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    owners: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ..., owners: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateTaskAction(_message.Message):
    __slots__ = ("title", "note", "assignee", "due_in")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    DUE_IN_FIELD_NUMBER: _ClassVar[int]
    title: str
    note: str
    assignee: str
    due_in: _duration_pb2.Duration
    def __init__(self, title: _Optional[str] = ..., note: _Optional[str] = ..., assignee: _Optional[str] = ..., due_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AutomationExecution(_message.Message):
    __slots__ = ("execution_id", "automation_id", "lead_id", "bucket", "trigger", "lead_version", "state", "trigger_time", "create_time", "end_time", "next_attempt_time", "attempt_count", "actions")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[AutomationExecution.State]
        STATE_PENDING: _ClassVar[AutomationExecution.State]
        STATE_SUCCEEDED: _ClassVar[AutomationExecution.State]
        STATE_FAILED: _ClassVar[AutomationExecution.State]
    STATE_UNSPECIFIED: AutomationExecution.State
    STATE_PENDING: AutomationExecution.State
    STATE_SUCCEEDED: AutomationExecution.State
    STATE_FAILED: AutomationExecution.State
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    AUTOMATION_ID_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    LEAD_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    automation_id: str
    lead_id: str
    bucket: str
    trigger: str
    lead_version: int
    state: AutomationExecution.State
    trigger_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    attempt_count: int
    actions: _containers.RepeatedCompositeFieldContainer[ActionOutcome]
    def __init__(self, execution_id: _Optional[str] = ..., automation_id: _Optional[str] = ..., lead_id: _Optional[str] = ..., bucket: _Optional[str] = ..., trigger: _Optional[str] = ..., lead_version: _Optional[int] = ..., state: _Optional[_Union[AutomationExecution.State, str]] = ..., trigger_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt_count: _Optional[int] = ..., actions: _Optional[_Iterable[_Union[ActionOutcome, _Mapping]]] = ...) -> None: ...

class ActionOutcome(_message.Message):
    __slots__ = ("kind", "state", "detail", "error", "attempt_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ActionOutcome.State]
        STATE_PENDING: _ClassVar[ActionOutcome.State]
        STATE_SUCCEEDED: _ClassVar[ActionOutcome.State]
        STATE_FAILED: _ClassVar[ActionOutcome.State]
    STATE_UNSPECIFIED: ActionOutcome.State
    STATE_PENDING: ActionOutcome.State
    STATE_SUCCEEDED: ActionOutcome.State
    STATE_FAILED: ActionOutcome.State
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    state: ActionOutcome.State
    detail: str
    error: str
    attempt_time: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[str] = ..., state: _Optional[_Union[ActionOutcome.State, str]] = ..., detail: _Optional[str] = ..., error: _Optional[str] = ..., attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
