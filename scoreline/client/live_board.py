"""A leaderboard put together from what `watch_leaderboard` says."""

from __future__ import annotations

from collections.abc import Sequence

from scoreline.notify.v1.notify_service_pb2 import (
    LeaderboardChangeKind,
    LeaderboardPlace,
    WatchLeaderboardResponse,
)


class LiveBoard:
    """The board as of the last message.

    board = scoreline.LiveBoard()
    for message in client.watch_leaderboard():
        board.take(message)
        print(board.places)
    """

    def __init__(self) -> None:
        self._places: dict[str, LeaderboardPlace] = {}

    def take(self, message: WatchLeaderboardResponse) -> None:
        """Apply a message."""
        kind = message.WhichOneof("message")
        if kind == "board":
            self._places = {place.lead_id: place for place in message.board.places}
        elif kind == "update":
            for change in message.update.changes:
                if change.kind == LeaderboardChangeKind.LEADERBOARD_CHANGE_KIND_LEFT:
                    self._places.pop(change.place.lead_id, None)
                else:
                    self._places[change.place.lead_id] = change.place

    @property
    def places(self) -> Sequence[LeaderboardPlace]:
        """The leaders in order."""
        return sorted(self._places.values(), key=lambda place: place.position)
