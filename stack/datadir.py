"""The data directory of one suite: who may use it, and where things are in it.

    secrets      credentials, mode 0600            logs/<component>.log   this run (.1: the run before)
    suite.json   addresses of the running suite    rendered/              configurations as rendered
    suite-id     who runs here                     postgres/ nats/        the data

The lock is on the directory itself, so it leaves no file and ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stack.errors import DataDirInUse, StackError
from stack.guard import ID_FILE, ID_VARIABLE, remove_temporary_dir, sweep

_TEMPORARY_PREFIX = "scoreline-"


class DataDir:
    """A data directory, locked for this process from `claim` to `release`."""

    def __init__(self, path: Path, *, temporary: bool) -> None:
        self.path = path
        self.temporary = temporary
        self.stack_id = secrets.token_hex(16)
        self._lock: int | None = None

    @classmethod
    def claim(cls, path: Path | None) -> DataDir:
        """Lock `path` (made when absent), or a fresh temporary directory when it is None.

        Ends what an earlier run may have left behind in it. Raises DataDirInUse when another running
        suite holds it.
        """
        temporary = path is None
        where = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX)) if path is None else path.resolve()
        directory = cls(where, temporary=temporary)
        directory._make(where)
        directory._take_lock()
        directory._sweep_leftovers()
        (where / ID_FILE).write_text(directory.stack_id, encoding="utf-8")
        for name in ("logs", "rendered"):
            directory._make(where / name)
        return directory

    @property
    def secrets(self) -> Path:
        """The file with the suite's credentials."""
        return self.path / "secrets"

    @property
    def addresses(self) -> Path:
        """The file that says where the running suite answers; absent while none runs."""
        return self.path / "suite.json"

    @property
    def rendered(self) -> Path:
        """Configurations as rendered for this run."""
        return self.path / "rendered"

    def log_path(self, component: str) -> Path:
        """The log of one component."""
        return self.path / "logs" / f"{component}.log"

    def rotate_log(self, component: str) -> None:
        """Begin a new log, keeping that of the run before."""
        log = self.log_path(component)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process of this suite: ours, its mark, and `extra`."""
        # PGPORT and its like are meant for clients and would lead Postgres's own tools astray.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**ours, **extra, ID_VARIABLE: self.stack_id}

    def publish(self, addresses: Mapping[str, object]) -> None:
        """Say where the suite answers (no secrets) for tools that look for a running one."""
        text = json.dumps(addresses, indent=2) + "\n"
        self.addresses.write_text(text, encoding="utf-8")

    def release(self) -> None:
        """Let others use the directory; a temporary one is removed."""
        self.addresses.unlink(missing_ok=True)
        if self.temporary:
            remove_temporary_dir(self.path, self.stack_id)
        else:
            (self.path / ID_FILE).unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make(self, path: Path) -> None:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{path} can't be used as data directory ({error.strerror}): choose another with "
                "--data-dir."
            ) from error

    def _take_lock(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DataDirInUse(
                f"{self.path} is in use by a running suite: stop that one (Ctrl-C where it runs), or "
                "choose another directory with --data-dir."
            ) from None
        self._lock = descriptor

    def _sweep_leftovers(self) -> None:
        id_file = self.path / ID_FILE
        if id_file.exists() and (earlier := id_file.read_text(encoding="utf-8")):
            sweep(earlier)
