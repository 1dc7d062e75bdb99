"""Why a draft can't be edited as asked. The handlers say so to the caller in the suite's words.

EditRefused
├── RuleMissing        the draft has no rule of that id
├── RuleThere          the draft has a rule of that id
├── RuleChanged        the rule is not what the caller has read
├── RuleSetChanged     the version is not what the caller has read
├── DraftThere         there is a draft, which is not to be replaced
├── GroupsInUse        rules are in groups that are to go
├── TooManyRules       the rule set is full
└── TooLarge           the rule set has grown beyond what is published in one message
"""

from collections.abc import Mapping, Sequence


class EditRefused(Exception):
    """A draft can't be edited as asked; the argument is what it is about."""


class RuleMissing(EditRefused):
    """The draft has no rule of that id."""


class RuleThere(EditRefused):
    """The draft has a rule of that id."""


class RuleChanged(EditRefused):
    """The rule is not what the caller has read."""


class RuleSetChanged(EditRefused):
    """The version is not what the caller has read."""


class DraftThere(EditRefused):
    """There is a draft, which is not to be replaced."""


class GroupsInUse(EditRefused):
    """Rules are in groups that are to go."""

    def __init__(self, users: Mapping[str, Sequence[str]]) -> None:
        super().__init__(", ".join(users))
        self.users = users
        """Ids of the rules in each of the groups."""


class TooManyRules(EditRefused):
    """The rule set is full."""


class TooLarge(EditRefused):
    """The rule set has grown beyond what is published in one message."""


LIMITS: Mapping[type[EditRefused], str] = {
    TooManyRules: "a rule set holds at most {limit} rules",
    TooLarge: "a rule set holds at most {limit} bytes of text",
}
"""In words, with the limit that the error is about."""
