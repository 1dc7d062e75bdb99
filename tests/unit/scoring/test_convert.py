"""Protobuf to and from the domain: every field, and what is no message of ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from scoreline.events.v1 import event_pb2
from scoreline.rules.v1 import rule_set_pb2
from scoreline.scoring.v1 import intelligence_pb2, lead_pb2, score_change_pb2, scoring_service_pb2
from services.scoring import convert
from services.scoring.convert import Undecodable
from services.scoring.domain.balance import TOTAL, Fading
from services.scoring.domain.fold import Effect, Outcome, Reason
from services.scoring.domain.lead import Cause, Change, Snapshot
from services.scoring.domain.model import Bounds, Entry, Rule, Stage, microseconds
from services.scoring.domain.state import Activity, State
from services.scoring.lead_handlers import REMOVE, ProfileChange, TimelineItem
from services.scoring.ports import LeadView, Profile, RecordedChange, RecordedEvent
from services.shared import structs
from services.shared.errors import Violations
from services.shared.times import to_timestamp
from tests.support import scoring_cases as cases
from tests.support.clocks import START

LATER = START + timedelta(hours=1)


def every_field_set(message: object) -> bool:
    """Guards these tests against a field added and forgotten."""
    descriptor = message.DESCRIPTOR  # type: ignore[attr-defined]
    set_fields = {field.name for field, _ in message.ListFields()}  # type: ignore[attr-defined]
    assert {field.name for field in descriptor.fields} == set_fields
    return True


def test_an_accepted_event_is_read_with_every_field() -> None:
    message = cases.accepted("e1", "signup", 2.5, "email:a@b.c", "p9", "crm", b=[1, None], a="ü")
    event = convert.incoming_event(message.SerializeToString())
    assert (event.project_id, event.subject) == ("p9", "email:a@b.c")
    properties = {"a": "ü", "b": [1, None]}
    assert event.entry == Entry("e1", "signup", START + timedelta(minutes=2.5), properties, "crm")
    # One text for one content, whatever order the sender's map had.
    assert event.properties_text == '{"a":"ü","b":[1,null]}'
    assert event.payload_hash == message.payload_hash
    assert event.payload == message.SerializeToString()
    assert event.key == ("p9", "e1")


def test_an_address_among_several_references_is_said_of_the_lead() -> None:
    def read(*references: str, **properties: object) -> convert.IncomingEvent:
        message = cases.accepted("i1", "identify", 0, references[0], **properties)
        message.linked_subjects.extend(references[1:])
        return convert.incoming_event(message.SerializeToString())

    linked = read("external:crm-9", "email:a@b.c", "anonymous:v", title="VP")
    assert linked.entry.properties == {"title": "VP", "email": "a@b.c"}
    assert linked.properties_text == '{"email":"a@b.c","title":"VP"}'
    assert linked.entry.subject == linked.subject == "external:crm-9"
    assert read("email:a@b.c", "anonymous:v").entry.properties == {"email": "a@b.c"}
    own = read("external:crm-9", "email:a@b.c", email="ada@navy.example")
    assert own.entry.properties == {"email": "ada@navy.example"}
    assert read("external:crm-9", "anonymous:v").entry.properties == {}
    assert read("email:a@b.c").entry.properties == {}
    assert read("email:a@b.c").entry.subject == "email:a@b.c"


def test_no_properties_are_an_empty_object() -> None:
    event = cases.incoming("e1")
    assert (event.properties_text, event.entry.properties) == ("{}", {})


def broken(**changes: object) -> bytes:
    message = cases.accepted("e1")
    for name, value in changes.items():
        target = message.event if name in event_pb2.Event.DESCRIPTOR.fields_by_name else message
        if isinstance(value, Timestamp):
            getattr(target, name).CopyFrom(value)
        else:
            setattr(target, name, value)
    return message.SerializeToString()


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xff",
        b"",
        broken(project_id=""),
        broken(event_id=""),
        broken(type=""),
        broken(subject=""),
        broken(subject="ada"),
        broken(subject="lead:"),
        broken(subject="person:ada"),
        broken(occur_time=Timestamp(seconds=300_000_000_000)),
        broken(occur_time=Timestamp(seconds=-100_000_000_000)),
    ],
)
def test_what_is_no_accepted_event_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Undecodable):
        convert.incoming_event(payload)


def test_an_activation_is_read_with_every_field() -> None:
    message = rule_set_pb2.Activation(
        number=3,
        project_id="p1",
        version=7,
        activate_time=to_timestamp(START),
        actor="key_1",
        rule_set=rule_set_pb2.RuleSet(
            version=7,
            rules=[
                rule_set_pb2.Rule(rule_id="a", event_type="signup", points=20.001, enabled=True),
                rule_set_pb2.Rule(rule_id="b", event_type="*", points=-0.1, enabled=False),
            ],
            stages=[rule_set_pb2.Stage(name="cold"), rule_set_pb2.Stage(name="hot", min_score=60)],
            bounds=rule_set_pb2.Bounds(min_score=0, max_score=1_000),
        ),
    )
    found = convert.activation(message.SerializeToString())
    assert (found.project_id, found.number, found.actor) == ("p1", 3, "key_1")
    assert found.activated_at == START
    assert found.rule_set.version == 7
    assert found.rule_set.rules == (
        Rule("a", "signup", 20_001, True),
        Rule("b", "*", -100, False),
    )
    assert found.rule_set.stages == (Stage("cold", 0), Stage("hot", 60_000))
    assert found.rule_set.bounds == Bounds(0, 1_000_000)


def test_absent_bounds_are_no_bounds() -> None:
    message = rule_set_pb2.Activation(number=1, project_id="p1")
    assert convert.activation(message.SerializeToString()).rule_set.bounds == Bounds()
    message.rule_set.bounds.max_score = 0
    assert convert.activation(message.SerializeToString()).rule_set.bounds == Bounds(None, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xff",
        rule_set_pb2.Activation(number=1).SerializeToString(),
        rule_set_pb2.Activation(project_id="p1").SerializeToString(),
        rule_set_pb2.Activation(
            project_id="p1", number=1, activate_time=Timestamp(seconds=300_000_000_000)
        ).SerializeToString(),
    ],
)
def test_what_is_no_activation_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Undecodable):
        convert.activation(payload)


@given(st.integers(-(10**15), 10**15))
def test_milli_points_survive_the_wire(milli: int) -> None:
    assert convert.milli(convert.points(milli)) == milli


CHANGE = Change(
    version=4,
    cause=Cause.EVENT,
    entry=cases.entry("e1", "signup"),
    previous_score=10_001,
    score=30_000,
    previous_stage="cold",
    stage="warm",
    rule_set_version=2,
    late=True,
    previous_velocity=1_000,
    velocity=2_500,
    previous_risk="low",
    risk="high",
    merged_into="bob",
)


def test_a_score_change_has_every_field() -> None:
    message = convert.score_change(RecordedChange("ada", CHANGE, START, LATER))
    assert every_field_set(message)
    assert message == score_change_pb2.ScoreChange(
        lead_id="ada",
        version=4,
        cause=score_change_pb2.SCORE_CHANGE_CAUSE_EVENT,
        event_id="e1",
        event_type="signup",
        previous_score=10.001,
        score=30.0,
        delta=19.999,
        previous_stage="cold",
        stage="warm",
        rule_set_version=2,
        occur_time=to_timestamp(START),
        change_time=to_timestamp(LATER),
        late=True,
        merged_into="bob",
        velocity=2.5,
        previous_velocity=1,
        risk=intelligence_pb2.RISK_LEVEL_HIGH,
        previous_risk=intelligence_pb2.RISK_LEVEL_LOW,
    )
    encoded = convert.encoded_score_change(RecordedChange("ada", CHANGE, START, LATER))
    assert score_change_pb2.ScoreChange.FromString(encoded) == message


def test_a_change_by_rules_names_no_event() -> None:
    by_rules = replace(CHANGE, cause=Cause.RULES, entry=None, late=False)
    message = convert.score_change(RecordedChange("ada", by_rules, START, START))
    assert message.cause == score_change_pb2.SCORE_CHANGE_CAUSE_RULES
    assert (message.event_id, message.event_type) == ("", "")


VIEW = LeadView(
    profile=Profile("p1", "ada", "a@b.c", "Ada", "Engines", {"n": 1, "l": ["x"]}, 3, START, LATER),
    snapshot=Snapshot(
        state=State({"": 31_000}, event_count=2, activity=Activity(newest=microseconds(START))),
        score=30_500,
        stage="warm",
        version=5,
        activation=1,
        rule_set_version=7,
        velocity=3_000,
        risk="medium",
    ),
    subjects=("anonymous:v:1", "email:a@b.c", "external:9", "lead:ada", "lead:bob"),
    scored_at=LATER + timedelta(hours=1),
)


def test_a_lead_has_every_field() -> None:
    said = replace(VIEW.snapshot.state, attributes={"title": "CTO"})
    whole = convert.whole_lead(replace(VIEW, snapshot=replace(VIEW.snapshot, state=said)))
    assert every_field_set(whole)
    assert structs.to_dict(whole.event_attributes) == {"title": "CTO"}
    message = convert.lead(VIEW)
    kinds = lead_pb2.LeadIdentityKind
    assert message == lead_pb2.Lead(
        lead_id="ada",
        email="a@b.c",
        display_name="Ada",
        company="Engines",
        attributes=structs.from_dict({"n": 1, "l": ["x"]}),
        identities=[
            lead_pb2.LeadIdentity(kind=kinds.LEAD_IDENTITY_KIND_ANONYMOUS_ID, value="v:1"),
            lead_pb2.LeadIdentity(kind=kinds.LEAD_IDENTITY_KIND_EMAIL, value="a@b.c"),
            lead_pb2.LeadIdentity(kind=kinds.LEAD_IDENTITY_KIND_EXTERNAL_ID, value="9"),
            lead_pb2.LeadIdentity(kind=kinds.LEAD_IDENTITY_KIND_LEAD_ID, value="ada"),
            lead_pb2.LeadIdentity(kind=kinds.LEAD_IDENTITY_KIND_LEAD_ID, value="bob"),
        ],
        merged_lead_ids=["bob"],
        score=30.5,
        stage="warm",
        version=5,
        event_count=2,
        rule_set_version=7,
        last_event_time=to_timestamp(START),
        create_time=to_timestamp(START),
        update_time=to_timestamp(LATER + timedelta(hours=1)),
        etag="r3",
        risk=intelligence_pb2.RISK_LEVEL_MEDIUM,
        velocity=3,
    )
    edited_last = replace(VIEW, scored_at=START)
    assert convert.lead(edited_last).update_time == to_timestamp(LATER)


def test_a_lead_without_events_has_no_last_event() -> None:
    fresh = replace(VIEW, snapshot=Snapshot(State(), 0, "", 0, 0, 0))
    assert not convert.lead(fresh).HasField("last_event_time")


def test_a_timeline_entry_has_every_field() -> None:
    outcome = Outcome(
        at=microseconds(START),
        version=7,
        fadings=(
            Fading(microseconds(START) - 2, "intent", -1_500),
            Fading(microseconds(START), TOTAL, -1),
        ),
        effects=(
            Effect("a", "", 20_000, 20_000, Reason.APPLIED),
            Effect("b", "intent", 5_000, 500, Reason.CLIPPED),
            Effect("c", "intent", 7_000, 0, Reason.LIMITED),
        ),
    )
    event = RecordedEvent(cases.entry("e1", "signup", source="crm", plan="pro"), LATER)
    message = convert.timeline_entry(TimelineItem(event, outcome, 20_500, "cold"))
    assert every_field_set(message)
    pb = scoring_service_pb2
    assert message == pb.TimelineEntry(
        event_id="e1",
        type="signup",
        occur_time=to_timestamp(START),
        record_time=to_timestamp(LATER),
        source="crm",
        properties=structs.from_dict({"plan": "pro"}),
        effects=[
            pb.Effect(
                rule_id="a",
                rule_points=20,
                points=20,
                reason=pb.EFFECT_REASON_APPLIED,
                rule_set_version=7,
            ),
            pb.Effect(
                rule_id="b",
                rule_points=5,
                points=0.5,
                reason=pb.EFFECT_REASON_CLIPPED,
                rule_set_version=7,
                group="intent",
            ),
            pb.Effect(
                rule_id="c",
                rule_points=7,
                points=0,
                reason=pb.EFFECT_REASON_LIMITED,
                rule_set_version=7,
                group="intent",
            ),
        ],
        score=20.5,
        stage="cold",
        fadings=[
            pb.Fading(
                time=to_timestamp(START - timedelta(microseconds=2)), group="intent", points=-1.5
            ),
            pb.Fading(time=to_timestamp(START), group="*", points=-0.001),
        ],
    )


def test_etags_name_a_revision_and_nothing_else_does() -> None:
    assert convert.revision("") is None
    assert convert.revision(convert.etag(12)) == 12
    for unknown in ("12", "r", "rx", "r-1", "r١", "r1\n", "r1 ", "R1", "r" + "9" * 5_000):
        assert convert.revision(unknown) == -1


def changed(update: lead_pb2.Lead, *paths: str) -> ProfileChange:
    violations = Violations()
    found = convert.profile_change(update, FieldMask(paths=paths), violations)
    assert violations.found == []
    return found


def test_a_mask_says_what_changes_also_to_nothing() -> None:
    update = lead_pb2.Lead(display_name="Ada", company="Engines")
    assert changed(update, "company") == ProfileChange(None, "Engines", None, {})
    assert changed(lead_pb2.Lead(), "display_name") == ProfileChange("", None, None, {})
    assert changed(lead_pb2.Lead(), "attributes") == ProfileChange(None, None, {}, {})


def test_without_a_mask_what_is_set_changes() -> None:
    assert changed(lead_pb2.Lead(company="E")) == ProfileChange(None, "E", None, {})
    attributes = structs.from_dict({"a": 1})
    everything = lead_pb2.Lead(display_name="A", company="E", attributes=attributes)
    assert changed(everything) == ProfileChange("A", "E", {"a": 1}, {})
    assert changed(lead_pb2.Lead()) == ProfileChange(None, None, None, {})


def test_single_attributes_are_set_or_taken_away() -> None:
    update = lead_pb2.Lead(attributes=structs.from_dict({"a": 1, "c": 2}))
    found = changed(update, "attributes.a", "attributes.b.x")
    assert found.attributes is None
    assert found.attribute_changes == {"a": 1, "b.x": REMOVE}


def test_other_paths_are_violations() -> None:
    violations = Violations()
    mask = FieldMask(paths=["score", "company", "lead_id"])
    convert.profile_change(lead_pb2.Lead(), mask, violations)
    assert [one.field for one in violations.found] == ["update_mask"] * 2
    assert "'score'" in violations.found[0].description


def test_times_are_kept_to_the_microsecond() -> None:
    at = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    message = cases.accepted("e1")
    message.event.occur_time.CopyFrom(to_timestamp(at))
    message.event.occur_time.nanos += 999
    assert convert.incoming_event(message.SerializeToString()).entry.occurred_at == at
