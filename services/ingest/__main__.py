"""`python -m services.ingest` serves; `python -m services.ingest migrate` brings the schema up to date."""

from collections.abc import Callable

from services.shared import commands


def load() -> Callable[[], None]:
    """What serves until SIGTERM or SIGINT."""
    from services.ingest.main import main

    return main


commands.run("ingest", load)
