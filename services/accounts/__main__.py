"""`python -m services.accounts` serves; `python -m services.accounts migrate` brings the schema up to date."""

from collections.abc import Callable

from services.shared import commands


def load() -> Callable[[], None]:
    """What serves until SIGTERM or SIGINT."""
    from services.accounts.main import main

    return main


commands.run("accounts", load)
