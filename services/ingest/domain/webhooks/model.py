"""A webhook source and its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Kind(Enum):
    """How a delivery proves itself; the names of the contract's WebhookVerification.Kind, in lower case."""

    STANDARD_WEBHOOKS = "standard_webhooks"
    GITHUB = "github"
    STRIPE = "stripe"
    SLACK = "slack"
    HMAC = "hmac"
    BEARER = "bearer"
    HUBSPOT = "hubspot"
    MAILGUN = "mailgun"
    SENDGRID = "sendgrid"
    NONE = "none"


class Encoding(Enum):
    """How a signature is written."""

    HEX = "hex"
    BASE64 = "base64"


class Digest(Enum):
    """The hash of an HMAC; the values are hashlib's names."""

    SHA256 = "sha256"
    SHA1 = "sha1"


class FailureAnswer(Enum):
    """What the sender of a delivery that can't be mapped is told."""

    ACCEPT = "accept"
    REFUSE = "refuse"


SENDERS_SECRET = frozenset({Kind.STRIPE, Kind.SLACK, Kind.HUBSPOT, Kind.MAILGUN, Kind.SENDGRID})
"""Kinds whose sender makes the secret."""

TOLERANCE_S_DEFAULT = 300.0
TOLERANCE_S_MAX = 86_400.0


@dataclass(frozen=True, slots=True)
class Verification:
    """How a delivery proves itself."""

    kind: Kind
    header: str = ""
    """In lower case."""
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    digest: Digest = Digest.SHA256
    tolerance_s: float | None = None
    """None: the default."""
    url: str = ""


EXPRESSIONS = (
    "when",
    "type",
    "event_id",
    "lead_id",
    "email",
    "anonymous_id",
    "external_id",
    "occur_time",
    "properties",
    "attributes",
)
"""What an event mapping is made of, as the contract names it."""

KEY = "key"
"""And what tells one from another; no expression."""


@dataclass(frozen=True, slots=True)
class WebhookMapping:
    """How a delivery becomes events, as it was written. What is written is checked where it is compiled."""

    items: str
    events: tuple[Mapping[str, str], ...]
    """Of each event: the expressions that are not empty, by their names in EXPRESSIONS; and its KEY if it has one."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What of a source is read and written as a whole."""

    verification: Verification
    mapping: WebhookMapping
    preset: str
    failure_answer: FailureAnswer
    event_source: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a source."""

    number: int
    """1, 2, 3 ... in the order they were set."""
    text: str
    """In the clear where deliveries are checked; empty where a source is shown."""
    hint: str
    create_time: datetime
    expire_time: datetime | None
    """None for the newest."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What came of a source's deliveries."""

    accepted: int = 0
    rejected: int = 0
    quarantined: int = 0
    events: int = 0
    last_accept_time: datetime | None = None
    ignored: int = 0

    def plus(self, other: "Counters") -> "Counters":
        """Both together."""
        times = [one.last_accept_time for one in (self, other) if one.last_accept_time]
        return Counters(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.quarantined + other.quarantined,
            self.events + other.events,
            max(times, default=None),
            self.ignored + other.ignored,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A webhook source."""

    source_id: str
    project_id: str
    display_name: str
    definition: Definition
    disabled: bool
    revision: int
    """Counts changes."""
    create_time: datetime
    update_time: datetime
    secrets: tuple[Secret, ...] = ()
    """Those valid when it was read, the newest first."""
    counters: Counters = Counters()
