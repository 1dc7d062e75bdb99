"""Which activations' rules give points, where that is not the newest's alone."""

from collections.abc import Sequence
from dataclasses import replace

from services.scoring.domain.model import Activated, Binding, RuleSet


def looks_back(newest: Activated) -> bool:
    """Whether earlier activations matter while this one is in force."""
    return newest.rule_set.binding is Binding.AT_PROCESSING or newest.effective_from > 0


def bound(activations: Sequence[Activated]) -> RuleSet:
    """The rule set of the newest activation, knowing those whose rules may give an entry its points. `activations` are
    all that are known, the newest first."""
    newest = activations[0]
    if not looks_back(newest):
        return newest.rule_set
    kept = list(activations)
    if newest.rule_set.binding is not Binding.AT_PROCESSING:
        # Behind one that scores all history nothing is ever looked for.
        until = next((i for i, one in enumerate(kept) if one.effective_from <= 0), len(kept) - 1)
        kept = kept[: until + 1]
    return replace(newest.rule_set, activations=tuple(kept))
