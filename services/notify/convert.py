"""Protobuf to and from what notify's use cases work with. Nothing else touches both."""

from collections.abc import Sequence
from datetime import datetime
from weakref import WeakKeyDictionary

from google.protobuf.duration_pb2 import Duration

from scoreline.notify.v1 import notify_service_pb2 as notify_pb2
from scoreline.scoring.v1 import intelligence_pb2, lead_pb2, score_change_pb2, scoring_service_pb2
from services.notify.conditions import Conditions
from services.notify.domain.filtering import Change, ChangeFilter, whole_milli_points
from services.notify.domain.resume_token import Position, TokenSigner
from services.notify.ports import PublishedChange, SnapshotLead
from services.notify.updates import (
    ChangeUpdate,
    HeartbeatUpdate,
    LeadUpdate,
    SnapshotUpdate,
    SumUpdate,
    Update,
    WatchOptions,
)
from services.notify.watch import Watch
from services.shared.cel import InvalidExpression
from services.shared.errors import Violations
from services.shared.times import to_datetime

LEAD_IDS_MAX = 1_000
LEAD_ID_CHARS_MAX = 128
STAGES_MAX = 32
STAGE_CHARS_MAX = 64

DELTA_POINTS_MAX = 1e9
"""Far above any score, and exact in milli-points."""

TOKEN_CHARS_MAX = 256
"""Several times a token's length: anything longer is none."""

HEARTBEAT_DEFAULT_S = 15.0
HEARTBEAT_MIN_S = 1.0
HEARTBEAT_MAX_S = 60.0

CAUSES_MAX = 32
"""More than there are."""

_CAUSE_PREFIX = "SCORE_CHANGE_CAUSE_"
_CAUSES = {
    number: name.removeprefix(_CAUSE_PREFIX)
    for name, number in score_change_pb2.ScoreChangeCause.items()
    if number
}
_RISKS = {
    number: name.removeprefix("RISK_LEVEL_")
    for name, number in intelligence_pb2.RiskLevel.items()
    if number
}

REFERENCE_PREFIXES = ("email:", "anonymous:", "external:")
"""No lead id begins like this."""


def to_change(payload: bytes) -> Change:
    """What filters look at in an encoded ScoreChange. Raises google.protobuf.message.DecodeError."""
    change = score_change_pb2.ScoreChange.FromString(payload)
    return Change(
        lead_id=change.lead_id,
        version=change.version,
        cause=_CAUSES.get(change.cause, ""),
        event_type=change.event_type,
        previous_score=change.previous_score,
        score=change.score,
        delta_points=change.delta,
        previous_stage=change.previous_stage,
        stage=change.stage,
        previous_velocity=change.previous_velocity,
        velocity=change.velocity,
        previous_risk=_RISKS.get(change.previous_risk, ""),
        risk=_RISKS.get(change.risk, ""),
        late=change.late,
        merged_into=change.merged_into,
        rule_set_version=change.rule_set_version,
    )


def change_place(payload: bytes) -> tuple[str, int, datetime]:
    """Lead, version and time of an encoded ScoreChange."""
    change = score_change_pb2.ScoreChange.FromString(payload)
    return change.lead_id, change.version, to_datetime(change.change_time)


def to_snapshot_lead(lead: lead_pb2.Lead) -> SnapshotLead:
    """A lead as scoring sends it."""
    return SnapshotLead(lead.lead_id, lead.version, lead.stage, lead.SerializeToString())


def to_list_request(
    wanted: ChangeFilter, page_size: int, page_token: str
) -> scoring_service_pb2.ListLeadsRequest:
    """The request for a page of a snapshot's leads."""
    return scoring_service_pb2.ListLeadsRequest(
        page_size=page_size, page_token=page_token, stages=sorted(wanted.stages)
    )


def to_options(request: notify_pb2.WatchScoresRequest, conditions: Conditions) -> WatchOptions:
    """What the caller wants. Raises InvalidFields with every field at fault, or LimitExceeded."""
    violations = Violations()
    check_lead_ids(violations, request.lead_ids)
    check_names(violations, "stages", request.stages, STAGES_MAX, STAGE_CHARS_MAX)
    # Written so that NaN is refused, too.
    if not 0 <= request.min_delta <= DELTA_POINTS_MAX:
        violations.add("min_delta", f"must be 0 to {DELTA_POINTS_MAX:.0f} points")
    if len(request.resume_token) > TOKEN_CHARS_MAX:
        violations.add("resume_token", f"must be at most {TOKEN_CHARS_MAX} characters")
    if request.resume_token and request.include_snapshot:
        violations.add(
            "include_snapshot",
            "must not be set together with resume_token: a resumed watch has its snapshot",
        )
    interval_s = heartbeat_interval_s(
        violations, request.heartbeat_interval if request.HasField("heartbeat_interval") else None
    )
    if len(request.causes) > CAUSES_MAX:
        violations.add("causes", f"must be at most {CAUSES_MAX}, are {len(request.causes)}")
    for index, cause in enumerate(request.causes[:CAUSES_MAX]):
        if cause not in _CAUSES:
            violations.add(f"causes[{index}]", "must be a cause of score changes")
    condition = None
    if request.filter:
        try:
            condition = conditions.compile(request.filter)
        except InvalidExpression as error:
            violations.add("filter", str(error))
    violations.raise_if_any()
    wanted = ChangeFilter(
        lead_ids=frozenset(request.lead_ids),
        stages=frozenset(request.stages),
        delta_min_milli_points=whole_milli_points(request.min_delta),
        stage_changes_only=request.stage_changes_only,
        causes=frozenset(_CAUSES[cause] for cause in request.causes),
        condition=condition,
    )
    return WatchOptions(
        wanted,
        request.include_snapshot,
        request.resume_token,
        interval_s,
        request.latest_only,
        request.bulk_causes_as_summary,
    )


def heartbeat_interval_s(violations: Violations, interval: Duration | None) -> float:
    """The wanted interval, or what is usual."""
    if interval is None:
        return HEARTBEAT_DEFAULT_S
    interval_s = interval.seconds + interval.nanos / 1e9
    if not HEARTBEAT_MIN_S <= interval_s <= HEARTBEAT_MAX_S:
        violations.add(
            "heartbeat_interval", f"must be {HEARTBEAT_MIN_S:.0f} s to {HEARTBEAT_MAX_S:.0f} s"
        )
    return interval_s


def check_lead_ids(violations: Violations, lead_ids: Sequence[str]) -> None:
    """Note what is wrong with ids of leads to watch."""
    check_names(violations, "lead_ids", lead_ids, LEAD_IDS_MAX, LEAD_ID_CHARS_MAX)
    for index, lead_id in enumerate(lead_ids[:LEAD_IDS_MAX]):
        if lead_id.startswith(REFERENCE_PREFIXES):
            violations.add(f"lead_ids[{index}]", "must be a lead's id, not a reference to it")


def check_names(
    violations: Violations, field: str, names: Sequence[str], count_max: int, chars_max: int
) -> None:
    """Note what is wrong with a list of names."""
    if len(names) > count_max:
        violations.add(field, f"must be at most {count_max}, are {len(names)}")
        return
    for index, name in enumerate(names):
        if not 1 <= len(name) <= chars_max or not name.isprintable():
            violations.add(f"{field}[{index}]", f"must be 1 to {chars_max} printable characters")


class Responses:
    """Makes the stream's messages. A change's message is the same for every watcher of its project, token included,
    so it is made once."""

    def __init__(self, tokens: TokenSigner) -> None:
        self._tokens = tokens
        self._made: WeakKeyDictionary[PublishedChange, notify_pb2.WatchScoresResponse] = (
            WeakKeyDictionary()
        )

    def of(self, watch: Watch, update: Update) -> notify_pb2.WatchScoresResponse:
        """The message that tells the watch's reader of the update. Not to be changed: it may be shared."""
        match update:
            case ChangeUpdate(published, 0, ()):
                made = self._made.get(published)
                if made is None:
                    made = self._made[published] = self._change(watch, update)
                return made
            case ChangeUpdate():
                return self._change(watch, update)
            case SumUpdate(found, sequence, summed):
                return notify_pb2.WatchScoresResponse(
                    resume_token=self._token(watch, sequence, summed),
                    bulk_summary=notify_pb2.BulkSummary(
                        cause=_CAUSE_PREFIX + found.cause,
                        rule_set_version=found.rule_set_version,
                        change_count=found.change_count,
                        up_count=found.up_count,
                        down_count=found.down_count,
                        stage_change_count=found.stage_change_count,
                    ),
                )
            case LeadUpdate(lead):
                response = notify_pb2.WatchScoresResponse()
                response.snapshot_lead.ParseFromString(lead.encoded)
                return response
            case SnapshotUpdate(lead_count, sequence):
                return notify_pb2.WatchScoresResponse(
                    resume_token=self._token(watch, sequence),
                    snapshot_complete=notify_pb2.SnapshotComplete(lead_count=lead_count),
                )
            case HeartbeatUpdate(sequence, summed):
                return notify_pb2.WatchScoresResponse(
                    resume_token="" if sequence is None else self._token(watch, sequence, summed),
                    heartbeat=notify_pb2.Heartbeat(),
                )

    def _change(self, watch: Watch, update: ChangeUpdate) -> notify_pb2.WatchScoresResponse:
        published = update.published
        made = notify_pb2.WatchScoresResponse(
            resume_token=self._token(watch, published.sequence, update.summed),
            conflated_count=update.left_out,
        )
        made.score_change.ParseFromString(published.encoded)
        return made

    def _token(self, watch: Watch, sequence: int, summed: tuple[int, ...] = ()) -> str:
        return self._tokens.issue(watch.project_id, Position(watch.stream_id, sequence, summed))
