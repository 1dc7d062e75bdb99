"""What is wrong with a rule set as a whole, and what is allowed but hardly meant. What is wrong with its parts the
checks have said before. Each finding is a path in the rule set and a sentence."""

from collections.abc import Iterable, Iterator, Sequence

from services.rules.domain import errors
from services.rules.domain.activation import missing_groups
from services.rules.domain.model import Bounds, Content, Grade, Group
from services.rules.domain.size import check_size

Finding = tuple[str, str]

WHOLE = "rule_set"
"""What a finding about no part in particular is said of."""


TEXT = "yaml"
"""What a finding about a text that can't be read at all is said of; there is nothing to say of its parts then."""


def with_later(found: Sequence[Finding], later: Iterable[Finding]) -> list[Finding]:
    """What was found, and what was found after that but for what only follows from it: where a value could not be read,
    that it is missing says nothing more."""
    astray = [field for field, _ in found]
    return [
        *found,
        *(
            one
            for one in later
            if not any(
                field == TEXT or _within(one[0], field) or _within(field, one[0])
                for field in astray
            )
        ),
    ]


def _within(field: str, other: str) -> bool:
    return field == other or field.startswith((f"{other}.", f"{other}["))


def faults(content: Content) -> list[Finding]:
    """Why the rule set can't be put in force."""
    found: list[Finding] = []
    if not content.rules:
        found.append(("rules", "are none: there is nothing to put in force"))
    found.extend(
        (missing.field, f"`{missing.group}` is no group of the rule set")
        for missing in missing_groups(content)
    )
    try:
        check_size(content)
    except errors.EditRefused as error:
        found.append((WHOLE, errors.LIMITS[type(error)].format(limit=str(error))))
    return found


def warnings(content: Content) -> list[Finding]:
    """What is allowed but hardly meant."""
    return [
        *_rules(content),
        *_groups(content),
        *_stages(content),
        *_grades(content),
        *_engagement(content),
        *_next_actions(content),
        *_risk(content),
    ]


def _rules(content: Content) -> Iterator[Finding]:
    for place, rule in enumerate(content.rules):
        if not rule.points_milli:
            yield f"rules[{place}].points", f"rule `{rule.rule_id}` gives nothing"


def _groups(content: Content) -> Iterator[Finding]:
    used = {rule.group for rule in content.rules}
    for place, group in enumerate(content.groups):
        if group.name not in used:
            yield f"groups[{place}]", f"no rule gives points to group `{group.name}`"


def _stages(content: Content) -> Iterator[Finding]:
    lowest, highest = _ends(content.bounds)
    for place, stage in enumerate(content.stages):
        if highest is not None and stage.min_score_milli > highest:
            yield (
                f"stages[{place}].min_score",
                f"no score reaches stage `{stage.name}`: the greatest is {_points(highest)}",
            )
        beyond = content.stages[place + 1 : place + 2]
        if lowest is not None and beyond and beyond[0].min_score_milli <= lowest:
            yield (
                f"stages[{place}]",
                f"no score is in stage `{stage.name}`: the least is {_points(lowest)}",
            )


def _grades(content: Content) -> Iterator[Finding]:
    if content.grading is None:
        return
    for name, group, grades in (
        ("fit_grades", content.grading.fit_group, content.grading.fit_grades),
        ("engagement_grades", content.grading.engagement_group, content.grading.engagement_grades),
    ):
        yield from _grades_of(f"grading.{name}", _group(content, group), grades)


def _grades_of(path: str, group: Group | None, grades: tuple[Grade, ...]) -> Iterator[Finding]:
    lowest, highest = _ends(group.bounds if group else None)
    for place, grade in enumerate(grades):
        # The last holds every lower score, whatever its threshold.
        last = place == len(grades) - 1
        if highest is not None and grade.min_score_milli > highest and not last:
            yield f"{path}[{place}].min_score", f"no score reaches grade `{grade.name}`"
        if lowest is not None and grade.min_score_milli <= lowest and not last:
            yield f"{path}[{place + 1}]", f"every score is at least grade `{grade.name}`"
            return


def _engagement(content: Content) -> Iterator[Finding]:
    group = _group(content, content.engagement_group)
    if group is not None and not _ends(group.bounds)[1]:
        yield (
            "engagement_group",
            f"group `{group.name}` has no upper bound, so there is no engagement score",
        )


def _next_actions(content: Content) -> Iterator[Finding]:
    for place, action in enumerate(content.next_actions[:-1]):
        if not action.when:
            yield (
                f"next_actions[{place + 1}]",
                f"is never reached: `{action.action}` before it is for every lead",
            )
            return


def _risk(content: Content) -> Iterator[Finding]:
    risk = content.risk
    if risk is not None and risk.high_for_us is not None and not risk.high_event_types:
        yield "risk.high_for", "has no effect without high_event_types"


def _group(content: Content, name: str) -> Group | None:
    return next((group for group in content.groups if group.name == name), None)


def _ends(bounds: Bounds | None) -> tuple[int | None, int | None]:
    return (bounds.min_score_milli, bounds.max_score_milli) if bounds else (None, None)


def _points(milli: int) -> str:
    return f"{milli / 1_000:g}"
