"""Settings of scoring, from variables with the prefix SCORELINE_SCORING_."""

from pydantic import Field

from services.shared.config import DatabaseConfig, ServiceConfig


class ScoringConfig(ServiceConfig, DatabaseConfig):
    """What scoring needs besides what every service does."""

    database_pool_size: int = Field(default=24, ge=12, le=100)
    """Most connections held open, as they are needed. Of 24, eight are the loops' (the two relays, rescoring and
    fading hold one each for their locks, the latter two another for a step; events and rules one each), eight those of
    what takes long (three analytics, two exports, a simulation, a verification, a replay); the rest is for short calls.
    """

    batch_events_max: int = Field(default=1_000, ge=1, le=5_000)
    """Events scored in one transaction at most."""

    ack_wait_s: float = Field(default=10.0, ge=1)
    """The broker delivers an event again, to any process, when it was not acknowledged for so long."""

    scores_kept_s: float = Field(default=7 * 86_400.0, gt=0)
    """How long score changes stay in the stream: how far back a watcher may resume."""
