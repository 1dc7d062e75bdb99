"""The use cases on a store in memory."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from services.accounts import errors
from services.accounts.domain.model import ALL_SCOPES, ApiKey, KeyChanges, KeyTerms, Scope
from services.accounts.handlers import DRAWS_MAX, Accounts
from services.shared.errors import DependencyUnavailable
from tests.support.accounts_store import InMemoryStore
from tests.support.clocks import SteppingClock


class CountingMint:
    """Draws keys in order; `stuck` makes it draw one again and again."""

    def __init__(self) -> None:
        self.drawn = 0
        self.stuck = 0

    def draw(self) -> str:
        self.drawn += 1
        if self.stuck:
            self.stuck -= 1
        number = self.drawn if not self.stuck else 0
        digits = "abcdefghij"
        key_id = "".join(digits[int(digit)] for digit in f"{number:08}")
        return f"sl_{key_id}_{number:032}"


class RecordingAnnouncer:
    """Remembers what was announced."""

    def __init__(self) -> None:
        self.announced: list[tuple[str, bool]] = []
        self.arrives = True

    async def announce(self, key: ApiKey) -> bool:
        self.announced.append((key.key_hash, key.revoke_time is None))
        return self.arrives


class Room:
    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.mint = CountingMint()
        self.announcer = RecordingAnnouncer()
        self.accounts = Accounts(self.store, SteppingClock(), self.mint, self.announcer, "operator")


@pytest.fixture
def room() -> Room:
    return Room()


def terms(display_name: str = "", **changes: object) -> KeyTerms:
    return replace(KeyTerms(display_name, (), None), **changes)  # type: ignore[arg-type]


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def test_a_project_comes_with_a_key_of_all_scopes(room: Room) -> None:
    project, key, secret = await room.accounts.create_project("operator", "acme", "Acme")
    assert (project.project_id, project.display_name) == ("acme", "Acme")
    assert key.scopes == ALL_SCOPES
    assert key.key_hash == sha256(secret)
    assert key.key_id == f"key_{secret[3:11]}"
    assert room.announcer.announced == [(key.key_hash, True)]
    assert await room.accounts.get_project("acme") == project


async def test_only_the_operator_makes_projects(room: Room) -> None:
    with pytest.raises(errors.OperatorOnly):
        await room.accounts.create_project("acme", "other", "")
    assert room.store.projects == {}


async def test_no_secret_is_kept(room: Room) -> None:
    _, _, secret = await room.accounts.create_project("operator", "acme", "Acme")
    kept = repr((room.store.projects, room.store.api_keys, room.store.outbox))
    assert secret not in kept
    assert secret[12:] not in kept


async def test_a_taken_key_id_is_drawn_anew(room: Room) -> None:
    room.mint.stuck = 3
    _, first, _ = await room.accounts.create_project("operator", "acme", "")
    key, _ = await room.accounts.create_api_key("acme", terms("second"), frozenset({Scope.READ}))
    assert key.key_id != first.key_id
    assert room.mint.drawn == 3


async def test_a_mint_that_draws_the_same_for_ever_fails(room: Room) -> None:
    room.mint.stuck = 100
    await room.accounts.create_project("operator", "acme", "")
    with pytest.raises(errors.KeyTaken):
        await room.accounts.create_api_key("acme", terms("second"), frozenset({Scope.READ}))
    assert room.mint.drawn == 1 + DRAWS_MAX


async def test_a_key_is_handed_out_even_when_it_can_not_be_announced_yet(room: Room) -> None:
    room.announcer.arrives = False
    _, _, secret = await room.accounts.create_project("operator", "acme", "")
    assert secret


async def test_a_revocation_that_can_not_be_announced_is_not_confirmed(room: Room) -> None:
    _, key, _ = await room.accounts.create_project("operator", "acme", "")
    room.announcer.arrives = False
    with pytest.raises(DependencyUnavailable):
        await room.accounts.revoke_api_key("acme", key.key_id)
    room.announcer.arrives = True
    again = await room.accounts.revoke_api_key("acme", key.key_id)
    assert again.revoke_time is not None
    assert room.announcer.announced[-1] == (key.key_hash, False)


async def test_another_projects_key_is_not_found(room: Room) -> None:
    _, key, _ = await room.accounts.create_project("operator", "acme", "")
    await room.accounts.create_project("operator", "other", "")
    with pytest.raises(errors.ApiKeyNotFound):
        await room.accounts.revoke_api_key("other", key.key_id)
    assert room.store.api_keys["acme", key.key_id].revoke_time is None


async def test_a_key_of_a_project_that_is_gone_finds_no_project(room: Room) -> None:
    with pytest.raises(errors.ProjectNotFound):
        await room.accounts.get_project("acme")


async def test_the_operator_gets_in_with_the_bootstrap_key(room: Room) -> None:
    secret = "sl_abcdefgh_" + "x" * 32
    kept = await room.accounts.ensure_operator("Default", secret)
    assert kept.key_hash == sha256(secret)
    assert kept.scopes == ALL_SCOPES
    assert await room.accounts.ensure_operator("Other", secret) == kept
    assert (await room.accounts.get_project("operator")).display_name == "Default"
    with pytest.raises(ValueError, match="not an API key"):
        await room.accounts.ensure_operator("Default", "hunter2")


async def test_a_key_has_its_terms_and_changes_them(room: Room) -> None:
    await room.accounts.create_project("operator", "acme", "")
    origins = ("https://www.example.com",)
    key, _ = await room.accounts.create_api_key(
        "acme", terms("page", allowed_origins=origins), frozenset({Scope.TRACK})
    )
    assert (key.allowed_origins, key.requests_per_minute, key.request_limit) == (origins, None, 100)
    changes = KeyChanges(frozenset({"requests_per_minute"}), terms("", requests_per_minute=7))
    changed = await room.accounts.update_api_key("acme", key.key_id, changes)
    assert changed == replace(key, requests_per_minute=7)
    assert (changed.version, changed.request_limit) == (2, 7)
    assert room.announcer.announced[-1] == (key.key_hash, True)
    with pytest.raises(errors.ApiKeyNotFound):
        await room.accounts.update_api_key("operator", key.key_id, changes)


async def test_a_revoked_key_has_no_terms_any_more(room: Room) -> None:
    _, key, _ = await room.accounts.create_project("operator", "acme", "")
    await room.accounts.revoke_api_key("acme", key.key_id)
    with pytest.raises(errors.ApiKeyNotFound):
        await room.accounts.update_api_key(
            "acme", key.key_id, KeyChanges(frozenset({"display_name"}), terms("again"))
        )
