"""Which messages may be published all at once, each for itself."""

from __future__ import annotations

from services.shared.publishing import FEW_MESSAGES_MAX, OutgoingMessage, are_few


def messages(*subjects: str) -> list[OutgoingMessage]:
    return [OutgoingMessage(subject, b"") for subject in subjects]


def test_a_few_of_different_subjects_may() -> None:
    assert are_few(messages(*(f"scores.p.{number}" for number in range(FEW_MESSAGES_MAX))))


def test_two_of_one_subject_may_not_since_the_second_could_come_first() -> None:
    assert not are_few(messages("scores.p.a", "scores.p.b", "scores.p.a"))


def test_more_than_a_few_are_a_batch() -> None:
    assert not are_few(messages(*(f"scores.p.{number}" for number in range(FEW_MESSAGES_MAX + 1))))
