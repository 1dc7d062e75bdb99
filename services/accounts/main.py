"""The wiring of accounts."""

from scoreline.accounts.v1 import accounts_service_pb2_grpc
from services.accounts.config import AccountsConfig
from services.accounts.errors import KeyTaken
from services.accounts.handlers import Accounts
from services.accounts.servicer import AccountsServicer
from services.accounts.store import PostgresStore
from services.accounts.tables import outbox
from services.accounts.worker import BUCKET_STREAM, BucketAnnouncer, SystemMint
from services.shared.clock import SystemClock
from services.shared.credentials import STREAM
from services.shared.db import Database
from services.shared.outbox import OutboxRelay
from services.shared.service import Service, run


def main() -> None:
    """Run the service."""
    run("accounts", AccountsConfig, build)


async def build(service: Service, config: AccountsConfig) -> None:
    """Put the parts together."""
    database = await Database.connect(config, "accounts", config.startup_timeout_s)
    service.resources.push_async_callback(database.close)
    service.health.depends_on("database", database.reachable)
    await service.bus.ensure_stream(BUCKET_STREAM, config.startup_timeout_s)

    relay = OutboxRelay(database, service.bus, outbox, STREAM, "accounts_outbox", atomic=False)
    service.add_loop("outbox", relay.run, relay.stop)
    accounts = Accounts(
        PostgresStore(database),
        SystemClock(),
        SystemMint(),
        BucketAnnouncer(relay, service.credentials),
        config.operator_project_id,
    )
    accounts_service_pb2_grpc.add_AccountsServiceServicer_to_server(
        AccountsServicer(accounts), service.server
    )
    if config.bootstrap_key is not None:
        await _let_operator_in(service, accounts, config, config.bootstrap_key.get_secret_value())


async def _let_operator_in(
    service: Service, accounts: Accounts, config: AccountsConfig, bootstrap_key: str
) -> None:
    try:
        kept = await accounts.ensure_operator(config.operator_display_name, bootstrap_key)
    except KeyTaken as error:
        raise SystemExit(
            f"SCORELINE_ACCOUNTS_BOOTSTRAP_KEY: {error}: set a key that was never used"
        ) from error
    arrived = kept.revoke_time is not None

    async def key_works() -> bool:
        # Serving means that the operator gets in: who waited for it need not try again.
        nonlocal arrived
        arrived = arrived or service.credentials.find(bootstrap_key) is not None
        return arrived

    service.health.depends_on("bootstrap key", key_works)
