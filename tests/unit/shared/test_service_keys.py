"""Credentials that services call each other with: what they open, and what is none."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import cast

import pytest

from scoreline.common.v1 import scope_pb2
from services.shared.bus import Bus
from services.shared.config import InvalidConfig, ServiceConfig, load
from services.shared.context import Caller
from services.shared.credentials import Credentials
from services.shared.service_keys import CLOCK_SKEW_S, LIFETIME_S, ServiceKeys, service_keys
from tests.support.clocks import START, MovableClock

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def test_it_opens_reading_in_its_project_and_nothing_else() -> None:
    keys = ServiceKeys(MovableClock(), KEY)
    credential = keys.make("p-1")
    assert credential.startswith(f"sls_p-1_{int(START.timestamp()) + LIFETIME_S}_")
    assert keys.find(credential) == Caller("p-1", "service", frozenset({scope_pb2.SCOPE_READ}))


@pytest.mark.parametrize("place", range(4))
def test_a_change_of_any_part_makes_it_worthless(place: int) -> None:
    keys = ServiceKeys(MovableClock(), KEY)
    parts = keys.make("p1").split("_")
    other = ServiceKeys(MovableClock(START + timedelta(seconds=1)), OTHER_KEY).make("p2").split("_")
    other[0] = "sl"
    assert keys.find("_".join(parts)) is not None
    parts[place] = other[place]
    assert keys.find("_".join(parts)) is None


def test_no_scope_can_be_written_into_it() -> None:
    keys = ServiceKeys(MovableClock(), KEY)
    prefix, project, expiry, signature = keys.make("p1").split("_")
    for forged in (
        f"{prefix}_{project}_admin_{expiry}_{signature}",
        f"{prefix}_{project}_{expiry}_{signature}_admin",
        f"{prefix}_{project}_{expiry}_{signature.upper()}",
        f"{prefix}_{project}_0{expiry}_{signature}",
        f"{prefix}_{project}_{expiry}_{signature[:32]}",
        f"{prefix}_{project}_{expiry}_",
        f"{prefix}_{project}_{expiry}_{signature}\n",
        f"{prefix}__{expiry}_{signature}",
    ):
        assert keys.find(forged) is None, forged


@pytest.mark.parametrize(
    ("later_s", "valid"),
    [
        (0, True),
        (LIFETIME_S + CLOCK_SKEW_S - 1, True),
        (LIFETIME_S + CLOCK_SKEW_S, False),
        (-CLOCK_SKEW_S + 1, True),
        (-CLOCK_SKEW_S - 1, False),
    ],
)
def test_it_ends_with_its_time_give_or_take_the_skew_of_clocks(later_s: int, valid: bool) -> None:
    made_at = START.replace(microsecond=0)
    clock = MovableClock(made_at)
    keys = ServiceKeys(clock, KEY)
    credential = keys.make("p1")
    clock.at = made_at + timedelta(seconds=later_s)
    assert (keys.find(credential) is not None) == valid


def test_a_key_is_changed_in_three_steps_and_never_breaks_a_call() -> None:
    clock = MovableClock()
    steps = [
        ServiceKeys(clock, KEY),
        ServiceKeys(clock, KEY, OTHER_KEY),
        ServiceKeys(clock, OTHER_KEY, KEY),
        ServiceKeys(clock, OTHER_KEY),
    ]
    for before, after in itertools.pairwise(steps):
        assert before.find(after.make("p1")) is not None
        assert after.find(before.make("p1")) is not None
    assert steps[0].find(steps[3].make("p1")) is None


def test_a_service_knows_them_by_its_setting_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = MovableClock()
    made = ServiceKeys(clock, KEY).make("p1")
    bus = cast(Bus, None)
    assert service_keys(ServiceConfig(), clock) is None
    assert Credentials(bus).find(made) is None
    monkeypatch.setenv("SCORELINE_X_SERVICE_KEY", KEY.decode())
    keys = service_keys(load(ServiceConfig, "SCORELINE_X_"), clock)
    found = Credentials(bus, keys).find(made)
    assert found is not None
    assert found.project_id == "p1"
    monkeypatch.setenv("SCORELINE_X_SERVICE_KEY", OTHER_KEY.decode())
    monkeypatch.setenv("SCORELINE_X_PREVIOUS_SERVICE_KEY", KEY.decode())
    keys = service_keys(load(ServiceConfig, "SCORELINE_X_"), clock)
    assert Credentials(bus, keys).find(made) == found


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"SERVICE_KEY": "hunter2"}, ["SERVICE_KEY"]),
        ({"PREVIOUS_SERVICE_KEY": "p" * 32}, ["PREVIOUS_SERVICE_KEY"]),
        (
            {"SERVICE_KEY": "hunter2", "PREVIOUS_SERVICE_KEY": "hunter2"},
            ["SERVICE_KEY", "PREVIOUS_SERVICE_KEY"],
        ),
    ],
)
def test_bad_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], named: list[str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"SCORELINE_X_{name}", value)
    with pytest.raises(InvalidConfig) as raised:
        load(ServiceConfig, "SCORELINE_X_")
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"SCORELINE_X_{name}" for name in named]
    assert "hunter2" not in str(raised.value)
