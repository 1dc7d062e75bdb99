"""Texts of automations: templates that customers write, over what Occasion.variables gives, for the fields of actions.
The templates themselves are `text_templates.py`."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from services.notify.domain.actions import Unrenderable
from services.shared.budgets import Budget

if TYPE_CHECKING:
    from services.notify.text_templates import Templates

ACTION_S_MAX = 0.5
"""For all texts of one action, an e-mail's 23 as well."""

_SPACE = re.compile(r"\s+")


class Escaping(Enum):
    """What a text is put into."""

    NONE = "none"
    HTML = "html"
    SLACK = "slack"
    SLACK_JSON = "slack_json"
    """Blocks: `{{ lead.company }}` within quotes, `{{ lead.company | json }}` without."""


class Texts:
    """Checks and renders texts; in threads, so that the event loop goes on meanwhile. `budget`: of all texts of an
    action; without, a text has one of its own."""

    def problem(
        self, source: str, escaping: Escaping = Escaping.NONE, budget: Budget | None = None
    ) -> str | None:
        """What is wrong with a template that is to be kept, as a sentence; None when nothing is. It must be right for
        an occasion that has everything, and name nothing that there is not."""
        try:
            return self._templates.check(source, escaping, budget)
        except Unrenderable as error:
            return str(error)

    def render(
        self,
        field: str,
        source: str,
        variables: Mapping[str, Any],
        escaping: Escaping = Escaping.NONE,
        budget: Budget | None = None,
    ) -> str:
        """The text; what is not there is empty. Raises Unrenderable, with the name of the field."""
        try:
            return self._templates.rendered(source, variables, escaping, budget)
        except Unrenderable as error:
            raise Unrenderable(f"{field}: {error}") from None

    def line(
        self, field: str, source: str, variables: Mapping[str, Any], budget: Budget | None = None
    ) -> str:
        """The text on one line: white space of any kind is one space. Raises Unrenderable."""
        text = self.render(field, source, variables, budget=budget)
        return _SPACE.sub(" ", text).strip()

    @cached_property
    def _templates(self) -> "Templates":
        # Liquid takes a tenth of a start and 5 MB to load, and a suite without automations has no texts.
        from services.notify.text_templates import Templates

        return Templates()


def escaped_for_slack(text: str) -> str:
    """A text in which nothing means anything to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
