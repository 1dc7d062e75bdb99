"""How large a rule set may be: it is published whole, in one message, and must always fit."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.rules.domain import errors
from services.rules.domain.model import Content

RULES_MAX = 500

TEXT_BYTES_MAX = 512 * 1024
"""Text of a rule set, in UTF-8: with everything around it a rule set stays below the broker's 1 MB for a message."""

_PART_BYTES = 128
"""What a rule, a stage, a group or a test takes besides its text, at most."""

_SMALL_PART_BYTES = 32
"""What a limit, a grade, an action, an event or a value takes besides its text, at most."""


def check_size(content: Content) -> None:
    """Raises TooManyRules, TooLarge."""
    if len(content.rules) > RULES_MAX:
        raise errors.TooManyRules(str(RULES_MAX))
    parts = (content.rules, content.stages, content.groups, content.tests)
    size = sum(len(text.encode()) for text in _texts(content))
    size += _PART_BYTES * sum(len(one) for one in parts) + _SMALL_PART_BYTES * _small_parts(content)
    if size > TEXT_BYTES_MAX:
        raise errors.TooLarge(str(TEXT_BYTES_MAX))


def _texts(content: Content) -> Iterator[str]:
    yield content.description
    yield content.engagement_group
    for rule in content.rules:
        yield from (rule.rule_id, rule.event_type, rule.description, rule.group, rule.when)
        yield from (limit.key for limit in rule.limits)
    yield from (stage.name for stage in content.stages)
    yield from (group.name for group in content.groups)
    if content.grading is not None:
        yield from (content.grading.fit_group, content.grading.engagement_group)
    if content.velocity is not None:
        yield content.velocity.when
    if content.risk is not None:
        yield from content.risk.high_event_types
    for action in content.next_actions:
        yield from (action.action, action.when)
    for test in content.tests:
        yield test.name
        expected = test.expected
        yield from (expected.stage or "", expected.grade or "", expected.next_action or "")
        for event in test.events:
            yield from (event.type, event.event_id)
            yield from _texts_in(event.properties)


def _small_parts(content: Content) -> int:
    count = sum(len(rule.limits) for rule in content.rules) + len(content.next_actions)
    if content.grading is not None:
        # A grade's name is 8 characters at most, 32 bytes.
        count += 2 * len(content.grading.fit_grades) + 2 * len(content.grading.engagement_grades)
    if content.risk is not None:
        count += len(content.risk.high_event_types)
    for test in content.tests:
        count += sum(1 + _values_in(event.properties) for event in test.events)
    return count


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


def _values_in(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(_values_in(inner) for inner in value.values())
    return 1 + sum(_values_in(inner) for inner in value) if isinstance(value, list) else 1
