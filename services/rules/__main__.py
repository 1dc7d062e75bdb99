"""`python -m services.rules` serves; `python -m services.rules migrate` brings the schema up to date."""

from collections.abc import Callable

from services.shared import commands


def load() -> Callable[[], None]:
    """What serves until SIGTERM or SIGINT."""
    from services.rules.main import main

    return main


commands.run("rules", load)
