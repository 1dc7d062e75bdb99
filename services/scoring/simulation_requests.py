"""What callers ask of SimulationService: every violation of a request at once, each with its field and what to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.duration_pb2 import Duration

from scoreline.rules.v1 import rule_set_pb2
from scoreline.scoring.v1 import simulation_service_pb2 as pb
from services.scoring import convert, requests, rule_set_guard, score_conversion
from services.scoring.domain.golden import BEGIN, Expectation, GoldenTest
from services.scoring.domain.model import Entry, RuleSet, instant
from services.scoring.ports import LeadFilter
from services.scoring.simulation_handlers import Selection, Variant
from services.shared import structs
from services.shared.errors import Violations

LEAD_IDS_MAX = 1_000
DAYS = (30, 366)
"""Days of which changes are counted: default and maximum."""

VARIANTS = (2, 8)
"""Fewest and most."""

VARIANT_NAME_MAX = 64
WEIGHT_MAX = 1_000
SEED_MAX = 256
CONVERSION_TYPES_MAX = 32
TEST_NAME_MAX = 128


@dataclass(frozen=True, slots=True)
class Simulate:
    """What SimulateRuleSet asks."""

    draft: RuleSet | None
    chosen: Selection
    as_of: datetime | None
    days: int


@dataclass(frozen=True, slots=True)
class Compare:
    """What CompareRuleSets asks."""

    variants: tuple[Variant, ...]
    seed: str
    conversion_types: frozenset[str]
    as_of: datetime | None


def simulate(request: pb.SimulateRuleSetRequest) -> Simulate:
    """Raises InvalidFields, LimitExceeded."""
    violations = Violations()
    requests.check_stages(request.stages, violations)
    if not (math.isfinite(request.sample) and 0 <= request.sample <= 1):
        violations.add("sample", "must be more than 0 up to 1, or 0 for all")
    if len(request.lead_ids) > LEAD_IDS_MAX:
        violations.add("lead_ids", f"must be at most {LEAD_IDS_MAX:,}")
    else:
        for index, reference in enumerate(request.lead_ids):
            requests.check_reference(f"lead_ids[{index}]", reference, violations)
    default, maximum = DAYS
    if not 0 <= request.days <= maximum:
        violations.add("days", f"must be 0 (for {default}) to {maximum}")
    as_of = score_conversion.instant(request, "as_of", violations)
    draft = _draft(request, "rule_set", violations)
    violations.raise_if_any()
    chosen = Selection(
        which=LeadFilter(stages=tuple(request.stages)),
        references=tuple(dict.fromkeys(request.lead_ids)),
        sample=request.sample or 1.0,
    )
    return Simulate(draft, chosen, as_of, request.days or default)


def compare(request: pb.CompareRuleSetsRequest) -> Compare:
    """Raises InvalidFields, LimitExceeded."""
    violations = Violations()
    fewest, most = VARIANTS
    variants: list[Variant] = []
    if not fewest <= len(request.variants) <= most:
        violations.add("variants", f"must be {fewest} to {most}")
    else:
        names: set[str] = set()
        for index, one in enumerate(request.variants):
            variants.append(_variant(one, names, f"variants[{index}]", violations))
            names.add(one.name)
    if len(request.seed) > SEED_MAX:
        violations.add("seed", f"must be at most {SEED_MAX} characters")
    types: list[str] = []
    if not 1 <= len(request.conversion_types) <= CONVERSION_TYPES_MAX:
        violations.add("conversion_types", f"must be 1 to {CONVERSION_TYPES_MAX} event types")
    else:
        types = [
            rule_set_guard.event_type(written, f"conversion_types[{index}]", violations)
            for index, written in enumerate(request.conversion_types)
        ]
    as_of = score_conversion.instant(request, "as_of", violations)
    violations.raise_if_any()
    return Compare(tuple(variants), request.seed, frozenset(types), as_of)


def golden_tests(request: pb.TestRuleSetRequest) -> tuple[RuleSet, list[GoldenTest]]:
    """Raises InvalidFields, LimitExceeded."""
    violations = Violations()
    complete, rules = rule_set_guard.rule_set(request.rule_set, "rule_set", violations)
    if rules is None:
        violations.raise_if_any()
        raise AssertionError("a rule set that is not converted has violations")
    tests = [
        _golden(one, f"rule_set.tests[{index}]", violations)
        for index, one in enumerate(complete.tests)
    ]
    violations.raise_if_any()
    return rules, tests


def _draft(
    owner: pb.SimulateRuleSetRequest | pb.Variant, field: str, violations: Violations
) -> RuleSet | None:
    if not owner.HasField("rule_set"):
        return None
    return rule_set_guard.rule_set(owner.rule_set, field, violations)[1]


def _variant(message: pb.Variant, taken: set[str], field: str, violations: Violations) -> Variant:
    name = message.name
    if not 1 <= len(name) <= VARIANT_NAME_MAX or not name.isprintable():
        violations.add(f"{field}.name", f"must be 1 to {VARIANT_NAME_MAX} printable characters")
    elif name in taken:
        violations.add(f"{field}.name", "is the name of another variant")
    if not 0 <= message.weight <= WEIGHT_MAX:
        violations.add(f"{field}.weight", f"must be 0 (for 1) to {WEIGHT_MAX:,}")
    return Variant(
        name=name,
        draft=_draft(message, f"{field}.rule_set", violations),
        weight=message.weight or 1,
    )


def _golden(message: rule_set_pb2.GoldenTest, field: str, violations: Violations) -> GoldenTest:
    if not 1 <= len(message.name) <= TEST_NAME_MAX or not message.name.isprintable():
        violations.add(f"{field}.name", f"must be 1 to {TEST_NAME_MAX} printable characters")
    if not message.events:
        violations.add(f"{field}.events", "must be at least one")
    expected = message.expected
    if not expected.ListFields():
        violations.add(f"{field}.expected", "must say something")
    return GoldenTest(
        name=message.name,
        events=tuple(_golden_events(message.events, f"{field}.events", violations)),
        after=_microseconds(message.after) if message.HasField("after") else None,
        expected=Expectation(
            score=convert.milli(expected.score) if expected.HasField("score") else None,
            stage=expected.stage if expected.HasField("stage") else None,
            grade=expected.grade if expected.HasField("grade") else None,
            velocity=convert.milli(expected.velocity) if expected.HasField("velocity") else None,
            risk=expected.risk if expected.HasField("risk") else None,
            next_action=expected.next_action if expected.HasField("next_action") else None,
        ),
    )


def _golden_events(
    events: Sequence[rule_set_pb2.GoldenEvent], field: str, violations: Violations
) -> list[Entry]:
    entries: list[Entry] = []
    at = 0
    for number, event in enumerate(events, start=1):
        at = _microseconds(event.at) if event.HasField("at") else at
        place = f"{field}[{number - 1}].type"
        entries.append(
            Entry(
                # Numbers of one length: of events at one time the order of their ids is that of the test.
                event_id=event.event_id or f"event-{number:03}",
                type=rule_set_guard.event_type(event.type, place, violations),
                occurred_at=instant(BEGIN + at),
                properties=structs.to_dict(event.properties),
                source="",
                sequence=number,
            )
        )
    return entries


def _microseconds(duration: Duration) -> int:
    return duration.seconds * 1_000_000 + duration.nanos // 1_000
