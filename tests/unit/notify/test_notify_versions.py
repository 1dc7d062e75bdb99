"""A version that was seen, or an older one, is not new."""

from __future__ import annotations

from services.notify.domain.versions import NewestVersions


def test_each_version_is_new_once() -> None:
    versions = NewestVersions(10)
    assert [versions.advance("a", v) for v in (1, 2, 2, 1, 3)] == [True, True, False, False, True]
    assert versions.advance("b", 1)


def test_what_changed_last_is_remembered() -> None:
    versions = NewestVersions(2)
    for subject, version in (("a", 1), ("b", 1), ("a", 2), ("c", 1)):
        assert versions.advance(subject, version)
    assert not versions.advance("a", 2)
    # b was pushed out by c.
    assert versions.advance("b", 1)


def test_cleared_it_knows_nothing() -> None:
    versions = NewestVersions(2)
    versions.advance("a", 5)
    versions.clear()
    assert versions.advance("a", 1)
