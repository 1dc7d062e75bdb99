"""`python -m services.scoring` serves; `python -m services.scoring migrate` brings the schema up to date."""

from collections.abc import Callable

from services.shared import commands


def load() -> Callable[[], None]:
    """What serves until SIGTERM or SIGINT."""
    from services.scoring.main import main

    return main


commands.run("scoring", load)
