"""Where a client gets its settings from."""

from __future__ import annotations

import pytest

from scoreline.client.settings import InvalidSettings, RetryPolicy, Settings


def test_arguments_win_over_the_environment() -> None:
    environment = {"SCORELINE_TARGET": "env:1", "SCORELINE_API_KEY": "env-key"}
    given = Settings.resolve("arg:2", "arg-key", environment=environment)
    assert (given.target, given.api_key) == ("arg:2", "arg-key")
    found = Settings.resolve(None, None, environment=environment)
    assert (found.target, found.api_key) == ("env:1", "env-key")
    assert "env-key" not in repr(found)


@pytest.mark.parametrize(
    ("where", "target", "tls"),
    [
        ("localhost:8080", "localhost:8080", False),
        ("http://suite.example:8080/", "suite.example:8080", False),
        ("https://suite.example", "suite.example:443", True),
        ("https://[::1]:9", "[::1]:9", True),
    ],
)
def test_targets(where: str, target: str, tls: bool) -> None:
    settings = Settings.resolve(where, "k", environment={})
    assert (settings.target, settings.tls) == (target, tls)


@pytest.mark.parametrize("where", ["ftp://x", "http://", "http://x:99999", "http://x/path"])
def test_bad_targets(where: str) -> None:
    with pytest.raises(InvalidSettings, match="target"):
        Settings.resolve(where, "k", environment={})


def test_a_key_is_needed() -> None:
    with pytest.raises(InvalidSettings, match="SCORELINE_API_KEY"):
        Settings.resolve("x:1", None, environment={})


def test_waits_grow_with_jitter_and_respect_the_service() -> None:
    policy = RetryPolicy(first_wait_s=0.1, max_wait_s=1.0)
    for failures, ceiling in ((1, 0.1), (2, 0.2), (4, 0.8), (5, 1.0), (500, 1.0)):
        waits = [policy.wait_s(failures, None) for _ in range(200)]
        assert ceiling * 0.8 < max(waits) <= ceiling
        assert min(waits) < ceiling * 0.2
    assert min(policy.wait_s(1, 3.0) for _ in range(50)) >= 3.0
