"""What callers ask of automations, tasks and owners, checked. Automations themselves are read by
`automation_reading.py`."""

from collections.abc import Callable
from datetime import datetime

from google.protobuf.message import Message

from scoreline.notify.v1 import automation_pb2
from scoreline.notify.v1 import automations_service_pb2 as pb
from services.notify import automation_convert, automation_reading
from services.notify.automation_ports import AutomationPosition
from services.notify.convert import LEAD_ID_CHARS_MAX, check_names
from services.notify.domain.automations import Automation, Definition, ExecutionState
from services.shared import paging
from services.shared.errors import EtagMismatch, InvalidFields, Violation, Violations

TRIAL_DAYS_MAX = 30

EVERYTHING = "*"
"""The mask of a full replacement (AIP-134)."""

NUMBER_MAX = 2**63 - 1
"""Of executions."""

DEFINITION_BYTES_MAX = 256 * 1024
"""Of a whole automation as it is kept: it is read with each execution."""

UNUSED_SECRET = "https://hidden.invalid"  # noqa: S105 - the opposite of one
"""Stands for secrets that are hidden where they are not needed. A URL, for one of them is."""

_CHANGEABLE = (
    "display_name",
    "description",
    "trigger",
    "condition",
    "frequency",
    "actions",
    "disabled",
    "include_bulk_changes",
)


def definition(request: pb.CreateAutomationRequest) -> Definition:
    """What is to be made. Raises InvalidFields."""
    return _bounded(automation_reading.definition(request.automation))


def changes(
    request: pb.UpdateAutomationRequest,
) -> tuple[str, Callable[[Automation], Definition]]:
    """Which automation, and what it is to be. Raises InvalidFields."""
    written = request.automation
    wrong = Violations()
    if not written.automation_id or "\x00" in written.automation_id:
        wrong.add("automation.automation_id", "is required")
    chosen = _chosen(request, wrong)
    wrong.raise_if_any()

    def change(before: Automation) -> Definition:
        if written.etag and written.etag != automation_convert.etag(before):
            raise EtagMismatch("automation", before.automation_id)
        whole = automation_pb2.Automation.FromString(automation_convert.kept(before.definition))
        chosen_only = automation_pb2.Automation()
        chosen_only.CopyFrom(written)
        for name in whole.DESCRIPTOR.fields_by_name:
            (whole if name in chosen else chosen_only).ClearField(name)
        whole.MergeFrom(chosen_only)
        return _bounded(automation_reading.definition(whole, before.definition.actions))

    return written.automation_id, change


def which_executions(
    request: pb.ListAutomationExecutionsRequest,
) -> tuple[ExecutionState | None, str, int | None]:
    """State and lead of the executions to list, and the number that they are before. Raises InvalidFields."""
    wrong = Violations()
    states = automation_pb2.AutomationExecution.State
    if request.state not in states.values():
        wrong.add("state", "is not a state there is")
    if request.lead_id:
        check_names(wrong, "lead_id", [request.lead_id], 1, LEAD_ID_CHARS_MAX)
    wrong.raise_if_any()
    state = None
    if request.state:
        state = ExecutionState(states.Name(request.state).removeprefix("STATE_").lower())
    position = paging.decode(request.page_token, request, 1)
    if position is None:
        return state, request.lead_id, None
    (number,) = position
    if not isinstance(number, int) or not 0 <= number <= NUMBER_MAX:
        raise _no_token()
    return state, request.lead_id, number


def position(request: pb.ListAutomationsRequest) -> AutomationPosition | None:
    """The automation that the page begins behind. Raises InvalidFields."""
    found = dated_position(request, request.page_token)
    return None if found is None else AutomationPosition(*found)


def dated_position(request: Message, page_token: str) -> tuple[datetime, str] | None:
    """A position of a time and an id. Raises InvalidFields."""
    position = paging.decode(page_token, request, 2)
    if position is None:
        return None
    written, name = position
    try:
        instant = datetime.fromisoformat(written)
        if instant.tzinfo is None or not isinstance(name, str):
            raise TypeError
    except (TypeError, ValueError) as error:
        raise _no_token() from error
    return instant, name


def trial(request: pb.TestAutomationRequest) -> Definition | None:
    """What is to be tried, where it is written out; what it would send needs no secret. Raises InvalidFields."""
    wrong = Violations()
    if bool(request.automation_id) == request.HasField("automation"):
        wrong.add("automation_id", "either this or automation is required, and not both")
    if bool(request.lead_id) == bool(request.days):
        wrong.add("lead_id", "either this or days is required, and not both")
    if request.lead_id:
        check_names(wrong, "lead_id", [request.lead_id], 1, LEAD_ID_CHARS_MAX)
    if request.days and not 1 <= request.days <= TRIAL_DAYS_MAX:
        wrong.add("days", f"must be 1 to {TRIAL_DAYS_MAX}")
    wrong.raise_if_any()
    if request.automation_id:
        return None
    return _bounded(automation_reading.definition(request.automation, unused_secret=UNUSED_SECRET))


def needed(name: str, value: str) -> str:
    """An id that must be there. Raises InvalidFields."""
    if not value or "\x00" in value:
        raise InvalidFields([Violation(name, "is required")])
    return value


def _bounded(definition: Definition) -> Definition:
    """Raises InvalidFields."""
    if len(automation_convert.kept(definition)) > DEFINITION_BYTES_MAX:
        problem = f"are too long together: an automation has at most {DEFINITION_BYTES_MAX:,} bytes"
        raise InvalidFields([Violation("automation.actions", problem)])
    return definition


def _chosen(request: pb.UpdateAutomationRequest, wrong: Violations) -> frozenset[str]:
    """What to change: what the mask names, without one what is set."""
    written, paths = request.automation, list(request.update_mask.paths)
    if not paths:
        return frozenset(
            field.name for field, _ in written.ListFields() if field.name in _CHANGEABLE
        )
    if paths == [EVERYTHING]:
        return frozenset(_CHANGEABLE)
    for path in paths:
        if path not in _CHANGEABLE:
            wrong.add("update_mask", f"{path!r} is none of {', '.join(_CHANGEABLE)}")
    return frozenset(paths)


def _no_token() -> InvalidFields:
    return InvalidFields([Violation("page_token", "is not a token this method has given out")])
