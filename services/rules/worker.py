"""The RULES stream, and following the projects that accounts makes."""

from collections.abc import Callable

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from scoreline.accounts.v1 import account_pb2
from services.rules.convert import SUBJECT_PREFIX
from services.rules.handlers import Installer
from services.shared import credentials
from services.shared.bus import Bus
from services.shared.consuming import StreamReader

STREAM = "RULES"

DUPLICATE_WINDOW_S = 120.0

READ_BATCH = 500
"""Projects looked up together."""

RULES_STREAM = StreamConfig(
    name=STREAM,
    description="Activations of rule sets, complete, for ever: rules.<project>.<number>",
    subjects=[f"{SUBJECT_PREFIX}>"],
    storage=StorageType.FILE,
    retention=RetentionPolicy.LIMITS,
    discard=DiscardPolicy.NEW,
    max_msgs_per_subject=1,
    duplicate_window=DUPLICATE_WINDOW_S,
    allow_atomic=True,
    allow_direct=True,
)


class ProjectFollower:
    """Installs the preset for every project, those made before this process started included."""

    def __init__(self, bus: Bus, installer: Installer) -> None:
        self._bus = bus
        self._installer = installer

    async def run(self, settled: Callable[[], None]) -> None:
        """Read all projects, then follow new ones for ever; calls `settled` whenever some were dealt with. After a
        failure run it again: it starts from the first project, and installing twice changes nothing."""
        reader = StreamReader(
            self._bus,
            credentials.STREAM,
            credentials.PROJECT_SUBJECT + ">",
            0,
            READ_BATCH,
            last_per_subject=True,
        )
        try:
            while True:
                entries = await reader.take(READ_BATCH)
                projects = [account_pb2.Project.FromString(message.data) for message, _ in entries]
                await self._installer.install([project.project_id for project in projects])
                settled()
        finally:
            await reader.close()
