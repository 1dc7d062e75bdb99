"""What may be in a rule set. Each check takes what a caller wrote and gives the value as it is kept; what is wrong it
notes in `Problems`, under the path the caller knows, so that everything wrong is said at once. Groups and decay are in
group_checks.py, grades, velocity, risk and actions in profile_checks.py, golden tests in golden_checks.py."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.rules.domain.model import ANY_EVENT_TYPE, Bounds, Limit, Rule, Stage

RULE_ID_MAX = 64
EVENT_TYPE_MAX = 64
DESCRIPTION_MAX = 1_024
STAGES_MAX = 32
STAGE_NAME_MAX = 64

POINTS_MAX = 1_000_000
"""Most points that a rule gives or takes."""

SCORE_MAX = 1_000_000_000
"""Largest threshold of a stage or a bound, in points, also below zero."""

MILLI = 1_000

EXPRESSION_MAX = 1_024
"""Characters of a condition or a limit's key."""

LIMIT_COUNT_MAX = 1_000

LIMITS_MAX = 4
"""Of a rule."""

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US

LONGEST_US = 3_650 * DAY_US
"""Ten years: beyond it, nothing fades or is counted."""

_NANOSECONDS = 1_000
"""In a microsecond, the smallest time there is."""

ANY_EVENT_RULE_ID = "any_event"
"""Id of a rule for every event type that was made without one."""

_RULE_ID = re.compile(rf"[a-z][a-z0-9_-]{{0,{RULE_ID_MAX - 1}}}")
_EVENT_TYPE = re.compile(rf"[A-Za-z][A-Za-z0-9 _.-]{{0,{EVENT_TYPE_MAX - 1}}}")
_SEPARATORS = re.compile(r"[ _.-]+")


class Problems:
    """Collects what is wrong: path of the field, and a sentence for the caller."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def note(self, field: str, description: str) -> None:
        """Note that `field` is at fault and what to do."""
        self.found.append((field, description))


@dataclass(frozen=True, slots=True)
class StageInput:
    """A stage as a caller wrote it, in points."""

    name: str
    min_score: float


@dataclass(frozen=True, slots=True)
class BoundsInput:
    """Bounds as a caller wrote them, in points."""

    min_score: float | None
    max_score: float | None


@dataclass(frozen=True, slots=True)
class LimitInput:
    """A limit as a caller wrote it."""

    count: int
    window_ns: int | None
    key: str


Fault = Callable[[str], str | None]
"""What is wrong with an expression, with its place, or None: compiling is not the domain's business."""


@dataclass(frozen=True, slots=True)
class Expressions:
    """Judges of expressions."""

    condition: Fault
    """Takes what is true or false of an event and a lead."""
    key: Fault
    """Takes what has a value."""
    standing: Fault
    """Takes what is true or false of a lead alone."""
    situation: Fault
    """Takes what is true or false of a lead's score and the rest of its situation."""


def event_type(written: str, field: str, problems: Problems) -> str:
    """An event type in the normal form events have (events.v1.Event.type), or ANY_EVENT_TYPE."""
    if written == ANY_EVENT_TYPE:
        return written
    if not written:
        problems.note(field, "is required: an event type, or `*` for every type")
        return ""
    if not _EVENT_TYPE.fullmatch(written):
        problems.note(
            field,
            f"must be `*`, or 1 to {EVENT_TYPE_MAX} characters: a letter (a-z) first, then letters, digits, spaces, "
            "`_`, `-` or `.`",
        )
        return ""
    return _SEPARATORS.sub("_", written).rstrip("_").lower()


def rule_id(written: str, kind: str, field: str, problems: Problems) -> str:
    """A rule's id; derived from the normalised event type `kind` when none was written. The same request sent twice
    therefore names the same rule, and does not count events double."""
    if not written:
        return ANY_EVENT_RULE_ID if kind == ANY_EVENT_TYPE else kind
    return identifier(written, field, problems)


def identifier(written: str, field: str, problems: Problems) -> str:
    """An id of a rule, or a name of a group."""
    if not _RULE_ID.fullmatch(written):
        problems.note(
            field,
            f"must be 1 to {RULE_ID_MAX} lower-case letters, digits, `-` or `_`, a letter first",
        )
    return written


def group_of_rule(written: str, field: str, problems: Problems) -> str:
    """The group a rule names; empty for none. Whether it is there is another question."""
    return identifier(written, field, problems) if written else ""


def expression(written: str, fault: Fault, field: str, problems: Problems) -> str:
    """The source of an expression; empty for none."""
    if len(written) > EXPRESSION_MAX:
        problems.note(field, f"must be at most {EXPRESSION_MAX} characters, has {len(written)}")
    elif "\x00" in written:
        problems.note(field, "must not contain NUL characters")
    elif written and (wrong := fault(written)):
        problems.note(field, wrong)
    return written


def limits(
    written: Sequence[LimitInput], expressions: Expressions, field: str, problems: Problems
) -> tuple[Limit, ...]:
    """How often a rule counts: where every one of these lets it."""
    if len(written) > LIMITS_MAX:
        problems.note(field, f"must be at most {LIMITS_MAX}, are {len(written)}")
        return ()
    return tuple(
        limit(one, expressions, f"{field}[{index}]", problems) for index, one in enumerate(written)
    )


def standing(rule: Rule, expressions: Expressions, field: str, problems: Problems) -> None:
    """Whether the parts of a rule go together: one whose points stand has a condition on the lead, and no limits."""
    if not rule.standing:
        return
    if rule.event_type != ANY_EVENT_TYPE:
        problems.note(f"{field}event_type", f"must be `{ANY_EVENT_TYPE}`: the rule is standing")
    if rule.limits:
        problems.note(f"{field}limits", "must be none: the points of a standing rule count once")
    if not rule.when:
        problems.note(f"{field}when", "is required: the points of a standing rule stand as long")
    elif not expressions.condition(rule.when) and (wrong := expressions.standing(rule.when)):
        problems.note(f"{field}when", f"must be over `lead` alone, the rule is standing: {wrong}")


def limit(written: LimitInput, expressions: Expressions, field: str, problems: Problems) -> Limit:
    """How often a rule counts."""
    if not 1 <= written.count <= LIMIT_COUNT_MAX:
        problems.note(f"{field}.count", f"must be between 1 and {LIMIT_COUNT_MAX:,}")
    window = None
    if written.window_ns is not None:
        window = duration(written.window_ns, SECOND_US, f"{field}.window", problems)
    key = expression(written.key, expressions.key, f"{field}.key", problems)
    return Limit(written.count, window, key)


def duration(
    written_ns: int, least_us: int, field: str, problems: Problems, most_us: int = LONGEST_US
) -> int:
    """A duration in microseconds, from `least_us` to `most_us`, which are whole days."""
    if not least_us * _NANOSECONDS <= written_ns <= most_us * _NANOSECONDS:
        longest = f"{most_us // DAY_US:,} days"
        problems.note(field, f"must be between {_LEAST[least_us]} and {longest}")
        return least_us
    whole_us, rest = divmod(written_ns, _NANOSECONDS)
    if rest:
        problems.note(field, "must be whole microseconds")
    return whole_us


_LEAST = {0: "0", SECOND_US: "1 second", HOUR_US: "1 hour"}
"""Least durations in words."""


def points(written: float, field: str, problems: Problems) -> int:
    """A rule's points in milli-points."""
    return milli(written, POINTS_MAX, field, problems)


def description(written: str, field: str, problems: Problems) -> str:
    """A description: any text but NUL, which can't be stored."""
    if len(written) > DESCRIPTION_MAX:
        problems.note(field, f"must be at most {DESCRIPTION_MAX} characters, has {len(written)}")
    if "\x00" in written:
        problems.note(field, "must not contain NUL characters")
    return written


def stages(written: Sequence[StageInput], field: str, problems: Problems) -> tuple[Stage, ...]:
    """Stages, by ascending threshold, each name once."""
    if len(written) > STAGES_MAX:
        problems.note(field, f"must be at most {STAGES_MAX}, are {len(written)}")
        return ()
    checked: list[Stage] = []
    for index, one in enumerate(written):
        path = f"{field}[{index}]"
        there = [before.name for before in checked]
        unique_name(one.name, STAGE_NAME_MAX, there, f"{path}.name", problems)
        least = milli(one.min_score, SCORE_MAX, f"{path}.min_score", problems)
        if checked and least <= checked[-1].min_score_milli:
            problems.note(f"{path}.min_score", "must be greater than that of the stage before")
        checked.append(Stage(one.name, least))
    return tuple(checked)


def unique_name(
    written: str, longest: int, there: Sequence[str], field: str, problems: Problems
) -> None:
    """A name for people to read that none of those before it has."""
    if not 1 <= len(written) <= longest or not written.isprintable():
        problems.note(field, f"must be 1 to {longest} printable characters")
    elif written in there:
        problems.note(field, "is there already: names are unique")


def bounds(written: BoundsInput, field: str, problems: Problems) -> Bounds:
    """Bounds of the score."""
    lowest, highest = (
        None if score is None else milli(score, SCORE_MAX, f"{field}.{name}", problems)
        for name, score in (("min_score", written.min_score), ("max_score", written.max_score))
    )
    if lowest is not None and highest is not None and lowest > highest:
        problems.note(f"{field}.max_score", "must not be less than min_score")
    return Bounds(lowest, highest)


def milli(written: float, largest: int, field: str, problems: Problems) -> int:
    """An amount of points in milli-points, at most `largest` points either way."""
    if not math.isfinite(written) or abs(written) > largest:
        problems.note(field, f"must be between {-largest:,} and {largest:,}")
        return 0
    whole = round(written * MILLI)
    # A decimal with three places arrives as the double nearest to it, which is what the division gives.
    if whole / MILLI != written:
        problems.note(field, "must be a multiple of 0.001")
    return whole
