"""The wiring of rules."""

from scoreline.rules.v1 import rules_service_pb2_grpc
from services.rules import golden_tests, presets
from services.rules.config import RulesConfig
from services.rules.handlers import Installer, Rules
from services.rules.servicer import RulesServicer
from services.rules.store import PostgresStore
from services.rules.tables import outbox
from services.rules.worker import RULES_STREAM, STREAM, ProjectFollower
from services.shared.clock import SystemClock
from services.shared.db import Database
from services.shared.outbox import OutboxRelay
from services.shared.service import Service, run


def main() -> None:
    """Run the service."""
    run("rules", RulesConfig, build)


async def build(service: Service, config: RulesConfig) -> None:
    """Put the parts together."""
    database = await Database.connect(config, "rules", config.startup_timeout_s)
    service.resources.push_async_callback(database.close)
    service.health.depends_on("database", database.reachable)
    await service.bus.ensure_stream(RULES_STREAM, config.startup_timeout_s)

    relay = OutboxRelay(database, service.bus, outbox, STREAM, "rules_outbox", atomic=True)
    service.add_loop("outbox", relay.run, relay.stop)
    store, clock = PostgresStore(database), SystemClock()
    known = presets.load_all()
    installer = Installer(store, clock, known[config.default_preset], relay.nudge)
    follower = ProjectFollower(service.bus, installer)

    async def follow() -> None:
        await follower.run(loop.settled)

    loop = service.add_loop("projects", follow)
    channel = golden_tests.connect(config.scoring_target)
    service.resources.push_async_callback(channel.close)
    tests = golden_tests.ScoringTests(channel)
    rules = Rules(store, clock, installer, relay.nudge, known, tests)
    rules_service_pb2_grpc.add_RulesServiceServicer_to_server(RulesServicer(rules), service.server)
