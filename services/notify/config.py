"""Settings of notify, prefix SCORELINE_NOTIFY_. The rooms that hold changes for watchers are sized here."""

from ipaddress import IPv4Network, IPv6Network

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from services.notify.domain import mail
from services.notify.domain.retries import AUTOMATION_SCHEDULE_S, SCHEDULE_S
from services.notify.endpoint_lookup import name_server
from services.shared.config import DatabaseConfig, ServiceConfig

RETRIES_MAX = 30
RETRY_DELAY_S_MAX = 86_400


class NotifyConfig(ServiceConfig, DatabaseConfig):
    """What notify needs besides what every service needs."""

    token_key: SecretStr = Field(min_length=32)
    """Signs resume tokens. The same on every process of notify; at least 32 random characters."""

    previous_token_key: SecretStr | None = Field(default=None, min_length=32)
    """The key before the last change of `token_key`: its tokens are still taken. Drop it after 7 days, when they are
    too old to resume from anyway."""

    service_key: SecretStr = Field(min_length=32)
    """As in ServiceConfig, but required: automations read leads in their projects' name."""

    secret_keys: SecretStr = Field(min_length=32)
    """Encrypts the secrets of webhook endpoints in the database. To change it put the new one first, a comma, and the
    old one, which then only decrypts."""

    scoring_target: str = Field(default="127.0.0.1:50051", pattern=r"^.+:\d+$")
    """Scoring's gRPC address; asked for the leads of a snapshot."""

    ring_messages_max: int = Field(default=20_000, ge=1)
    """Newest changes kept in memory: a watcher that was away for a moment catches up without asking the broker."""

    ring_bytes_max: int = Field(default=64 * 1024 * 1024, ge=64 * 1024)
    """Encoded size of those changes; in memory they take about four times as much."""

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

    allow_private_targets: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that webhooks may be sent to although they are not public: a JSON list, e.g. `["10.1.0.0/16"]`. Whoever
    has a key of the scope admin can have notify send requests there."""

    allow_http_targets: bool = False
    """Whether webhooks may be sent to `http://`, in the clear."""

    nameservers: tuple[str, ...] = ()
    """Name servers that are asked for the hosts of webhooks, instead of the operating system's resolver, which may know
    names of the operator's own network: a JSON list of addresses, with a port where it is not 53, e.g. `["9.9.9.9",
    "[2620:fe::9]:53"]`. They must resolve names in full."""

    delivery_timeout_s: float = Field(default=15.0, ge=0.1, le=60)
    """An attempt is over then, answer and all."""

    deliveries_in_flight_max: int = Field(default=256, ge=1, le=1_000)
    """Attempts of this process on their way at once."""

    automation_retry_schedule_s: tuple[float, ...] = AUTOMATION_SCHEDULE_S
    """Seconds after the first, second ... failed attempt of an automation's actions: a JSON list. When it is at its end
    the execution has failed."""

    retry_schedule_s: tuple[float, ...] = SCHEDULE_S
    """Seconds after the first, second ... failed attempt of a delivery: a JSON list. When it is at its end the delivery
    has failed."""

    smtp_url: SecretStr | None = None
    """Where automations hand in e-mails: `smtp+starttls://user:password@host:587` (STARTTLS, or nothing is sent),
    `smtps://` (TLS from the beginning, port 465) or `smtp://` (STARTTLS where it is offered, and always with a login;
    port 25). Without it, or empty, no automation can send e-mails."""

    smtp_from: str = Field(default="", validate_default=True)
    """Whom these e-mails come from: `Scoreline <alerts@example.com>`. Required with `smtp_url`."""

    smtp_timeout_s: float = Field(default=20.0, ge=0.1, le=25)
    """Handing in an e-mail takes at most so long."""

    hubspot_url: str = Field(default="https://api.hubapi.com", pattern=r"^https?://[^/]+$")
    """Where HubSpot's API is."""

    action_timeout_s: float = Field(default=10.0, ge=0.1, le=12)
    """A request to Slack, HubSpot or Salesforce is over then, answer and all. An action may need several, and is given
    30 s."""

    @field_validator("nameservers")
    @classmethod
    def _name_servers(cls, written: tuple[str, ...]) -> tuple[str, ...]:
        for one in written:
            name_server(one)
        return written

    @field_validator("retry_schedule_s", "automation_retry_schedule_s")
    @classmethod
    def _schedule(cls, delays_s: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(delays_s) <= RETRIES_MAX or any(
            not 0 <= one <= RETRY_DELAY_S_MAX for one in delays_s
        ):
            raise ValueError(f"must be 1 to {RETRIES_MAX} delays of 0 to {RETRY_DELAY_S_MAX} s")
        return delays_s

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value():
            return None
        mail.mail_server(url.get_secret_value())
        return url

    @field_validator("smtp_from")
    @classmethod
    def _sender(cls, written: str, info: ValidationInfo) -> str:
        if written or info.data.get("smtp_url") is not None:
            mail.sender(written)
        return written
