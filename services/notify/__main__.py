"""`python -m services.notify` serves; `python -m services.notify migrate` brings the schema up to date."""

from collections.abc import Callable

from services.shared import commands


def load() -> Callable[[], None]:
    """What serves until SIGTERM or SIGINT."""
    from services.notify.main import main

    return main


commands.run("notify", load)
