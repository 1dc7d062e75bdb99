"""Settings of ingest: `SCORELINE_INGEST_<NAME>` for each field here and in ServiceConfig."""

from pydantic import Field, SecretStr

from services.shared.config import DatabaseConfig, ServiceConfig
from services.shared.publishing import BATCH_MESSAGES_MAX, FEW_MESSAGES_MAX

BATCHES_PER_STREAM_MAX = 50
"""The server refuses more atomic batches at once on one stream."""


class IngestConfig(ServiceConfig, DatabaseConfig):
    """What ingest needs besides."""

    nats_monitor_url: str | None = Field(default=None, pattern=r"^https?://.+$")
    """Where the broker's monitoring answers (`http://host:8222`): asked at start whether it fsyncs every write."""

    allow_unsynced_broker: bool = False
    """Serve although the broker is not known to fsync every write: acknowledged events may then be lost with the
    power."""

    secret_keys: SecretStr = Field(min_length=32)
    """Encrypts the secrets of webhook sources in the database. To change it put the new one first, a comma, and the old
    one, which then only decrypts."""

    events_bytes_max: int = Field(default=4 * 1024**3, ge=64 * 1024)
    """Most bytes the EVENTS stream may hold; beyond, events are refused with RESOURCE_EXHAUSTED until old ones go."""

    gather_ms_max: float = Field(default=10.0, ge=0, le=100)
    """Longest an event waits for company while a batch is on its way; when none is, it leaves at once. One stream
    commits its batches one after the other, so sending a small one sooner gains nothing: the wait usually ends earlier,
    with the batch before. This bounds it when that one is slow."""

    batch_events_max: int = Field(default=500, ge=1, le=BATCH_MESSAGES_MAX)
    """Most events in one atomic batch: beyond a few hundred, the fsyncs they share no longer count."""

    few_events_max: int = Field(default=FEW_MESSAGES_MAX, ge=1, le=100)
    """So many or fewer are stored one by one, all on their way at once, which takes less time than a batch of them."""

    batch_bytes_max: int = Field(default=4 * 1024**2, ge=64 * 1024)
    """Most bytes in one atomic batch: the broker holds it in memory until it is complete."""

    batches_in_flight_max: int = Field(default=4, ge=1, le=BATCHES_PER_STREAM_MAX // 4)
    """Atomic batches of this process on their way at once. The broker takes 50 from all processes together."""

    intake_events_max: int = Field(default=20_000, ge=1_000)
    """Most events waiting for their acknowledgement; beyond, events are refused with RESOURCE_EXHAUSTED. Two thirds of
    a second of the broker's throughput: what would wait longer had better come again."""

    intake_bytes_max: int = Field(default=64 * 1024**2, ge=1024**2)
    """Most bytes of them: bounds memory whatever the size of events."""
