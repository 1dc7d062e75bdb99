"""How well rule sets tell who will convert: each lead's fold up to its conversion, and the outcome of each variant."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from services.scoring.domain.fold import Fold, retracted_in
from services.scoring.domain.model import RETRACTION, Entry, Position, RuleSet, microseconds


class Conversions:
    """Finds a lead's first conversion: of its entries in event time, retractions first, the first event of one of some
    types that counts for something."""

    def __init__(self, types: frozenset[str]) -> None:
        self._types = types
        self._retracted: frozenset[str] = frozenset()
        self.first: Position | None = None

    def look(self, entry: Entry) -> None:
        """The next entry."""
        if entry.type == RETRACTION:
            self._retracted |= retracted_in([entry])
        elif (
            self.first is None
            and entry.type in self._types
            and entry.event_id not in self._retracted
            and not entry.is_suspect
        ):
            self.first = entry.position


class Trial:
    """A lead's fold as of its first conversion: of what happened before it, in whatever order that applies. Without one
    it is as of the end."""

    def __init__(self, rules: RuleSet, conversion: Position | None) -> None:
        self.rules = rules
        self.event_count = 0
        self._fold = Fold(rules)
        self._conversion = conversion

    @property
    def converted(self) -> bool:
        """Whether the lead has converted."""
        return self._conversion is not None

    def apply(self, entry: Entry) -> None:
        """One more entry, in the order in which the rules apply them; nothing that did not happen before the
        conversion. A retraction is known from the beginning."""
        before = self._conversion is None or entry.position < self._conversion
        if before or entry.type == RETRACTION:
            self._fold.apply(entry)
            self.event_count += not entry.is_fact

    def score(self, as_of: int) -> int:
        """Milli-points when it converted, or at an instant (microseconds) not before the last entry."""
        at = as_of if self._conversion is None else microseconds(self._conversion[0])
        self._fold.fade_to(at)
        return self._fold.score


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """How the leads of a stage came out."""

    stage: str
    lead_count: int
    converted_count: int


@dataclass(frozen=True, slots=True)
class VariantOutcome:
    """How a variant's leads came out. Mean scores are milli-points, half to even; 0 without leads."""

    lead_count: int
    converted_count: int
    mean_score: int
    mean_score_converted: int
    stages: tuple[StageOutcome, ...]
    discrimination: Fraction | None
    """None without leads of both kinds."""


@dataclass(slots=True)
class _Counts:
    """Leads that did not convert, and that did."""

    others: int = 0
    converted: int = 0

    def add(self, converted: bool) -> None:
        if converted:
            self.converted += 1
        else:
            self.others += 1


class VariantTally:
    """Counts a variant's leads as they come. Holds one pair of counts for each score that occurs, since ranks are
    exact."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._by_score: dict[int, _Counts] = {}
        self._by_stage: dict[str, _Counts] = {stage.name: _Counts() for stage in rules.stages}

    def add(self, score: int, converted: bool) -> None:
        """One more lead."""
        self._by_score.setdefault(score, _Counts()).add(converted)
        self._by_stage.setdefault(self._rules.stage_of(score), _Counts()).add(converted)

    def outcome(self) -> VariantOutcome:
        """What it came to."""
        scores = self._by_score.items()
        others = sum(counts.others for _, counts in scores)
        converted = sum(counts.converted for _, counts in scores)
        converted_sum = sum(score * counts.converted for score, counts in scores)
        others_sum = sum(score * counts.others for score, counts in scores)
        return VariantOutcome(
            lead_count=others + converted,
            converted_count=converted,
            mean_score=_mean(others_sum + converted_sum, others + converted),
            mean_score_converted=_mean(converted_sum, converted),
            stages=tuple(
                StageOutcome(stage, counts.others + counts.converted, counts.converted)
                for stage, counts in self._by_stage.items()
            ),
            discrimination=_discrimination(
                (counts.others, counts.converted) for _, counts in sorted(scores, key=_score)
            ),
        )


def _score(item: tuple[int, _Counts]) -> int:
    return item[0]


def _mean(total: int, count: int) -> int:
    return round(Fraction(total, count)) if count else 0


def _discrimination(by_score: Iterable[tuple[int, int]]) -> Fraction | None:
    """Of all pairs of a lead that converted and one that did not, the share in which the former has the higher score;
    ties count half. That is the area under the ROC curve (Mann and Whitney's U over the number of pairs). `by_score`
    has how many did not, and how many did, by ascending score."""
    halves = others_below = converted_all = 0
    for others, converted in by_score:
        halves += converted * (2 * others_below + others)
        others_below += others
        converted_all += converted
    pairs = others_below * converted_all
    return Fraction(halves, 2 * pairs) if pairs else None
