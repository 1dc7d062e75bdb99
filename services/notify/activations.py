"""Activations of rules, as the stream RULES has them, and as webhook endpoints are told of them. Each has a message of
its own there, for ever, so none is missed however long notify was away."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from sqlalchemy.ext.asyncio import AsyncConnection

from scoreline.rules.v1.rule_set_pb2 import Activation
from services.notify.domain.endpoints import RULES_ACTIVATED, Told
from services.notify.planning import Source
from services.notify.stream import WholeStream
from services.notify.telling import tell
from services.shared import logs
from services.shared.bus import Bus
from services.shared.clock import Clock
from services.shared.consuming import Delivery
from services.shared.times import to_datetime

log = logs.get("activations")

STREAM = "RULES"
"""Made by rules."""

SUBJECT_ROOT = "rules"
"""Subjects are `rules.<project>.<number>`."""

READER_WINDOW = 20
"""Messages asked for at a time: each holds a whole rule set, up to 1 MB."""

TOLD_WITHIN = timedelta(days=7)
"""As long as score changes can be told of. Deliveries, by whose ids a repetition is known, are kept for longer than
that, so a stream that was restored from a backup has nothing told twice."""


def source(bus: Bus) -> Source[Told]:
    """The stream RULES, to be planned from."""
    stream = WholeStream(bus, STREAM, SUBJECT_ROOT, READER_WINDOW)
    return Source("rules", stream, read, TOLD_WITHIN)


def read(message: Msg, place: Delivery) -> Told | None:
    """The activation in a message; None when there is none in it, which is a defect of whoever published it."""
    try:
        activation = Activation.FromString(message.data)
        told = activated(activation)
    except (DecodeError, ValueError, OverflowError) as error:
        log.error("not an activation", sequence=place.stream_sequence, exc_info=error)
        return None
    if message.subject != f"{SUBJECT_ROOT}.{activation.project_id}.{activation.number}":
        log.error("activation on a wrong subject", sequence=place.stream_sequence)
        return None
    return told


def activated(activation: Activation) -> Told:
    """What is told of an activation. Raises OverflowError or ValueError for a time that is none."""
    return Told(
        activation.project_id,
        RULES_ACTIVATED,
        "",
        # With the time: when the database of rules was restored from a backup, numbers are given out again.
        f"{activation.number} {activation.activate_time.ToJsonString()}",
        to_datetime(activation.activate_time),
        {
            "number": activation.number,
            "version": activation.version,
            "description": activation.rule_set.description,
            "effective_time": activation.effective_time.ToJsonString(),
            "activate_time": activation.activate_time.ToJsonString(),
            "actor": activation.actor,
        },
    )


class ActivationPlan:
    """A planning.Plan. `nudge` is called when there is something to send."""

    def __init__(self, clock: Clock, nudge: Callable[[], None]) -> None:
        self._clock = clock
        self._nudge = nudge

    async def wanted(self, connection: AsyncConnection) -> bool:
        """Activations are rare: reading them costs nothing."""
        return True

    async def plan(self, connection: AsyncConnection, events: Sequence[Told]) -> None:
        """Write the deliveries of some activations."""
        await tell(connection, events, self._clock.now())

    def planned(self) -> None:
        """There may be something to send."""
        self._nudge()
