"""What automations do, and what came of it. How each is done is in the `action_*.py` beside this folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Webhook:
    """Tell a webhook endpoint of the project."""

    kind: ClassVar[str] = "webhook"
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Email:
    """Send an e-mail; all texts are templates."""

    kind: ClassVar[str] = "email"
    to: tuple[str, ...]
    subject: str
    text_body: str
    html_body: str = ""
    """Empty: plain text only."""


@dataclass(frozen=True, slots=True)
class Slack:
    """Post to an incoming webhook of Slack's."""

    kind: ClassVar[str] = "slack"
    webhook_url: str = field(repr=False)
    text: str
    """A template."""
    blocks: str = ""
    """A template of JSON; empty: blocks of our own."""


@dataclass(frozen=True, slots=True)
class HubSpot:
    """Make or change a contact in HubSpot."""

    kind: ClassVar[str] = "hubspot"
    access_token: str = field(repr=False)
    properties: Mapping[str, str]
    """CEL by the property's name."""
    id_property: str = "email"
    id_value: str = "lead.email"
    """CEL."""


@dataclass(frozen=True, slots=True)
class Salesforce:
    """Make or change a record in Salesforce."""

    kind: ClassVar[str] = "salesforce"
    instance_url: str
    client_id: str
    client_secret: str = field(repr=False)
    external_id_field: str
    fields: Mapping[str, str]
    """CEL by the field's name."""
    object_type: str = "Lead"
    external_id: str = "lead.lead_id"
    """CEL."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish on the broker, below `automations.<project>.`."""

    kind: ClassVar[str] = "publish"
    subject: str


@dataclass(frozen=True, slots=True)
class Territory:
    """Owners of leads whose attribute has one of some values."""

    values: tuple[str, ...]
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssignOwner:
    """Give the lead to one of some owners, in turns."""

    kind: ClassVar[str] = "assign_owner"
    owners: tuple[str, ...] = ()
    """Where no territory fits."""
    territory_attribute: str = ""
    territories: tuple[Territory, ...] = ()
    reassign: bool = False


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Note something to do; all texts are templates."""

    kind: ClassVar[str] = "create_task"
    title: str
    note: str = ""
    assignee: str = "{{ lead.owner }}"
    due_in: timedelta | None = None


Action = Webhook | Email | Slack | HubSpot | Salesforce | Publish | AssignOwner | CreateTask


@dataclass(frozen=True, slots=True)
class Occasion:
    """What an automation acts on: who, what happened, and on whose behalf."""

    project_id: str
    automation_id: str
    automation_name: str
    execution_id: str
    """The same on every attempt: what receivers can tell repetitions by."""
    trigger: str
    bucket: str
    time: datetime
    """When what set it off happened."""
    lead: Mapping[str, Any] | None = None
    """`lead_id`, `email`, `display_name`, `company`, `score`, `stage`, `grade`, `velocity`, `risk`, `trend`,
    `next_action`, `owner`, `attributes`: all there, empty or 0 where not known. None where it is about no lead."""
    change: Mapping[str, Any] | None = None
    """The score change as JSON has it; None where none set it off."""
    digest: Mapping[str, Any] | None = None
    """What DailyTrigger in automation.proto says; None for other triggers."""

    @property
    def lead_id(self) -> str:
        """The lead; empty where it is about none."""
        return "" if self.lead is None else str(self.lead["lead_id"])

    def variables(self) -> dict[str, Any]:
        """What templates see."""
        found: dict[str, Any] = {
            "automation": {
                "automation_id": self.automation_id,
                "display_name": self.automation_name,
            },
            "lead": self.lead,
            "change": self.change,
            "digest": self.digest,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt at one action."""

    detail: str = ""
    """What was done, where there is something to say; no secret, nothing personal."""
    error: str = ""
    """Why it failed; empty when it did not."""
    permanent: bool = False
    """It failed, and would fail again."""
    retry_after_s: float = 0.0
    """How long the other side asked to be left alone."""

    @property
    def succeeded(self) -> bool:
        """Whether it was done."""
        return not self.error


class Unrenderable(Exception):
    """A template or an expression gives nothing that can be sent for this occasion; the text says which and why."""
