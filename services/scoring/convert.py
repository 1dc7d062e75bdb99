"""Protobuf to and from the domain. Nothing else in the service touches both."""

import json
import re
from datetime import datetime
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.events.v1 import event_pb2
from scoreline.rules.v1 import rule_set_pb2
from scoreline.scoring.v1 import intelligence_pb2, lead_pb2, score_change_pb2, scoring_service_pb2
from services.scoring import rule_conversion
from services.scoring.domain import activity
from services.scoring.domain.balance import Fading
from services.scoring.domain.fold import Effect, Reason
from services.scoring.domain.identity import SUBJECT_PREFIXES, email_of, merged_leads
from services.scoring.domain.lead import Cause
from services.scoring.domain.model import EMAIL, MILLI, Entry, instant
from services.scoring.lead_handlers import REMOVE, ProfileChange, TimelineItem
from services.scoring.ports import Activation, IncomingEvent, LeadView, RecordedChange
from services.shared import structs
from services.shared.cel import InvalidExpression
from services.shared.errors import Violations
from services.shared.times import to_datetime, to_timestamp

_CAUSES = {
    Cause.EVENT: score_change_pb2.SCORE_CHANGE_CAUSE_EVENT,
    Cause.RULES: score_change_pb2.SCORE_CHANGE_CAUSE_RULES,
    Cause.DECAY: score_change_pb2.SCORE_CHANGE_CAUSE_DECAY,
    Cause.REPLAY: score_change_pb2.SCORE_CHANGE_CAUSE_REPLAY,
    Cause.ADJUSTMENT: score_change_pb2.SCORE_CHANGE_CAUSE_ADJUSTMENT,
    Cause.RETRACTION: score_change_pb2.SCORE_CHANGE_CAUSE_RETRACTION,
    Cause.MERGE: score_change_pb2.SCORE_CHANGE_CAUSE_MERGE,
    Cause.UNMERGE: score_change_pb2.SCORE_CHANGE_CAUSE_UNMERGE,
}

_ASKED_CAUSES: dict[int, Cause] = {asked: cause for cause, asked in _CAUSES.items()}

_REASONS = {
    Reason.APPLIED: scoring_service_pb2.EFFECT_REASON_APPLIED,
    Reason.CLIPPED: scoring_service_pb2.EFFECT_REASON_CLIPPED,
    Reason.LIMITED: scoring_service_pb2.EFFECT_REASON_LIMITED,
    Reason.TAKEN_BACK: scoring_service_pb2.EFFECT_REASON_TAKEN_BACK,
    Reason.ADJUSTED: scoring_service_pb2.EFFECT_REASON_ADJUSTED,
    Reason.RETRACTED: scoring_service_pb2.EFFECT_REASON_RETRACTED,
    Reason.DISCARDED: scoring_service_pb2.EFFECT_REASON_DISCARDED,
    Reason.SUSPECT: scoring_service_pb2.EFFECT_REASON_SUSPECT,
    Reason.LEFT_OUT: scoring_service_pb2.EFFECT_REASON_LEFT_OUT,
}

RISKS = {
    activity.NO_RISK: intelligence_pb2.RISK_LEVEL_UNSPECIFIED,
    activity.LOW: intelligence_pb2.RISK_LEVEL_LOW,
    activity.MEDIUM: intelligence_pb2.RISK_LEVEL_MEDIUM,
    activity.HIGH: intelligence_pb2.RISK_LEVEL_HIGH,
}

_IDENTITY_KINDS = dict(
    zip(
        SUBJECT_PREFIXES,
        (
            lead_pb2.LEAD_IDENTITY_KIND_LEAD_ID,
            lead_pb2.LEAD_IDENTITY_KIND_EMAIL,
            lead_pb2.LEAD_IDENTITY_KIND_ANONYMOUS_ID,
            lead_pb2.LEAD_IDENTITY_KIND_EXTERNAL_ID,
        ),
        strict=True,
    )
)

_ETAG = re.compile(r"^r[0-9]{1,10}\Z")

_MASK_ATTRIBUTE = "attributes."


class Undecodable(Exception):
    """A message is not what its stream should hold."""


def points(milli: int) -> float:
    """Milli-points as points: the double nearest to an exact multiple of 0.001."""
    return milli / MILLI


def milli(points: float) -> int:
    """Points as milli-points."""
    return round(points * MILLI)


def incoming_event(payload: bytes) -> IncomingEvent:
    """An accepted event from the EVENTS stream. Raises Undecodable."""
    try:
        accepted = event_pb2.AcceptedEvent.FromString(payload)
    except DecodeError as error:
        raise Undecodable("not an AcceptedEvent") from error
    event = accepted.event
    if not (accepted.project_id and event.event_id and event.type):
        raise Undecodable("an AcceptedEvent without project, event id or type")
    for subject in (accepted.subject, *accepted.linked_subjects):
        kind, _, value = subject.partition(":")
        if not value or kind + ":" not in SUBJECT_PREFIXES:
            raise Undecodable("an AcceptedEvent with something that is no subject")
    properties = structs.to_dict(event.properties)
    if accepted.linked_subjects:
        # It says that the lead has this address; the ledger keeps only the strongest of its references.
        for address in filter(None, map(email_of, (accepted.subject, *accepted.linked_subjects))):
            properties.setdefault(EMAIL, address)
    entry = Entry(
        event_id=event.event_id,
        type=event.type,
        occurred_at=_instant(event.occur_time),
        properties=properties,
        source=event.source,
        subject=accepted.subject,
    )
    return IncomingEvent(
        project_id=accepted.project_id,
        subject=accepted.subject,
        entry=entry,
        properties_text=_canonical_json(properties),
        payload_hash=accepted.payload_hash,
        payload=payload,
        linked=tuple(accepted.linked_subjects),
        public=accepted.public,
    )


def activation(payload: bytes) -> Activation:
    """An activation from the RULES stream. Raises Undecodable."""
    try:
        message = rule_set_pb2.Activation.FromString(payload)
    except DecodeError as error:
        raise Undecodable("not an Activation") from error
    if not message.project_id or message.number < 1:
        raise Undecodable("an Activation without project or number")
    try:
        rule_set = rule_conversion.rule_set(message.rule_set)
    except (InvalidExpression, rule_conversion.InvalidRuleSet) as error:
        raise Undecodable(f"an Activation whose rules can't be applied: {error}") from error
    return Activation(
        project_id=message.project_id,
        number=message.number,
        activated_at=_instant(message.activate_time),
        actor=message.actor,
        rule_set=rule_set,
        effective_from=_instant(message.effective_time),
    )


def score_change(recorded: RecordedChange) -> score_change_pb2.ScoreChange:
    """A change as callers and watchers see it."""
    change = recorded.change
    return score_change_pb2.ScoreChange(
        lead_id=recorded.lead_id,
        version=change.version,
        cause=_CAUSES[change.cause],
        event_id=change.entry.event_id if change.entry else "",
        event_type=change.entry.type if change.entry else "",
        previous_score=points(change.previous_score),
        score=points(change.score),
        delta=points(change.score - change.previous_score),
        previous_stage=change.previous_stage,
        stage=change.stage,
        rule_set_version=change.rule_set_version,
        occur_time=to_timestamp(recorded.occurred_at),
        change_time=to_timestamp(recorded.changed_at),
        late=change.late,
        merged_into=change.merged_into,
        velocity=points(change.velocity),
        previous_velocity=points(change.previous_velocity),
        risk=RISKS[change.risk],
        previous_risk=RISKS[change.previous_risk],
    )


def cause(asked: int) -> Cause | None:
    """A cause as a caller names it; None for what is none."""
    return _ASKED_CAUSES.get(asked)


def encoded_score_change(recorded: RecordedChange) -> bytes:
    """A change as it is published."""
    return score_change(recorded).SerializeToString()


def whole_lead(view: LeadView) -> lead_pb2.Lead:
    """A lead with its score and what its events said of it."""
    message = lead(view)
    message.event_attributes.update(view.snapshot.state.attributes)
    return message


def lead(view: LeadView) -> lead_pb2.Lead:
    """A lead with its score."""
    profile, snapshot = view.profile, view.snapshot
    newest = snapshot.state.activity.newest
    return lead_pb2.Lead(
        lead_id=profile.lead_id,
        email=profile.email,
        display_name=profile.display_name,
        company=profile.company,
        attributes=structs.from_dict(profile.attributes),
        identities=[identity(subject) for subject in view.subjects],
        score=points(snapshot.score),
        stage=snapshot.stage,
        version=snapshot.version,
        event_count=snapshot.state.event_count,
        rule_set_version=snapshot.rule_set_version,
        last_event_time=None if newest is None else to_timestamp(instant(newest)),
        create_time=to_timestamp(profile.created_at),
        update_time=to_timestamp(max(profile.updated_at, view.scored_at)),
        etag=etag(profile.revision),
        risk=RISKS[snapshot.risk],
        velocity=points(snapshot.velocity),
        merged_lead_ids=merged_leads(profile.lead_id, view.subjects),
    )


def etag(revision: int) -> str:
    """The etag of a profile's revision."""
    return f"r{revision}"


def revision(tag: str) -> int | None:
    """The revision an etag stands for: None for no etag, one that never is current for an unknown etag."""
    if not tag:
        return None
    return int(tag[1:]) if _ETAG.match(tag) else -1


def timeline_entry(item: TimelineItem) -> scoring_service_pb2.TimelineEntry:
    """An event with its effects."""
    entry, outcome = item.event.entry, item.outcome
    return scoring_service_pb2.TimelineEntry(
        event_id=entry.event_id,
        type=entry.type,
        occur_time=to_timestamp(entry.occurred_at),
        record_time=to_timestamp(item.event.recorded_at),
        source=entry.source,
        properties=structs.from_dict(entry.properties),
        effects=[effect(one, outcome.version) for one in outcome.effects],
        score=points(item.score),
        stage=item.stage,
        fadings=[fading(one) for one in outcome.fadings],
    )


def profile_change(update: lead_pb2.Lead, mask: FieldMask, violations: Violations) -> ProfileChange:
    """What UpdateLead is to change; notes unknown paths in `violations`."""
    paths = list(mask.paths) or _set_fields(update)
    attributes = structs.to_dict(update.attributes)
    single: dict[str, Any] = {}
    for path in paths:
        if path.startswith(_MASK_ATTRIBUTE):
            key = path.removeprefix(_MASK_ATTRIBUTE)
            single[key] = attributes.get(key, REMOVE)
        elif path not in _EDITABLE:
            violations.add("update_mask", f"{path!r} can't be changed: use {', '.join(_EDITABLE)}")
    return ProfileChange(
        display_name=update.display_name if "display_name" in paths else None,
        company=update.company if "company" in paths else None,
        attributes=attributes if "attributes" in paths else None,
        attribute_changes=single,
    )


_EDITABLE = ("display_name", "company", "attributes", "attributes.<key>")


def _set_fields(update: lead_pb2.Lead) -> list[str]:
    found = [name for name in ("display_name", "company") if getattr(update, name)]
    return [*found, "attributes"] if update.HasField("attributes") else found


def _instant(stamp: Timestamp) -> datetime:
    try:
        return to_datetime(stamp)
    except OverflowError as error:
        raise Undecodable("a time outside the years 1 to 9999") from error


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _canonical_json(values: dict[str, Any]) -> str:
    return _ENCODER.encode(values)


def identity(subject: str) -> lead_pb2.LeadIdentity:
    """A reference."""
    kind, _, value = subject.partition(":")
    return lead_pb2.LeadIdentity(kind=_IDENTITY_KINDS[kind + ":"], value=value)


def effect(made: Effect, rule_set_version: int) -> scoring_service_pb2.Effect:
    """What a rule made of an event."""
    return scoring_service_pb2.Effect(
        rule_id=made.rule_id,
        rule_points=points(made.rule_points),
        points=points(made.points),
        reason=_REASONS[made.reason],
        rule_set_version=rule_set_version,
        group=made.group,
    )


def fading(taken: Fading) -> scoring_service_pb2.Fading:
    """Points that time took."""
    return scoring_service_pb2.Fading(
        time=to_timestamp(instant(taken.at)), group=taken.group, points=points(taken.points)
    )
