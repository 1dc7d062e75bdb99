"""Automations as callers write them, checked and turned into the domain's. What needs more than the message itself
(templates, expressions, endpoints that must be there) is checked by `automation_handlers.py`; back to messages turns
`automation_convert.py`."""

import re
from collections.abc import Mapping, Sequence
from datetime import time, timedelta

from scoreline.notify.v1 import automation_pb2 as pb
from scoreline.scoring.v1 import intelligence_pb2
from services.notify.convert import STAGE_CHARS_MAX, STAGES_MAX, check_names
from services.notify.domain import actions, automations
from services.notify.domain.automations import Definition, Frequency
from services.shared.cel import SOURCE_CHARS_MAX
from services.shared.errors import Violations

ACTIONS_MAX = 10
NAME_CHARS_MAX = 128
DESCRIPTION_CHARS_MAX = 1_024
SCORE_MAX = 1e9
"""Far above any score, and exact in milli-points."""
DAYS_MAX = 365
DIGEST_LEADS_DEFAULT = 10
DIGEST_LEADS_MAX = 100
QUALIFIED_STAGES = ("qualified",)

ADDRESSES_MAX = 20
LINE_CHARS_MAX = 1_024
TEXT_CHARS_MAX = 65_536
SECRET_CHARS_MAX = 1_024
FIELDS_MAX = 100
OWNERS_MAX = 100
OWNER_CHARS_MAX = 256
TERRITORIES_MAX = 100
TERRITORY_VALUES_MAX = 250

HIDDEN = "***"
"""Shown instead of a secret; sent back, it stands for the secret there is."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
"""Of CRMs' objects and fields."""
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_SUBJECT_CHARS_MAX = 128
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

_FREQUENCIES = {
    pb.AUTOMATION_FREQUENCY_UNSPECIFIED: Frequency.DAILY,
    pb.AUTOMATION_FREQUENCY_DAILY: Frequency.DAILY,
    pb.AUTOMATION_FREQUENCY_EVERY_TIME: Frequency.EVERY_TIME,
    pb.AUTOMATION_FREQUENCY_ONCE: Frequency.ONCE,
}


def definition(
    written: pb.Automation,
    before: Sequence[actions.Action] = (),
    path: str = "automation",
    *,
    unused_secret: str = "",
) -> Definition:
    """What a caller wrote; secrets that are hidden are those of the actions `before`, or else `unused_secret`, if there
    is one. Raises InvalidFields with every field at fault."""
    wrong = Violations()
    if (
        not 1 <= len(written.display_name) <= NAME_CHARS_MAX
        or not written.display_name.isprintable()
    ):
        wrong.add(f"{path}.display_name", f"must be 1 to {NAME_CHARS_MAX} printable characters")
    _check_text(wrong, f"{path}.description", written.description, DESCRIPTION_CHARS_MAX)
    if len(written.condition) > SOURCE_CHARS_MAX:
        wrong.add(f"{path}.condition", f"must be at most {SOURCE_CHARS_MAX:,} characters")
    if written.frequency not in _FREQUENCIES:
        wrong.add(f"{path}.frequency", "is no frequency there is")
    trigger = _trigger(written.trigger, f"{path}.trigger", wrong)
    if isinstance(trigger, automations.Daily) and written.condition:
        wrong.add(
            f"{path}.condition", "must be empty: what a time of day sets off is about no lead"
        )
    done = _Actions(wrong, unused_secret).read(written.actions, before, f"{path}.actions")
    if isinstance(trigger, automations.Daily):
        for index, action in enumerate(done):
            if isinstance(action, actions.AssignOwner | actions.HubSpot | actions.Salesforce):
                wrong.add(
                    f"{path}.actions[{index}]", f"{action.kind} needs a lead, and there is none"
                )
    wrong.raise_if_any()
    assert trigger is not None  # noqa: S101 - or it would have been wrong
    return Definition(
        written.display_name,
        trigger,
        tuple(done),
        written.description,
        written.condition,
        _FREQUENCIES[written.frequency],
        written.disabled,
        written.include_bulk_changes,
    )


def _trigger(
    written: pb.AutomationTrigger, path: str, wrong: Violations
) -> automations.Trigger | None:
    kind = written.WhichOneof("kind")
    path = f"{path}.{kind}"
    match kind:
        case "stage_entered":
            return automations.StageEntered(_stages(written.stage_entered.stages, path, wrong))
        case "stage_left":
            return automations.StageLeft(_stages(written.stage_left.stages, path, wrong))
        case "score_crossed":
            threshold = written.score_crossed.threshold
            # Written so that NaN is refused, too.
            if not -SCORE_MAX <= threshold <= SCORE_MAX:
                wrong.add(
                    f"{path}.threshold", f"must be -{SCORE_MAX:.0f} to {SCORE_MAX:.0f} points"
                )
            return automations.ScoreCrossed(threshold, written.score_crossed.downwards)
        case "velocity_reached":
            velocity = written.velocity_reached.velocity
            if not 0 < velocity <= SCORE_MAX:
                wrong.add(f"{path}.velocity", "must be above 0")
            return automations.VelocityReached(velocity)
        case "risk_reached":
            return _risk(written.risk_reached, path, wrong)
        case "next_action_became":
            names = written.next_action_became.next_actions
            check_names(wrong, f"{path}.next_actions", names, STAGES_MAX, STAGE_CHARS_MAX)
            return automations.NextActionBecame(tuple(names))
        case "inactive":
            if not 1 <= written.inactive.days <= DAYS_MAX:
                wrong.add(f"{path}.days", f"must be 1 to {DAYS_MAX}")
            return automations.Inactive(written.inactive.days)
        case "any_change":
            return automations.AnyChange()
        case "daily":
            return _daily(written.daily, path, wrong)
    wrong.add(path.removesuffix(".None"), "is required: one of the kinds there are")
    return None


def _risk(written: pb.RiskTrigger, path: str, wrong: Violations) -> automations.RiskReached | None:
    if written.risk not in intelligence_pb2.RiskLevel.values() or not written.risk:
        wrong.add(f"{path}.risk", "must be RISK_LEVEL_LOW, RISK_LEVEL_MEDIUM or RISK_LEVEL_HIGH")
        return None
    return automations.RiskReached(
        intelligence_pb2.RiskLevel.Name(written.risk).removeprefix("RISK_LEVEL_")
    )


def _daily(written: pb.DailyTrigger, path: str, wrong: Violations) -> automations.Daily | None:
    stages = _stages(written.qualified_stages, path, wrong, "qualified_stages")
    if not 0 <= written.lead_count <= DIGEST_LEADS_MAX:
        wrong.add(
            f"{path}.lead_count",
            f"must be 1 to {DIGEST_LEADS_MAX}, or 0 for {DIGEST_LEADS_DEFAULT}",
        )
    match = _TIME_OF_DAY.fullmatch(written.time_of_day)
    if match is None:
        wrong.add(f"{path}.time_of_day", "must be like 08:30, in UTC")
        return None
    return automations.Daily(
        time(int(match[1]), int(match[2])),
        written.lead_count or DIGEST_LEADS_DEFAULT,
        stages or QUALIFIED_STAGES,
    )


def _stages(
    stages: Sequence[str], path: str, wrong: Violations, field: str = "stages"
) -> tuple[str, ...]:
    check_names(wrong, f"{path}.{field}", stages, STAGES_MAX, STAGE_CHARS_MAX)
    return tuple(stages)


class _Actions:
    """Reads actions and notes what is wrong with them."""

    def __init__(self, wrong: Violations, unused_secret: str) -> None:
        self._wrong = wrong
        self._unused_secret = unused_secret

    def read(
        self, written: Sequence[pb.AutomationAction], before: Sequence[actions.Action], path: str
    ) -> list[actions.Action]:
        if not 1 <= len(written) <= ACTIONS_MAX:
            self._wrong.add(path, f"must be 1 to {ACTIONS_MAX}")
        found = []
        for index, action in enumerate(written[:ACTIONS_MAX]):
            same = before[index] if index < len(before) else None
            read = self._one(action, same, f"{path}[{index}]")
            if read is not None:
                found.append(read)
        return found

    def _one(
        self, written: pb.AutomationAction, before: actions.Action | None, path: str
    ) -> actions.Action | None:
        kind = written.WhichOneof("kind")
        where = f"{path}.{kind}"
        match kind:
            case "webhook":
                endpoint_id = written.webhook.endpoint_id
                self._line(f"{where}.endpoint_id", endpoint_id, needed=True)
                return actions.Webhook(endpoint_id)
            case "email":
                return self._email(written.email, where)
            case "slack":
                hidden = before.webhook_url if isinstance(before, actions.Slack) else ""
                slack = written.slack
                url = self._secret(f"{where}.webhook_url", slack.webhook_url, hidden)
                self._text(f"{where}.text", slack.text, needed=True)
                self._text(f"{where}.blocks", slack.blocks)
                return actions.Slack(url, slack.text, slack.blocks)
            case "hubspot":
                hidden = before.access_token if isinstance(before, actions.HubSpot) else ""
                return self._hubspot(written.hubspot, hidden, where)
            case "salesforce":
                same = before if isinstance(before, actions.Salesforce) else None
                return self._salesforce(written.salesforce, same, where)
            case "publish":
                subject = written.publish.subject
                if len(subject) > _SUBJECT_CHARS_MAX or not _SUBJECT.fullmatch(subject):
                    self._wrong.add(
                        f"{where}.subject",
                        "must be tokens of letters, digits, _ and - with dots between, at most "
                        f"{_SUBJECT_CHARS_MAX} characters",
                    )
                return actions.Publish(subject)
            case "assign_owner":
                return self._assign_owner(written.assign_owner, where)
            case "create_task":
                return self._create_task(written.create_task, where)
        self._wrong.add(path, "must be one of the kinds there are")
        return None

    def _email(self, written: pb.EmailAction, path: str) -> actions.Email:
        if not 1 <= len(written.to) <= ADDRESSES_MAX:
            self._wrong.add(f"{path}.to", f"must be 1 to {ADDRESSES_MAX} addresses")
        for index, address in enumerate(written.to[:ADDRESSES_MAX]):
            self._line(f"{path}.to[{index}]", address, needed=True)
        self._line(f"{path}.subject", written.subject, needed=True)
        self._text(f"{path}.text_body", written.text_body, needed=True)
        self._text(f"{path}.html_body", written.html_body)
        return actions.Email(
            tuple(written.to), written.subject, written.text_body, written.html_body
        )

    def _hubspot(self, written: pb.HubSpotAction, hidden: str, path: str) -> actions.HubSpot:
        token = self._secret(f"{path}.access_token", written.access_token, hidden)
        id_property = written.id_property or "email"
        self._name(f"{path}.id_property", id_property)
        self._expression(f"{path}.id_value", written.id_value)
        properties = self._mapping(f"{path}.properties", written.properties)
        return actions.HubSpot(token, properties, id_property, written.id_value or "lead.email")

    def _salesforce(
        self, written: pb.SalesforceAction, before: actions.Salesforce | None, path: str
    ) -> actions.Salesforce:
        self._line(f"{path}.instance_url", written.instance_url, needed=True)
        self._line(f"{path}.client_id", written.client_id, needed=True)
        hidden = ""
        # It is sent to instance_url: who does not know it must not have it sent elsewhere.
        if before is not None and (written.instance_url, written.client_id) == (
            before.instance_url,
            before.client_id,
        ):
            hidden = before.client_secret
        secret = self._secret(f"{path}.client_secret", written.client_secret, hidden)
        object_type = written.object_type or "Lead"
        self._name(f"{path}.object_type", object_type)
        self._name(f"{path}.external_id_field", written.external_id_field)
        self._expression(f"{path}.external_id", written.external_id)
        return actions.Salesforce(
            written.instance_url,
            written.client_id,
            secret,
            written.external_id_field,
            self._mapping(f"{path}.fields", written.fields),
            object_type,
            written.external_id or "lead.lead_id",
        )

    def _assign_owner(self, written: pb.AssignOwnerAction, path: str) -> actions.AssignOwner:
        if not written.owners and not written.territories:
            self._wrong.add(f"{path}.owners", "must be at least one where there are no territories")
        check_names(self._wrong, f"{path}.owners", written.owners, OWNERS_MAX, OWNER_CHARS_MAX)
        self._line(
            f"{path}.territory_attribute",
            written.territory_attribute,
            needed=bool(written.territories),
        )
        if len(written.territories) > TERRITORIES_MAX:
            self._wrong.add(f"{path}.territories", f"must be at most {TERRITORIES_MAX}")
        territories = []
        for index, one in enumerate(written.territories[:TERRITORIES_MAX]):
            where = f"{path}.territories[{index}]"
            for field, names, most in (
                ("values", one.values, TERRITORY_VALUES_MAX),
                ("owners", one.owners, OWNERS_MAX),
            ):
                if not names:
                    self._wrong.add(f"{where}.{field}", "must be at least one")
                check_names(self._wrong, f"{where}.{field}", names, most, OWNER_CHARS_MAX)
            territories.append(actions.Territory(tuple(one.values), tuple(one.owners)))
        return actions.AssignOwner(
            tuple(written.owners),
            written.territory_attribute,
            tuple(territories),
            written.reassign,
        )

    def _create_task(self, written: pb.CreateTaskAction, path: str) -> actions.CreateTask:
        self._line(f"{path}.title", written.title, needed=True)
        self._text(f"{path}.note", written.note)
        self._line(f"{path}.assignee", written.assignee)
        due_in = None
        if written.HasField("due_in"):
            seconds = written.due_in.seconds
            if not 0 <= seconds <= timedelta(days=DAYS_MAX).total_seconds():
                self._wrong.add(f"{path}.due_in", f"must be 0 to {DAYS_MAX} days")
            else:
                due_in = timedelta(seconds=seconds)
        default = actions.CreateTask("").assignee
        return actions.CreateTask(written.title, written.note, written.assignee or default, due_in)

    def _mapping(self, path: str, written: Mapping[str, str]) -> dict[str, str]:
        if not 1 <= len(written) <= FIELDS_MAX:
            self._wrong.add(path, f"must be 1 to {FIELDS_MAX}")
        for name, source in written.items():
            self._name(path, name)
            self._expression(f"{path}[{name[:NAME_CHARS_MAX]}]", source)
        return dict(sorted(written.items()))

    def _secret(self, path: str, text: str, before: str) -> str:
        if text == HIDDEN:
            kept = before or self._unused_secret
            if not kept:
                self._wrong.add(path, "has no value that could be kept")
            return kept
        if not 1 <= len(text) <= SECRET_CHARS_MAX or not text.isascii() or not text.isprintable():
            self._wrong.add(path, f"must be 1 to {SECRET_CHARS_MAX:,} characters of ASCII")
        return text

    def _name(self, path: str, text: str) -> None:
        if not _NAME.fullmatch(text):
            self._wrong.add(path, "must be a name of letters, digits and _")

    def _expression(self, path: str, text: str) -> None:
        if len(text) > SOURCE_CHARS_MAX:
            self._wrong.add(path, f"must be at most {SOURCE_CHARS_MAX:,} characters")

    def _line(self, path: str, text: str, *, needed: bool = False) -> None:
        if (needed and not text.strip()) or len(text) > LINE_CHARS_MAX or not text.isprintable():
            least = 1 if needed else 0
            self._wrong.add(path, f"must be {least} to {LINE_CHARS_MAX:,} printable characters")

    def _text(self, path: str, text: str, *, needed: bool = False) -> None:
        if needed and not text.strip():
            self._wrong.add(path, "is required")
        _check_text(self._wrong, path, text, TEXT_CHARS_MAX)


def _check_text(wrong: Violations, path: str, text: str, chars_max: int) -> None:
    if len(text) > chars_max or "\x00" in text:
        wrong.add(path, f"must be at most {chars_max:,} characters, without NUL")
