"""docs/scoring.md says what is so: each of its examples is a scenario and is played on the pure fold, however its
events arrive; each number in bold is one that an example of the same section gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.fold_level import FoldLevel, arrivals_of
from tests.scenarios.playing import play
from tests.scenarios.reading import parse
from tests.scenarios.scenario import Scenario

TEXT = (Path(__file__).parents[3] / "docs" / "scoring.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOLD = re.compile(r"\*\*(.+?)\*\*")
LOOKS = {"look", "simulate"}

EXAMPLES = [parse(yaml.safe_load(text)["about"], text) for text in BLOCK.findall(TEXT)]
SECTIONS = [section for section in TEXT.split("\n## ")[1:] if BOLD.search(section)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_is_so(example: Scenario) -> None:
    for arrival in arrivals_of(example.order_matters):
        play(example, FoldLevel(arrival))


def test_every_fence_is_an_example() -> None:
    assert len(EXAMPLES) == TEXT.count("```") // 2 > 15


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.splitlines()[0])
def test_every_number_in_bold_is_an_examples(section: str) -> None:
    looks = [
        step[kind]
        for text in BLOCK.findall(section)
        for step in yaml.safe_load(text)["steps"]
        for kind in LOOKS & step.keys()
    ]
    given = {str(value) for look in looks for value in values(look)}
    said = [word for word in BOLD.findall(BLOCK.sub("", section)) if not is_term(word)]
    assert [word for word in said if word not in given] == []


def is_term(word: str) -> bool:
    """A word that is explained, e.g. **Velocity**."""
    return (word[0].isupper() and word.isalpha()) or " " in word


def values(node: Any) -> Iterator[Any]:
    """Every value in a look, however deep."""
    if isinstance(node, dict):
        for inner in node.values():
            yield from values(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from values(inner)
    else:
        yield node
