"""Domain objects to and from what the tables hold. No SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.scoring import stored_rules
from services.scoring.domain import chain
from services.scoring.domain.chain import NEVER
from services.scoring.domain.lead import OUTDATED, UNREADABLE, Cause, Change, Snapshot
from services.scoring.domain.model import Activated, Entry, instant, microseconds
from services.scoring.domain.properties import Properties
from services.scoring.domain.state import FORMAT, Activity, State, from_json, to_json
from services.scoring.ports import IncomingEvent, Profile, RecordedChange
from services.shared.bulk import array

SNAPSHOT_COLUMNS = (
    "score, stage, version, event_count, last_occurred_at, last_event_id, activation, "
    "rule_set_version, state, state_format, next_transition_at, velocity, risk, merged_into"
)
"""In the order `snapshot` takes them."""

STATE = SNAPSHOT_COLUMNS.split(", ").index("state")
"""Its place among them."""

UNREADABLE_STATE = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What reading a state raises that this service has not written."""

PROFILE_COLUMNS = "project_id, lead_id, email, display_name, company, attributes, revision, created_at, updated_at"
"""In the order of the fields of Profile."""

CHANGE_COLUMNS = (
    "lead_id, version, cause, event_id, event_type, previous_score, score, previous_stage, stage, "
    "rule_set_version, occurred_at, changed_at, late, previous_velocity, velocity, previous_risk, "
    "risk, merged_into"
)
"""In the order `recorded_change` takes them."""

LEDGER_COLUMNS = (
    "project_id, event_id, position, subject, type, occurred_at, recorded_at, source, properties, "
    "payload_hash, entry_hash"
)
"""In the order `ledger_columns` gives them."""


def snapshot(columns: tuple[Any, ...]) -> Snapshot:
    """A snapshot from SNAPSHOT_COLUMNS."""
    score, stage, version, event_count, occurred_at, event_id, activation, rule_set_version = (
        columns[:8]
    )
    text, state_format, next_transition_at, velocity, risk, merged_into = columns[8:]
    if state_format == FORMAT:
        try:
            state = from_json(text)
        except UNREADABLE_STATE:
            # Not what this service writes. The ledger has everything: the lead is folded anew, nothing is lost.
            state = _state_until_folded(event_count, occurred_at, event_id)
            activation = UNREADABLE
    else:
        state = _state_until_folded(event_count, occurred_at, event_id)
        activation = OUTDATED
    return Snapshot(
        state=state,
        score=score,
        stage=stage,
        version=version,
        activation=activation,
        rule_set_version=rule_set_version,
        next_transition=None if next_transition_at is None else microseconds(next_transition_at),
        velocity=velocity,
        risk=risk,
        merged_into=merged_into,
    )


def _state_until_folded(
    event_count: int, occurred_at: datetime | None, event_id: str | None
) -> State:
    """Enough to know of a lead that will be folded anew."""
    last_position = None if event_id is None else (occurred_at or NEVER, event_id)
    newest = None if occurred_at is None else microseconds(occurred_at)
    return State(
        event_count=event_count, last_position=last_position, activity=Activity(newest=newest)
    )


def snapshot_columns(snapshot: Snapshot) -> tuple[Any, ...]:
    """The values of SNAPSHOT_COLUMNS."""
    state = snapshot.state
    newest = state.activity.newest
    next_transition = snapshot.next_transition
    return (
        snapshot.score,
        snapshot.stage,
        snapshot.version,
        state.event_count,
        None if newest is None else instant(newest),
        None if state.last_position is None else state.last_position[1],
        snapshot.activation,
        snapshot.rule_set_version,
        to_json(state),
        FORMAT,
        None if next_transition is None else instant(next_transition),
        snapshot.velocity,
        snapshot.risk,
        snapshot.merged_into,
    )


def activated(columns: tuple[Any, ...]) -> Activated:
    """A rule set with its number, and when it was put in force for what."""
    number, rule_set, effective_from, recorded_at = columns
    return Activated(
        number,
        stored_rules.from_json(rule_set),
        microseconds(effective_from),
        microseconds(recorded_at),
    )


def entry(columns: tuple[Any, ...]) -> Entry:
    """An entry from its id, type, time, properties as text, source, position, record time and subject."""
    event_id, kind, occurred_at, properties, source, position, recorded_at, subject = columns
    return Entry(
        event_id,
        kind,
        occurred_at,
        Properties(properties),
        source,
        position,
        recorded_at,
        subject,
    )


def profile(columns: tuple[Any, ...]) -> Profile:
    """A profile from PROFILE_COLUMNS."""
    return Profile(*columns)


def recorded_change(columns: tuple[Any, ...]) -> RecordedChange:
    """A change from CHANGE_COLUMNS."""
    (lead_id, version, cause, event_id, event_type, previous_score, score, *rest) = columns
    previous_stage, stage, rule_set_version, occurred_at, changed_at, late, *measured = rest
    previous_velocity, velocity, previous_risk, risk, merged_into = measured
    entry = None if event_id is None else Entry(event_id, event_type, occurred_at)
    change = Change(
        version=version,
        cause=Cause(cause),
        entry=entry,
        previous_score=previous_score,
        score=score,
        previous_stage=previous_stage,
        stage=stage,
        rule_set_version=rule_set_version,
        late=late,
        previous_velocity=previous_velocity,
        velocity=velocity,
        previous_risk=previous_risk,
        risk=risk,
        merged_into=merged_into,
    )
    return RecordedChange(lead_id, change, occurred_at, changed_at)


def change_columns(project_id: str, recorded: RecordedChange) -> tuple[Any, ...]:
    """The project id and the values of CHANGE_COLUMNS."""
    change = recorded.change
    return (
        project_id,
        recorded.lead_id,
        change.version,
        change.cause.value,
        change.entry.event_id if change.entry else None,
        change.entry.type if change.entry else None,
        change.previous_score,
        change.score,
        change.previous_stage,
        change.stage,
        change.rule_set_version,
        recorded.occurred_at,
        recorded.changed_at,
        change.late,
        change.previous_velocity,
        change.velocity,
        change.previous_risk,
        change.risk,
        change.merged_into,
    )


def recorded(lead_id: str, change: Change, now: datetime) -> RecordedChange:
    """A change made just now: it happened when its event did, or now where it has none."""
    occurred_at = change.entry.occurred_at if change.entry else now
    return RecordedChange(lead_id, change, occurred_at, now)


def ledger_columns(event: IncomingEvent, position: int, recorded_at: datetime) -> tuple[Any, ...]:
    """The values of LEDGER_COLUMNS, the entry's hash last."""
    entry = event.entry
    columns = (
        event.project_id,
        entry.event_id,
        position,
        event.subject,
        entry.type,
        entry.occurred_at,
        recorded_at,
        entry.source,
        event.properties_text,
        event.payload_hash,
    )
    digest = chain.entry_hash(
        project_id=event.project_id,
        position=position,
        event_id=entry.event_id,
        subject=event.subject,
        event_type=entry.type,
        occurred_at=entry.occurred_at,
        recorded_at=recorded_at,
        source=entry.source,
        properties=event.properties_text,
        payload_hash=event.payload_hash,
    )
    return (*columns, digest)


def arrays(lines: Sequence[tuple[Any, ...]], width: int) -> list[str]:
    """Rows to columns: the arrays that `unnest` takes, as text."""
    return [array(column) for column in zip(*lines, strict=True)] if lines else ["{}"] * width
