"""What accounts does: projects and keys. Who may call is decided before (scopes) and here (the operator's project)."""

from services.accounts import errors
from services.accounts.domain.keys import key_id_of
from services.accounts.domain.model import (
    ALL_SCOPES,
    ApiKey,
    KeyChanges,
    KeyTerms,
    Project,
    Scope,
)
from services.accounts.ports import Announcer, KeyMint, ListPosition, Store
from services.shared import logs
from services.shared.clock import Clock
from services.shared.credentials import digest
from services.shared.errors import DependencyUnavailable

log = logs.get("accounts")

VALID_KEYS_MAX = 1_000
"""Valid keys of a project. Every service holds all keys in memory."""

DRAWS_MAX = 3
"""Two keys of a project meet in their 40-bit id once in a billion draws: thrice in a row is a broken generator."""

FIRST_KEY_NAME = "First key"
BOOTSTRAP_KEY_NAME = "Bootstrap key"


class Accounts:
    """The use cases. Each store call is a transaction; what it changed is announced after it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        mint: KeyMint,
        announcer: Announcer,
        operator_project_id: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._mint = mint
        self._announcer = announcer
        self._operator_project_id = operator_project_id

    def require_operator(self, caller_project_id: str) -> None:
        """Raises OperatorOnly for a caller of any other project."""
        if caller_project_id != self._operator_project_id:
            raise errors.OperatorOnly

    async def create_project(
        self, caller_project_id: str, project_id: str, display_name: str
    ) -> tuple[Project, ApiKey, str]:
        """A new project, its first key and that key's secret. Raises OperatorOnly, ProjectExists."""
        self.require_operator(caller_project_id)
        project = Project(project_id, display_name, self._clock.now())
        for draw in range(1, DRAWS_MAX + 1):
            terms = KeyTerms(FIRST_KEY_NAME, (), None)
            key, secret = self._new_key(project_id, terms, ALL_SCOPES)
            try:
                await self._store.add_project(project, key)
                break
            except errors.KeyTaken:
                if draw == DRAWS_MAX:
                    raise
        await self._announce(key)
        return project, key, secret

    async def get_project(self, project_id: str) -> Project:
        """The project. Raises ProjectNotFound."""
        project = await self._store.project(project_id)
        if project is None:
            raise errors.ProjectNotFound(project_id)
        return project

    async def create_api_key(
        self, project_id: str, terms: KeyTerms, scopes: frozenset[Scope]
    ) -> tuple[ApiKey, str]:
        """A new key of the project, and its secret. Raises TooManyKeys."""
        for draw in range(1, DRAWS_MAX + 1):
            key, secret = self._new_key(project_id, terms, scopes)
            try:
                await self._store.add_key(key, VALID_KEYS_MAX)
                break
            except errors.KeyTaken:
                if draw == DRAWS_MAX:
                    raise
        await self._announce(key)
        return key, secret

    async def list_api_keys(
        self, project_id: str, after: ListPosition | None, limit: int
    ) -> list[ApiKey]:
        """A page of the project's keys, newest first."""
        return await self._store.keys(project_id, after, limit)

    async def update_api_key(self, project_id: str, key_id: str, changes: KeyChanges) -> ApiKey:
        """The key on its new terms. Raises ApiKeyNotFound."""
        key = await self._store.update_key(project_id, key_id, changes)
        if key is None:
            raise errors.ApiKeyNotFound(key_id)
        await self._announce(key)
        return key

    async def revoke_api_key(self, project_id: str, key_id: str) -> ApiKey:
        """The key, revoked. Raises ApiKeyNotFound, and DependencyUnavailable when the revocation is kept but could not
        be confirmed to have reached the services."""
        key = await self._store.revoke_key(project_id, key_id, self._clock.now())
        if key is None:
            raise errors.ApiKeyNotFound(key_id)
        if not await self._announcer.announce(key):
            raise DependencyUnavailable(
                "the key is revoked, but the services could not be told yet: repeat the call to be sure"
            )
        log.info("key revoked", project=project_id, key=key_id)
        return key

    async def ensure_operator(self, display_name: str, bootstrap_key: str) -> ApiKey:
        """The operator's project and its bootstrap key, made where they are missing. Raises KeyTaken, and ValueError
        for a key that is not written as one."""
        key_id = key_id_of(bootstrap_key)
        if key_id is None:
            raise ValueError("not an API key")
        now = self._clock.now()
        project = Project(self._operator_project_id, display_name, now)
        key = ApiKey(
            project_id=project.project_id,
            key_id=key_id,
            key_hash=digest(bootstrap_key),
            display_name=BOOTSTRAP_KEY_NAME,
            scopes=ALL_SCOPES,
            create_time=now,
        )
        kept = await self._store.ensure_operator(project, key)
        if kept.revoke_time is not None:
            log.warning("the bootstrap key is revoked: set a new one", key=kept.key_id)
        return kept

    def _new_key(
        self, project_id: str, terms: KeyTerms, scopes: frozenset[Scope]
    ) -> tuple[ApiKey, str]:
        secret = self._mint.draw()
        key_id = key_id_of(secret)
        if key_id is None:
            raise ValueError("the mint drew something that is not a key")
        key = ApiKey(
            project_id=project_id,
            key_id=key_id,
            key_hash=digest(secret),
            display_name=terms.display_name,
            scopes=scopes,
            create_time=self._clock.now(),
            allowed_origins=terms.allowed_origins,
            requests_per_minute=terms.requests_per_minute,
        )
        return key, secret

    async def _announce(self, key: ApiKey) -> None:
        # The secret of a new key is shown only now, so a broker that is away must not cost the caller the key: what is
        # kept reaches the services later.
        if not await self._announcer.announce(key):
            log.warning("key not announced yet", project=key.project_id, key=key.key_id)
