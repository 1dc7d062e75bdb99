"""Settings of notify, prefix SCORELINE_NOTIFY_. The rooms that hold changes for watchers are sized here."""

from pydantic import Field, SecretStr

from services.shared.config import DatabaseConfig, ServiceConfig


class NotifyConfig(ServiceConfig, DatabaseConfig):
    """What notify needs besides what every service needs."""

    token_key: SecretStr = Field(min_length=32)
    """Signs resume tokens. The same on every process of notify; at least 32 random characters."""

    previous_token_key: SecretStr | None = Field(default=None, min_length=32)
    """The key before the last change of `token_key`: its tokens are still taken. Drop it after 7 days, when they are
    too old to resume from anyway."""

    secret_keys: SecretStr = Field(min_length=32)
    """Encrypts the secrets of webhook endpoints in the database. To change it put the new one first, a comma, and the
    old one, which then only decrypts."""

    scoring_target: str = Field(default="127.0.0.1:50051", pattern=r"^.+:\d+$")
    """Scoring's gRPC address; asked for the leads of a snapshot."""

    ring_messages_max: int = Field(default=20_000, ge=1)
    """Newest changes kept in memory: a watcher that was away for a moment catches up without asking the broker."""

    ring_bytes_max: int = Field(default=64 * 1024 * 1024, ge=64 * 1024)
    """Encoded size of those changes; in memory they take about four times as much."""

    warm_up_messages: int = Field(default=5_000, ge=0)
    """Newest changes read into the ring at start, for the watchers that were cut off when the process before went."""

    queue_messages_max: int = Field(default=2_000, ge=2)
    """Changes that wait for one watcher. One that is further behind is cut off and resumes at its own pace."""

    watchers_max: int = Field(default=10_000, ge=1)
    """Watchers of one process; more are refused."""

    filters_max: int = Field(default=1_000, ge=1)
    """Different CEL filters of a process's watchers; more are refused. Each is evaluated for every change of a project
    that has a watcher with it, in some 5 microseconds."""

    boards_max: int = Field(default=500, ge=1)
    """Different leaderboards watched on a process (project, stages, places); more are refused. Watchers of the same one
    share it."""

    board_readers_max: int = Field(default=8, ge=1)
    """Leaderboards read from scoring at once; a reading takes some milliseconds. Others wait their turn, and are
    told of a later board."""

    snapshot_leads_held_max: int = Field(default=1_000_000, ge=1)
    """Versions of snapshot leads held for all watchers of a process together, about 200 bytes each."""

    catch_up_readers_max: int = Field(default=32, ge=1)
    """Readers of older changes at work at once. Each reads one page and is gone; further watchers wait their turn."""

    broker_silence_max_s: float = Field(default=15.0, gt=6)
    """Watchers are told UNAVAILABLE when the broker has been silent for so long. A restart of the broker takes less;
    above the 5 s it takes to notice a lost pull request."""
