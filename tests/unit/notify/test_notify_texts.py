"""Texts of automations: what they may name, how what is put in is escaped, and that none takes long or grows large."""

from __future__ import annotations

import html
import json
import re
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.automation_samples import LEAD, OCCASION
from services.notify.domain.actions import Unrenderable
from services.notify.text_templates import OUTPUT_BYTES_MAX, SOURCE_CHARS_MAX
from services.notify.texts import Escaping, Texts
from services.shared.budgets import Budget

TEXTS = Texts()
GIVEN = OCCASION.variables()


def _with(**attributes: Any) -> dict[str, Any]:
    return {"lead": LEAD | {"attributes": attributes}}


def _text(source: str, variables: dict[str, Any], escaping: Escaping = Escaping.NONE) -> str:
    """The text, or why there is none: any other error fails the test."""
    try:
        return TEXTS.render("text", source, variables, escaping)
    except Unrenderable as refused:
        return str(refused)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ lead.display_name }} has {{ lead.score | round }}", "Ada Lovelace has 85"),
        ("{% if change.score > change.previous_score %}up{% else %}down{% endif %}", "up"),
        ("{{ lead.attributes.country }}/{{ lead.attributes.employees }}", "GB/"),
        ("{{ lead.attributes.employees | default: 'unknown' }}", "unknown"),
        (
            "{% for one in digest.up %}{{ one.name }} {{ one.delta | plus: 0 }};{% endfor %}",
            "Ada Lovelace 40;",
        ),
        ("{% assign x = lead.company | upcase %}{{ x }}", "ANALYTICAL ENGINES"),
        ("{{ digest.from_time | date: '%d %b %H:%M' }}", "01 Jan 09:00"),
        ("{{ 0 | date: '%Y' }} {{ 'soon' | date: '%Y' }}", "1970 soon"),
        ("{{ lead.attributes | json }}{{ lead.attributes.no | json }}", '{"country": "GB"}null'),
        ("{{ automation.display_name }}", "Example"),
        ("{{ lead.attributes }}{{ lead.attributes.no }}", '{"country": "GB"}'),
        ("{{ lead.score }} {{ lead.velocity }} {{ 'x' | append: lead.score }}", "85 12.5 x85"),
        ("{% comment %} laed {% endcomment %}a{% raw %}{{ x }}{% endraw %}", "a{{ x }}"),
        (
            "{{ lead['lead_id'] }} {{ digest.up.size }} {{ digest.up[0].name }}",
            "lead_example 1 Ada Lovelace",
        ),
    ],
)
def test_a_text_says_what_it_is_given(source: str, text: str) -> None:
    assert TEXTS.problem(source) is None
    assert TEXTS.render("text", source, GIVEN) == text


def test_what_an_occasion_lacks_is_empty() -> None:
    source = "[{{ change.score }}{{ digest.up }}{% for one in digest.up %}x{% endfor %}]"
    assert TEXTS.problem(source) is None
    assert TEXTS.render("text", source, {"lead": LEAD}) == "[]"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a\nb {{ laed.score }}", "line 2: there is no laed.score, only"),
        ("{% if false %}{{ laed.score }}{% endif %}", "line 1: there is no laed.score, only"),
        ("{{ lead.scroe }}", "line 1: there is no lead.scroe: lead has lead_id, email"),
        ("{{ now }}", "line 1: there is no now"),
        ("\n\n{{ lead.score | nope }}", "line 3: unknown filter 'nope'"),
        ("{{ lead.company | safe }}", "line 1: unknown filter 'safe'"),
        ("{% include 'other' %}", "line 1: unexpected tag 'include'"),
        ("{% render 'other' %}", "line 1: unexpected tag 'render'"),
        ("{% echo lead.company %}", "line 1: unexpected tag 'echo'"),
        ("a\n{% if lead.score > 3 %}", "expected tag endif"),
        ("{{ lead.score", "line 1: expected '}}'"),
        ("{{ lead.score | divided_by: 0 }}", "can't divide by 0"),
        ("{% if lead.company > 3 %}{% endif %}", "line 1: "),
        ("x" * (SOURCE_CHARS_MAX + 1), "at most 32,768 characters"),
        ("{{ lead" + "[lead" * 800 + "]" * 800 + " }}", "at most 32 brackets"),
        ("{% if " + "true and " * 3_000 + "true %}{% endif %}", "parsing error"),
        ("{% if true %}" * 40, "nesting limit"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(source: str, said: str) -> None:
    found = TEXTS.problem(source)
    assert found is not None
    assert said in found
    assert "\n" not in found


HUNGRY = [
    "{% for a in (1..1000) %}{% for b in (1..1000) %}{% for c in (1..1000) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in (1..1000) %}{% for b in (1..1000) %}{{ a }}{% endfor %}{% endfor %}",
    "{% assign x = 'xxxxxxxxxx' %}" + "{% assign x = x | append: x | append: x %}" * 30,
    "{% assign x = '" + "x" * 1_000 + "' %}" + "{% assign x = x | replace: 'x', x %}" * 5,
    "{{ '" + "x" * 1_000 + "' | replace: '', '" + "y" * 1_000 + "' }}",
    "{% assign l = '" + "a" * 900 + "' | split: '' %}{{ l | join: '" + "y" * 1_000 + "' }}",
    "{{ '" + "a" * 2_000 + "' | split: '' | size }}",
    "{% assign x = 9 %}" + "{% assign x = x | times: x %}" * 60,
    "{% assign l = 'a,b' | split: ',' %}" + "{% assign l = l | concat: l %}" * 30,
    "{{ lead.attributes.text }}" * 10,
    "{% for a in (1..900) %}{% assign x = lead.attributes.text | split: 'x' | size %}{% endfor %}",
    "{% for a in (1..900) %}{% if lead.attributes.text contains lead.attributes.other %}{% endif %}{% endfor %}"
    * 30,
    "{% if true %}{% endif %}" * 1_300 + "{% for a in (1..1000) %}{% endfor %}",
]


@pytest.mark.parametrize("source", HUNGRY)
@pytest.mark.parametrize("escaping", list(Escaping))
def test_no_text_takes_long_or_grows_large(source: str, escaping: Escaping) -> None:
    variables = _with(text="&" * 30_000, other="&" * 15_000 + "y")
    began = time.thread_time()
    text = _text(source, variables, escaping)
    assert len(text.encode()) <= OUTPUT_BYTES_MAX
    assert time.thread_time() - began < 2.0


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "{% for a in (1..1000) %}{% for b in (1..1000) %}{% if 1 == 1 %}{% endif %}{% endfor %}{% endfor %}",
            "loops too often",
        ),
        (
            "{% for a in (1..900) %}"
            + "{% assign x = lead.attributes | json %}" * 100
            + "{% endfor %}",
            "takes too long",
        ),
        (
            "{{ lead.attributes.text | replace: '&', lead.attributes.other }}",
            "replace gives too much",
        ),
        (
            "{{ lead.attributes.items | join: lead.attributes.other }}",
            "join gives too much",
        ),
        ("{{ 9 | times: 9" + " | times: 9999999999" * 9 + " }}", "times gives too much"),
        ("{{ lead.attributes.items | concat: lead.attributes.items }}", "concat gives too much"),
        ("{{ lead.attributes.text | append: '&' | escape }}", "escape gives too much"),
    ],
)
def test_each_bound_holds_by_itself(source: str, said: str) -> None:
    variables = _with(text="&" * 30_000, other="&" * 15_000 + "y", items=["x"] * 600)
    tracemalloc.start()
    try:
        text = _text(source, variables)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert text.startswith("text: line 1: ")
    assert said in text
    assert peak_bytes < 4_000_000


def test_texts_of_one_action_share_their_time() -> None:
    again = "{% assign x = lead.attributes | json %}" * 100
    slow = "{% for a in (1..900) %}" + again + "{% endfor %}"
    budget, began = Budget(0.1), time.thread_time()
    for field in ("a", "b", "c", "d"):
        with pytest.raises(Unrenderable, match=f"^{field}: (line 1: )?takes too long$"):
            TEXTS.render(field, slow, _with(text="x" * 30_000), budget=budget)
    assert time.thread_time() - began < 0.3
    with pytest.raises(Unrenderable, match="takes too long"):
        TEXTS.render("text", "nothing to do", GIVEN, budget=budget)
    assert TEXTS.problem("nothing to do", budget=budget) == "takes too long"
    assert TEXTS.problem("nothing to do") is None


@pytest.mark.parametrize(
    ("source", "attributes"),
    [
        ("{% for a in digest.up limit: lead.attributes.n %}x{% endfor %}", {"n": -1}),
        ("{% for a in digest.up limit: lead.attributes.n %}x{% endfor %}", {"n": float("inf")}),
        ("{% for a in digest.up offset: lead.attributes.n %}x{% endfor %}", {"n": {}}),
        ("{% if lead.attributes.a contains lead.attributes.b %}x{% endif %}", {"a": {}, "b": {}}),
        ("{% for a in (1..lead.attributes.n) %}x{% endfor %}", {"n": "x" * 5_000}),
    ],
)
def test_what_a_lead_brings_makes_no_error_but_our_own(
    source: str, attributes: dict[str, Any]
) -> None:
    assert TEXTS.problem(source) is None
    assert isinstance(_text(source, GIVEN | _with(**attributes)), str)


def test_texts_are_for_threads() -> None:
    def run(number: int) -> str:
        source = f"{{% for a in (1..50) %}}{{{{ a | plus: {number} }}}} {{% endfor %}}"
        assert TEXTS.problem(source) is None
        return TEXTS.render("text", source, GIVEN)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(run, [number % 40 for number in range(400)]))
    for place, text in enumerate(found):
        assert text.split() == [str(one + place % 40) for one in range(1, 51)]


def test_hungry_texts_are_refused_when_they_are_written() -> None:
    """Those whose hunger does not depend on a lead."""
    assert all(TEXTS.problem(source) for source in HUNGRY[:9])


@given(st.text())
def test_what_is_put_into_html_is_text(name: str) -> None:
    text = TEXTS.render("html", "<b>{{ lead.attributes.x }}</b>", _with(x=name), Escaping.HTML)
    inner = text.removeprefix("<b>").removesuffix("</b>")
    assert not set(inner) & set("<>\"'")
    plain = TEXTS.render("text", "{{ lead.attributes.x }}", _with(x=name))
    assert html.unescape(inner) == plain


def _as_slack_reads(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@given(st.text())
def test_what_is_put_into_slack_means_nothing(name: str) -> None:
    text = TEXTS.render("text", "<{{ lead.attributes.x }}>", _with(x=name), Escaping.SLACK)
    inner = text.removeprefix("<").removesuffix(">")
    assert not set(inner) & set("<>")
    assert _as_slack_reads(inner) == TEXTS.render("x", "{{ lead.attributes.x }}", _with(x=name))


@given(st.text())
def test_what_is_put_into_blocks_is_text(name: str) -> None:
    """Within quotes and without: nothing that a lead is called ends a string, or begins a link."""
    source = '[{{ lead.attributes.x | json }}, "<{{ lead.attributes.x }}>", {{ lead.attributes | json }}]'
    text = TEXTS.render("blocks", source, _with(x=name), Escaping.SLACK_JSON)
    whole, quoted, attributes = json.loads(text)
    assert quoted == f"<{whole}>"
    assert attributes == {"x": whole}
    assert not set(whole) & set("<>")
    # JSON writes most control characters as \uXXXX, so they come back; others are left out.
    assert _as_slack_reads(whole) == re.sub("[\x7f-\x9f\u2028\u2029]", "", name)


def test_blocks_take_what_filters_make_of_json() -> None:
    source = '["{{ lead.company | json | upcase }}", {{ lead.score }}, {{ lead.no | json }}]'
    text = TEXTS.render("blocks", source, GIVEN, Escaping.SLACK_JSON)
    assert json.loads(text) == ['"ANALYTICAL ENGINES"', 85.0, None]


@given(st.text())
def test_a_line_is_one_line(name: str) -> None:
    line = TEXTS.line("subject", "a {{ lead.attributes.x }}\n b", _with(x=name))
    assert line.isprintable() or all(char == " " or not char.isspace() for char in line)
    assert not set(line) & set("\r\n\x00\x85\u2028\u2029")
    assert line.startswith("a ")
    assert line.endswith(" b")


@settings(max_examples=300)
@given(st.text(alphabet="{}%|.:'\" \nabcdilsfenort[](),=<>0123456789_-"))
def test_any_template_is_taken_or_refused(source: str) -> None:
    found = TEXTS.problem(source)
    assert found is None or found


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(TEXTS._templates._environments[Escaping.NONE].filters)),
    st.sampled_from(["lead.attributes.x", "lead.attributes.no", "digest.up", "lead.score", "lead"]),
    st.lists(
        st.sampled_from(
            ["''", "'x'", "0", "-1.5", "lead.attributes.x", "lead.attributes.no", "digest.up"]
        ),
        max_size=2,
    ),
    st.one_of(st.text(), st.integers(), st.floats(allow_nan=True), st.lists(st.text()), st.none()),
)
def test_filters_give_a_text_or_are_refused(name: str, left: str, args: list[str], x: Any) -> None:
    source = f"{{{{ {left} | {name}{': ' if args else ''}{', '.join(args)} }}}}"
    assert isinstance(_text(source, GIVEN | _with(x=x)), str)
