"""Settings: every bad value is reported at once, by name, without repeating what may be secret."""

import pytest

from services.shared.config import DatabaseConfig, InvalidConfig, ServiceConfig, load


class Both(ServiceConfig, DatabaseConfig):
    pass


def test_reads_the_environment_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORELINE_X_LISTEN", "0.0.0.0:5000")
    monkeypatch.setenv("SCORELINE_X_DATABASE_URL", "postgresql://u:p@h/d")
    config = load(Both, "SCORELINE_X_")
    assert config.listen == "0.0.0.0:5000"
    assert config.database_url.get_secret_value() == "postgresql://u:p@h/d"


def test_names_every_bad_variable_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORELINE_X_LISTEN", "nonsense-hunter2")
    monkeypatch.setenv("SCORELINE_X_DRAIN_TIMEOUT_S", "-1")
    with pytest.raises(InvalidConfig) as raised:
        load(Both, "SCORELINE_X_")
    lines = str(raised.value).splitlines()
    assert {line.split(":")[0] for line in lines} == {
        "SCORELINE_X_LISTEN",
        "SCORELINE_X_DRAIN_TIMEOUT_S",
        "SCORELINE_X_DATABASE_URL",
    }
    assert "hunter2" not in str(raised.value)


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORELINE_X_DATABASE_URL", "postgresql://u:p@h/d")
    config = load(Both, "SCORELINE_X_")
    with pytest.raises(ValueError, match="frozen"):
        config.listen = "1.2.3.4:1"
