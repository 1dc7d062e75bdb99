"""Automations and what they did as messages: as they are shown, and as they are kept. What callers write is read by
`automation_reading.py`."""

from datetime import datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1 import automation_pb2 as pb
from scoreline.notify.v1 import automations_service_pb2 as trial_pb
from services.notify import automation_reading
from services.notify.automation_reading import HIDDEN
from services.notify.domain import actions, automations
from services.notify.domain.automations import (
    ActionState,
    Automation,
    Definition,
    Execution,
)
from services.notify.domain.trials import DaysTrial, LeadTrial, Preview, Tried
from services.shared import structs
from services.shared.times import to_timestamp

_FREQUENCY = "AUTOMATION_FREQUENCY_"


def kept(definition: Definition) -> bytes:
    """A definition to be kept, with its secrets."""
    return _message(definition, shown=False).SerializeToString(deterministic=True)


def restored(content: bytes) -> Definition:
    """A definition that was kept."""
    return automation_reading.definition(pb.Automation.FromString(content))


def automation_message(automation: Automation) -> pb.Automation:
    """An automation as it is shown."""
    message = _message(automation.definition, shown=True)
    message.automation_id = automation.automation_id
    message.etag = etag(automation)
    message.create_time.CopyFrom(to_timestamp(automation.create_time))
    message.update_time.CopyFrom(to_timestamp(automation.update_time))
    message.active_since_time.CopyFrom(to_timestamp(automation.active_since))
    return message


def etag(automation: Automation) -> str:
    """Changes with every change."""
    return str(automation.revision)


def execution_message(execution: Execution) -> pb.AutomationExecution:
    """An execution as it is shown."""
    message = pb.AutomationExecution(
        execution_id=execution.execution_id,
        automation_id=execution.automation_id,
        lead_id=execution.lead_id,
        bucket=execution.bucket,
        trigger=execution.trigger,
        lead_version=execution.version,
        state=f"STATE_{execution.state.value.upper()}",
        trigger_time=to_timestamp(execution.trigger_time),
        create_time=to_timestamp(execution.create_time),
        attempt_count=execution.attempt_count,
        actions=map(_outcome, execution.actions),
    )
    _set_time(message, "end_time", execution.end_time)
    _set_time(message, "next_attempt_time", execution.retry_time)
    return message


def lead_trial(trial: LeadTrial) -> trial_pb.TestAutomationResponse:
    """What an automation would do for a lead."""
    return trial_pb.TestAutomationResponse(
        would_act=not trial.reason,
        reason=trial.reason,
        executions=[] if trial.tried is None else [_tried(trial.tried)],
        previews=map(_preview, trial.previews),
    )


def days_trial(trial: DaysTrial) -> trial_pb.TestAutomationResponse:
    """What an automation would have done."""
    return trial_pb.TestAutomationResponse(
        would_act=trial.execution_count > 0,
        execution_count=trial.execution_count,
        lead_count=trial.lead_count,
        executions=map(_tried, trial.newest),
        previews=map(_preview, trial.previews),
        change_count=trial.change_count,
        from_time=to_timestamp(trial.from_time),
    )


def _tried(tried: Tried) -> trial_pb.TestedExecution:
    return trial_pb.TestedExecution(
        lead_id=tried.met.lead_id,
        lead_version=tried.met.version,
        trigger_time=to_timestamp(tried.met.time),
        bucket=tried.bucket,
    )


def _preview(preview: Preview) -> trial_pb.ActionPreview:
    return trial_pb.ActionPreview(
        kind=preview.kind,
        content=structs.from_dict(preview.content),
        error=preview.error,
    )


def _outcome(state: ActionState) -> pb.ActionOutcome:
    message = pb.ActionOutcome(
        kind=state.kind,
        state=f"STATE_{state.state.value.upper()}",
        detail=state.detail,
        error=state.error,
    )
    _set_time(message, "attempt_time", state.attempt_time)
    return message


def _set_time(message: Any, field: str, value: datetime | None) -> None:
    if value is not None:
        getattr(message, field).CopyFrom(to_timestamp(value))


def _message(definition: Definition, *, shown: bool) -> pb.Automation:
    return pb.Automation(
        display_name=definition.display_name,
        description=definition.description,
        trigger=_trigger(definition.trigger),
        condition=definition.condition,
        frequency=f"{_FREQUENCY}{definition.frequency.name}",
        actions=[_action(one, shown) for one in definition.actions],
        disabled=definition.disabled,
        include_bulk_changes=definition.include_bulk_changes,
    )


def _trigger(trigger: automations.Trigger) -> pb.AutomationTrigger:
    match trigger:
        case automations.StageEntered(stages):
            return pb.AutomationTrigger(stage_entered=pb.StageTrigger(stages=stages))
        case automations.StageLeft(stages):
            return pb.AutomationTrigger(stage_left=pb.StageTrigger(stages=stages))
        case automations.ScoreCrossed(threshold, downwards):
            crossed = pb.ScoreTrigger(threshold=threshold, downwards=downwards)
            return pb.AutomationTrigger(score_crossed=crossed)
        case automations.VelocityReached(velocity):
            return pb.AutomationTrigger(velocity_reached=pb.VelocityTrigger(velocity=velocity))
        case automations.RiskReached(risk):
            return pb.AutomationTrigger(risk_reached=pb.RiskTrigger(risk=f"RISK_LEVEL_{risk}"))
        case automations.NextActionBecame(next_actions):
            became = pb.NextActionTrigger(next_actions=next_actions)
            return pb.AutomationTrigger(next_action_became=became)
        case automations.Inactive(days):
            return pb.AutomationTrigger(inactive=pb.InactivityTrigger(days=days))
        case automations.AnyChange():
            return pb.AutomationTrigger(any_change=pb.AnyChangeTrigger())
        case automations.Daily(time_of_day, lead_count, qualified_stages):
            daily = pb.DailyTrigger(
                time_of_day=f"{time_of_day:%H:%M}",
                lead_count=lead_count,
                qualified_stages=qualified_stages,
            )
            return pb.AutomationTrigger(daily=daily)


def _action(action: actions.Action, shown: bool) -> pb.AutomationAction:
    match action:
        case actions.Webhook():
            return pb.AutomationAction(webhook=pb.WebhookAction(endpoint_id=action.endpoint_id))
        case actions.Email():
            email = pb.EmailAction(
                to=action.to,
                subject=action.subject,
                text_body=action.text_body,
                html_body=action.html_body,
            )
            return pb.AutomationAction(email=email)
        case actions.Slack():
            slack = pb.SlackAction(
                webhook_url=HIDDEN if shown else action.webhook_url,
                text=action.text,
                blocks=action.blocks,
            )
            return pb.AutomationAction(slack=slack)
        case actions.HubSpot():
            hubspot = pb.HubSpotAction(
                access_token=HIDDEN if shown else action.access_token,
                id_property=action.id_property,
                id_value=action.id_value,
                properties=action.properties,
            )
            return pb.AutomationAction(hubspot=hubspot)
        case actions.Salesforce():
            salesforce = pb.SalesforceAction(
                instance_url=action.instance_url,
                client_id=action.client_id,
                client_secret=HIDDEN if shown else action.client_secret,
                object_type=action.object_type,
                external_id_field=action.external_id_field,
                external_id=action.external_id,
                fields=action.fields,
            )
            return pb.AutomationAction(salesforce=salesforce)
        case actions.Publish():
            return pb.AutomationAction(publish=pb.PublishAction(subject=action.subject))
        case actions.AssignOwner():
            assigned = pb.AssignOwnerAction(
                owners=action.owners,
                territory_attribute=action.territory_attribute,
                territories=[
                    pb.Territory(values=one.values, owners=one.owners) for one in action.territories
                ],
                reassign=action.reassign,
            )
            return pb.AutomationAction(assign_owner=assigned)
        case actions.CreateTask():
            task = pb.CreateTaskAction(
                title=action.title, note=action.note, assignee=action.assignee
            )
            if action.due_in is not None:
                task.due_in.CopyFrom(Duration(seconds=int(action.due_in.total_seconds())))
            return pb.AutomationAction(create_task=task)
