"""The secrets of one suite: made once, kept in its data directory, readable by its owner only.

They are for one machine. docker-compose takes its own from the environment (.env.example).
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import string
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from stack.errors import StackError

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_ALPHANUMERIC = string.ascii_letters + string.digits

# 32 characters of 62 are 190 bits: beyond guessing, short enough to paste.
_SECRET_CHARS = 32
_KEY_ID_CHARS = 8

# What a suite that was made before it existed lacks, and gets at its next start.
_LATER = ("ingest_secret_key", "notify_secret_key", "service_key")


@dataclass(frozen=True)
class Credentials:
    """Every secret that the components of one suite share."""

    api_key: str
    """Key of the operator project (scopes ingest, read, admin): sl_<key id>_<secret>."""
    ingest_secret_key: str
    """Encrypts the secrets of webhook sources in the database."""
    notify_secret_key: str
    """The same for webhook endpoints and automations."""
    notify_token_key: str
    """Signs the resume tokens of watchers: they stay valid across restarts."""
    service_key: str
    """Signs the credentials that services call each other with."""
    nats_password: str
    postgres_key: str
    """Every Postgres role has a password of its own, derived from this."""

    @classmethod
    def load_or_make(cls, path: Path) -> Credentials:
        """The credentials kept at `path`; made there, mode 0600, when there are none."""
        fresh = cls(
            api_key=new_api_key(),
            ingest_secret_key=new_secret(),
            notify_secret_key=new_secret(),
            notify_token_key=new_secret(),
            service_key=new_secret(),
            nats_password=new_secret(),
            postgres_key=new_secret(),
        )
        kept = cls._kept(path) if path.exists() else {}
        made = replace(fresh, **kept)
        if asdict(made) == kept:
            return made
        # Written aside and renamed, so that a crash leaves no half of a file behind.
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(made), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        return made

    def postgres_password(self, role: str) -> str:
        """The password of one Postgres role: knowing one role's says nothing about another's."""
        return hmac.new(self.postgres_key.encode(), role.encode(), "sha256").hexdigest()

    @classmethod
    def _kept(cls, path: Path) -> dict[str, str]:
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            names = [field.name for field in fields(cls)]
            return {name: str(kept[name]) for name in names if name in kept or name not in _LATER}
        except (ValueError, KeyError, TypeError) as error:
            raise StackError(
                f"{path} can't be read as the suite's secrets ({error!r}): restore it, or remove the "
                "whole data directory to start afresh."
            ) from error


def new_api_key() -> str:
    """A key of the form the services take: sl_<key id>_<secret>."""
    return f"sl_{_random(_BASE32, _KEY_ID_CHARS)}_{_random(_ALPHANUMERIC, _SECRET_CHARS)}"


def new_secret() -> str:
    """Letters and digits, a letter first: nats.conf would read what starts with a digit as a number."""
    return _random(string.ascii_letters, 1) + _random(_ALPHANUMERIC, _SECRET_CHARS)


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
