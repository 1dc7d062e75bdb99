"""What automations need from outside: somebody who carries out each kind of action, leads, and a place to keep things."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from services.notify.domain.actions import Occasion, Outcome

A = TypeVar("A", contravariant=True)


class Doing(Protocol[A]):
    """Carries out actions of one kind outside the suite."""

    def check(self, action: A) -> list[tuple[str, str]]:
        """What is wrong with an action that is to be kept: a field's path within the action, e.g. `email.subject`, and
        what is wrong with it. Nothing is asked of the other side."""
        ...

    def preview(self, action: A, occasion: Occasion) -> Mapping[str, Any]:
        """What would be sent, without secrets. Raises Unrenderable."""
        ...

    async def do(self, action: A, occasion: Occasion) -> Outcome:
        """Do it, once; whatever goes wrong is part of the outcome. Where it is done twice for one `execution_id`, the
        other side can tell, as far as it knows how to."""
        ...
