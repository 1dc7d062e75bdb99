"""Properties that are read when somebody looks are those of the JSON, whatever way that writes them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.model import Entry
from services.scoring.domain.properties import Properties
from tests.support.clocks import START

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=5) | st.sampled_from(["suspect", "path"]), values)


@given(objects, st.booleans(), st.text(max_size=5) | st.just("suspect"))
def test_they_are_those_of_the_text(said: dict[str, Any], plain: bool, key: str) -> None:
    text = json.dumps(said, ensure_ascii=plain)
    assert Properties(text) == said
    assert said == Properties(text)
    assert dict(Properties(text)) == said
    for asked in (key, *said):
        assert Properties(text).get(asked, 7) == said.get(asked, 7)
        assert (asked in Properties(text)) is (asked in said)


def test_nothing_is_read_for_a_key_that_the_text_has_nowhere() -> None:
    unreadable = Properties('{"page":')
    assert unreadable.get("suspect") is None
    with pytest.raises(json.JSONDecodeError):
        unreadable.get("page")


@pytest.mark.parametrize(
    ("text", "suspect"),
    [
        ('{"suspect":true}', True),
        ('{"\\u0073uspect":true}', True),
        ('{"suspect":"true"}', False),
        ('{"page":"suspect"}', False),
        ('{"of":{"suspect":true}}', False),
    ],
)
def test_a_suspect_event_is_told_however_it_is_written(text: str, suspect: bool) -> None:
    assert Entry("e", "view", START, Properties(text)).is_suspect is suspect
