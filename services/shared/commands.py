"""What a process of the suite is started for: `python -m services.<name>` serves, with `migrate` it brings a schema up
to date and ends. What it takes is imported when that is known: imports are most of a start."""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

FOR_TERMINALS = ("click", "pygments", "rich")
"""What the command line draws with. structlog and httpx load it wherever it is installed: a tenth of a start and 8 MB
of each process, for logs that are JSON."""


def run(service: str, load: Callable[[], Callable[[], None]]) -> None:
    """Do what the command line says. `load` imports the service and gives what runs it."""
    arguments = sys.argv[1:]
    if arguments == ["migrate"]:
        migrate([service])
    elif arguments:
        sys.exit(f"usage: python -m services.{service} [migrate]")
    else:
        with _importing():
            serve = load()
        serve()


def migrate(services: Sequence[str]) -> None:
    """Bring schemas up to date. Exits with 2 and a line for each bad setting."""
    with _importing():
        from services.shared.config import InvalidConfig
        from services.shared.migrating import migrate as bring_up_to_date

    try:
        bring_up_to_date(services)
    except InvalidConfig as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


@contextmanager
def _importing() -> Iterator[None]:
    """Spare imports what they need not: modules for terminals, and the collector, which would look again and again
    through what stays as long as the process does."""
    sys.modules.update(dict.fromkeys(FOR_TERMINALS))  # type: ignore[arg-type]
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
