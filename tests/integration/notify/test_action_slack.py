"""Messages to Slack, at a server that answers as Slack does: what is posted, and what is made of what it says."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.notify.action_slack import SlackMessages
from services.notify.automation_samples import DIGEST, LEAD, OCCASION
from services.notify.domain.actions import Slack
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.notify.slack_blocks import SECTION_CHARS_MAX, default_blocks, problem_of
from services.notify.texts import Texts
from services.shared.clock import SystemClock
from tests.support.http_party import Party, Reply, patience_s

TEXTS = Texts()
PATH = "/services/T000/B000/secretsecretsecret"
LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"),)
EVIL = '<!channel> & "<https://evil.test|you won>"'
ABOUT_LEAD = replace(OCCASION, digest=None)
ABOUT_DAY = replace(OCCASION, lead=None, change=None)


@pytest.fixture
async def slack() -> AsyncIterator[Party]:
    async with Party(lambda asked: Reply(200, "ok")).serve() as serving:
        yield serving


@pytest.fixture
async def messages(request: pytest.FixtureRequest) -> AsyncIterator[SlackMessages]:
    http = GuardedHttp(patience_s(request), True, LOOPBACK, SystemClock(), lookup=SystemLookup())
    yield SlackMessages(http, TEXTS)
    await http.close()


def action(slack: Party, **more: str) -> Slack:
    return Slack(**{"webhook_url": slack.url(PATH), "text": "{{ lead.company }} is hot", **more})


async def test_a_lead_is_posted_in_blocks_of_our_own(slack: Party, messages: SlackMessages) -> None:
    outcome = await messages.do(action(slack), ABOUT_LEAD)
    assert (outcome.error, outcome.detail) == ("", "posted")
    asked = slack.asked[0]
    assert (asked.method, asked.path) == ("POST", PATH)
    assert asked.headers["content-type"] == "application/json"
    assert asked.json["text"] == "Analytical Engines is hot"
    header, section, facts, company, context = asked.json["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "Ada Lovelace"}
    assert section["text"] == {"type": "mrkdwn", "text": "Analytical Engines is hot"}
    assert [one["text"] for one in facts["fields"]] == [
        "*Score*\n85",
        "*Stage*\nqualified",
        "*Grade*\nA",
        "*Velocity*\n12.5",
        "*Risk*\nMEDIUM",
        "*Next action*\ncall",
        "*Owner*\nsam@example.com",
    ]
    assert company["elements"][0]["text"] == "Analytical Engines"
    assert context["elements"][0]["text"] == "Scoreline: Example"


async def test_a_digest_is_posted_in_blocks_of_our_own(
    slack: Party, messages: SlackMessages
) -> None:
    assert (await messages.do(action(slack, text="Your day"), ABOUT_DAY)).succeeded
    texts = [block["text"]["text"] for block in slack.asked[0].json["blocks"] if "text" in block]
    assert texts == [
        "Leads until 2026-01-02 09:00 UTC",
        "Your day",
        "*Moving up* (1)\n• Ada Lovelace: 85 (+40)",
        "*Moving down* (1)\n• Ada Lovelace: 45 (-40)",
        "*New qualified* (1)\n• Ada Lovelace: 85 (+40)",
        "*Qualified and at risk* (1)\n• Ada Lovelace: 85 (+40)",
    ]
    empty = DIGEST | {name: [] for name in ("up", "down", "new_qualified", "at_risk")}
    await messages.do(action(slack, text="x"), replace(ABOUT_DAY, digest=empty))
    assert slack.asked[1].json["blocks"][2]["text"]["text"] == "Nothing moved."


def test_blocks_of_our_own_are_as_slack_takes_them() -> None:
    long = "<&>" * 2_000
    leads = [DIGEST["up"][0] | {"name": long} for _ in range(100)]
    digest = DIGEST | dict.fromkeys(("up", "down", "new_qualified", "at_risk"), leads)
    digest |= {"new_qualified_count": 5_000}
    lead: dict[str, Any] = dict.fromkeys(LEAD, long) | {"score": 1e9 + 0.001}
    for occasion in (
        replace(ABOUT_DAY, digest=digest, automation_name=long),
        replace(ABOUT_LEAD, lead=lead),
        replace(ABOUT_DAY, digest=None),
    ):
        blocks = default_blocks("x" * 50_000, occasion)
        assert all(problem_of(block) is None for block in blocks)
        assert len(blocks) <= 50
        for block in blocks:
            for element in block.get("elements", []):
                assert len(element["text"]) <= SECTION_CHARS_MAX
    told = [block["text"]["text"] for block in default_blocks("", ABOUT_DAY) if "text" in block]
    assert told[0] == "Leads until 2026-01-02 09:00 UTC"
    said = json.dumps(default_blocks("", replace(ABOUT_DAY, digest=digest)))
    assert "and 4980 more" in said
    assert "and 80 more" in said


async def test_blocks_of_the_customers_own(slack: Party, messages: SlackMessages) -> None:
    blocks = """[
      {"type": "section",
       "text": {"type": "mrkdwn", "text": "*{{ lead.company }}* <https://crm.test/{{ lead.lead_id }}|open>"}},
      {"type": "section", "text": {"type": "plain_text", "text": {{ lead.company | json }} }},
      {"type": "context", "elements": [{"type": "mrkdwn", "text": "{{ lead.score }}"}]}
    ]"""
    assert messages.check(action(slack, blocks=blocks)) == []
    evil = replace(ABOUT_LEAD, lead=LEAD | {"company": EVIL})
    assert (await messages.do(action(slack, blocks=blocks), evil)).succeeded
    mrkdwn, plain, context = slack.asked[0].json["blocks"]
    escaped = '&lt;!channel&gt; &amp; "&lt;https://evil.test|you won&gt;"'
    assert mrkdwn["text"]["text"] == f"*{escaped}* <https://crm.test/lead_example|open>"
    assert plain["text"]["text"] == escaped
    assert context["elements"][0]["text"] == "85"


async def test_a_lead_can_mention_nobody(slack: Party, messages: SlackMessages) -> None:
    evil = replace(ABOUT_LEAD, lead=dict.fromkeys(LEAD, EVIL))
    assert (await messages.do(action(slack), evil)).succeeded
    assert "<" not in slack.asked[0].body
    listed = [DIGEST["up"][0] | {"name": EVIL}]
    evil = replace(ABOUT_DAY, digest=DIGEST | {"up": listed}, automation_name=EVIL)
    assert (await messages.do(action(slack, text="x"), evil)).succeeded
    assert "<" not in slack.asked[1].body


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ("[", "is no JSON"),
        ('{"type": "divider"}', "must be a list of 1 to 50 blocks"),
        ("[]", "must be a list of 1 to 50 blocks"),
        (
            '[{% for i in (1..51) %}{"type": "divider"}{% unless forloop.last %},{% endunless %}{% endfor %}]',
            "1 to 50",
        ),
        ('["divider"]', "[0] must be an object with a type"),
        ('[{"type": "divider"}, {"text": "x"}]', "[1] must be an object with a type"),
        ('[{"type": "header", "text": {"text": "%s"}}]' % ("x" * 151), "at most 150 characters"),
        (
            '[{"type": "section", "text": {"text": "%s"}}]' % ("x" * 3_001),
            "at most 3,000 characters",
        ),
        ('[{"type": "section", "fields": [{}' + ",{}" * 10 + "]}]", "at most 10 fields"),
        ('[{"type": "section", "fields": [{"text": "' + "x" * 2_001 + '"}]}]', "at most 2,000"),
        ("[" * 5_000 + "]" * 5_000, "brackets"),
        ("{{ laed.x }}", "there is no laed.x"),
        ('[{"type": "divider", "x": NaN}]', "is no JSON: NaN is no value"),
        ('[{"type": "divider", "x": -Infinity}]', "is no JSON: -Infinity is no value"),
        ('[{"type": "divider", "x": 1e999}]', "is no JSON: Out of range float"),
        ('[{"type": "divider", "x": "\\ud800"}]', "is no JSON: has half of a character"),
    ],
)
async def test_blocks_that_slack_would_not_take(
    slack: Party, messages: SlackMessages, blocks: str, said: str
) -> None:
    ((field, problem),) = messages.check(action(slack, blocks=blocks))
    assert field == "slack.blocks"
    assert said in problem
    if "laed" not in blocks:
        outcome = await messages.do(action(slack, blocks=blocks), ABOUT_LEAD)
        assert outcome.permanent
        assert said in outcome.error
        assert slack.connections == 0


@pytest.mark.parametrize(
    ("reply", "permanent", "wait_s", "error"),
    [
        (Reply(400, "invalid_payload"), True, 0, "Slack answered 400: invalid_payload"),
        (Reply(400, "invalid_blocks"), True, 0, "Slack answered 400: invalid_blocks"),
        (Reply(403, "action_prohibited"), True, 0, "Slack answered 403: action_prohibited"),
        (Reply(404, "no_service"), True, 0, "Slack answered 404: no_service"),
        (Reply(410, "channel_is_archived"), True, 0, "Slack answered 410: channel_is_archived"),
        (
            Reply(429, "rate_limited", {"Retry-After": "30"}),
            False,
            30,
            "Slack answered 429: rate_limited",
        ),
        (Reply(500, "rollup_error"), False, 0, "Slack answered 500: rollup_error"),
        (Reply(503, "<html>secret</html>"), False, 0, "Slack answered 503"),
        (Reply(302, "", {"Location": "/x"}), True, 0, "Slack answered 302"),
        (Reply(how="stall"), False, 0, "timeout"),
        (Reply(how="cut"), False, 0, "connection broke off: ConnectError"),
        (Reply(body="ok", how="break off"), False, 0, "answer broke off: RemoteProtocolError"),
    ],
)
async def test_what_slack_says_decides(
    slack: Party, messages: SlackMessages, reply: Reply, permanent: bool, wait_s: float, error: str
) -> None:
    slack.replies = lambda asked: reply
    outcome = await messages.do(action(slack), ABOUT_LEAD)
    if reply.how == "cut":
        assert outcome.error.startswith("connection broke off: ")
    else:
        assert outcome.error == error
    assert (outcome.permanent, outcome.retry_after_s) == (permanent, wait_s)
    assert "secret" not in outcome.error


@pytest.mark.parametrize("allowed", [(), LOOPBACK])
async def test_the_url_leads_nowhere_but_out(slack: Party, allowed: Any) -> None:
    http = GuardedHttp(20, False, allowed, SystemClock(), lookup=SystemLookup())
    messages = SlackMessages(http, TEXTS)
    for url in (
        slack.url(PATH),
        slack.url(PATH, scheme="https", host="localhost") if not allowed else slack.url(PATH),
        "https://169.254.169.254/latest/meta-data" if not allowed else slack.url(PATH),
        "file:///etc/passwd",
    ):
        outcome = await messages.do(action(slack, webhook_url=url), ABOUT_LEAD)
        assert not outcome.succeeded
        assert "refused" in outcome.error
        assert "secret" not in outcome.error
    assert slack.connections == 0
    ((field, problem),) = messages.check(action(slack))
    assert (field, problem) == ("slack.webhook_url", "must begin with https://")
    await http.close()


async def test_a_preview_shows_no_url(slack: Party, messages: SlackMessages) -> None:
    shown = messages.preview(action(slack), ABOUT_LEAD)
    assert set(shown) == {"text", "blocks"}
    assert "secret" not in json.dumps(shown)
    assert "secret" not in repr(action(slack))
