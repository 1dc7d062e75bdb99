"""Messages of automations on the broker, for whoever listens there: CloudEvents in the stream AUTOMATIONS. Subjects
have nothing of a lead; who it is stands in the message."""

import json
from collections.abc import Mapping
from typing import Any

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from services.notify.domain.actions import Occasion, Outcome, Publish
from services.shared.bus import Bus
from services.shared.publishing import (
    OutgoingMessage,
    PublishError,
    PublishRejected,
    publish_one,
)

STREAM = "AUTOMATIONS"

KEPT_S = 7 * 86_400.0
"""As long as what waits to be carried out, and as the other streams."""

BYTES_MAX = 1024**3
"""Nobody may be listening: then the oldest go."""

MESSAGE_BYTES_MAX = 512 * 1024
"""A lead has 64 KiB of attributes at most, a digest 400 lines."""

DUPLICATE_WINDOW_S = 600.0
"""An attempt whose acknowledgement was lost is repeated after 5 s, then after 5 min; later repetitions are told by the
CloudEvent's id."""

AUTOMATIONS_STREAM = StreamConfig(
    name=STREAM,
    description="What automations publish",
    subjects=["automations.>"],
    retention=RetentionPolicy.LIMITS,
    storage=StorageType.FILE,
    discard=DiscardPolicy.OLD,
    max_age=KEPT_S,
    max_bytes=BYTES_MAX,
    max_msg_size=MESSAGE_BYTES_MAX,
    duplicate_window=DUPLICATE_WINDOW_S,
    allow_direct=True,
)

TYPE = "scoreline.automation.executed"

_TOO_LARGE = 10054
"""JetStream error: the message is larger than the stream takes."""


class Publishing:
    """A Doing of messages on the broker. The stream must be there."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def check(self, action: Publish) -> list[tuple[str, str]]:
        """Nothing: what a subject may be is checked when it is read."""
        return []

    def preview(self, action: Publish, occasion: Occasion) -> Mapping[str, Any]:
        """What would be published."""
        return {"subject": _subject(action, occasion), "event": _event(occasion)}

    async def do(self, action: Publish, occasion: Occasion) -> Outcome:
        """Publish it."""
        message = OutgoingMessage(
            _subject(action, occasion),
            json.dumps(_event(occasion), ensure_ascii=False, separators=(",", ":")).encode(),
            f"{occasion.execution_id}:{action.subject}",
        )
        try:
            await publish_one(self._bus, message)
        except PublishRejected as error:
            return Outcome(
                error=f"the broker refuses it: {error}", permanent=error.code == _TOO_LARGE
            )
        except PublishError as error:
            return Outcome(error=f"the broker can't be reached: {error}")
        return Outcome(detail="published")


def _subject(action: Publish, occasion: Occasion) -> str:
    return f"automations.{occasion.project_id}.{action.subject}"


def _event(occasion: Occasion) -> dict[str, Any]:
    """The CloudEvent (JSON format, structured mode)."""
    about = {"lead": occasion.lead, "change": occasion.change, "digest": occasion.digest}
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": occasion.execution_id,
        "source": f"/projects/{occasion.project_id}/automations/{occasion.automation_id}",
        "type": TYPE,
        "time": occasion.time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "automation_id": occasion.automation_id,
            "automation_name": occasion.automation_name,
            "execution_id": occasion.execution_id,
            "trigger": occasion.trigger,
            "bucket": occasion.bucket,
            **{name: value for name, value in about.items() if value is not None},
        },
    }
    if occasion.lead_id:
        event["subject"] = occasion.lead_id
    return event
