"""What customers wrote is worked out in threads: whatever time it takes, the event loop goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.notify.action_email import Emails
from services.notify.action_hubspot import HubSpotContacts
from services.notify.action_inside import InsideActions
from services.notify.action_slack import SlackMessages
from services.notify.automation_conditions import Values
from services.notify.automation_ports import EndpointLookup, NextOwner
from services.notify.automation_previews import Previews
from services.notify.automation_samples import OCCASION
from services.notify.crm import Upserts
from services.notify.domain.actions import CreateTask, Email, HubSpot, Slack
from services.notify.domain.mail import MailServer, Tls
from services.notify.endpoint_lookup import SystemLookup
from services.notify.guarded_http import GuardedHttp
from services.notify.texts import Texts
from services.shared.clock import SystemClock

SLACK = Slack("https://127.0.0.1/x", "{{ lead.email }}")
EMAIL = Email(("a@b.test",), "s", "{{ lead.email }}")
CONTACT = HubSpot("token", {"score": "lead.score"})


class Threads:
    """In which threads something was worked out."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def note(self) -> None:
        self.seen.append(threading.get_ident())

    def none_is_the_loops(self) -> bool:
        return bool(self.seen) and threading.get_ident() not in self.seen


class NotingTexts(Texts):
    def __init__(self, threads: Threads) -> None:
        super().__init__()
        self._threads = threads

    def render(self, *args: Any, **more: Any) -> str:
        self._threads.note()
        return super().render(*args, **more)


class NotingValues(Values):
    def __init__(self, threads: Threads) -> None:
        super().__init__()
        self._threads = threads

    def evaluate(self, *args: Any, **more: Any) -> Any:
        self._threads.note()
        return super().evaluate(*args, **more)


@pytest.fixture
async def http() -> AsyncIterator[GuardedHttp]:
    made = GuardedHttp(1.0, False, (), SystemClock(), lookup=SystemLookup())
    yield made
    await made.close()


async def test_actions_are_written_in_threads(http: GuardedHttp) -> None:
    threads, clock = Threads(), SystemClock()
    texts = NotingTexts(threads)
    outcome = await SlackMessages(http, texts).do(SLACK, OCCASION)
    assert outcome.error == "address refused"
    assert threads.none_is_the_loops()
    server = MailServer("127.0.0.1", 1, Tls.OFFERED)
    outcome = await Emails(server, "a@b.test", 1.0, texts, clock).do(EMAIL, OCCASION)
    assert outcome.error == "can't connect to the mail server"
    assert threads.none_is_the_loops()
    threads.seen.clear()
    records = Upserts(HubSpotContacts(http, "https://127.0.0.1"), NotingValues(threads))
    outcome = await records.do(CONTACT, OCCASION)
    assert outcome.error == "address refused"
    assert threads.none_is_the_loops()


async def test_previews_are_written_in_threads(http: GuardedHttp) -> None:
    threads = Threads()
    texts = NotingTexts(threads)
    nobody: Any = None
    previews = Previews(
        {"slack": SlackMessages(http, texts)},
        InsideActions(texts),
        cast(NextOwner, nobody),
        cast(EndpointLookup, nobody),
        SystemClock(),
    )
    slack, task = await previews.of([SLACK, CreateTask("{{ lead.email }}")], OCCASION)
    assert slack.content["text"] == task.content["title"] == "ada@example.com"
    assert len(threads.seen) == 4
    assert threads.none_is_the_loops()


async def test_the_loop_goes_on_while_a_text_takes_its_time(http: GuardedHttp) -> None:
    hungry = "{% for a in (1..900) %}" + "{% assign x = lead | json %}" * 100 + "{% endfor %}"
    doing = asyncio.create_task(
        SlackMessages(http, Texts()).do(Slack(SLACK.webhook_url, hungry), OCCASION)
    )
    turns = 0
    while not doing.done():
        turns += 1
        await asyncio.sleep(0)
    assert doing.result().error.endswith("takes too long")
    # Rendered in the loop, it is one turn.
    assert turns > 10
