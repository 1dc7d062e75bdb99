"""Messages of automations to Slack's incoming webhooks: a text, and blocks of the customer's or of our own. Slack can't
tell repetitions: where the answer to a message is lost it may be there twice."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from services.notify.automation_samples import OCCASION
from services.notify.domain.actions import Occasion, Outcome, Slack, Unrenderable
from services.notify.guarded_http import Answer, GuardedHttp, NoAnswer
from services.notify.slack_blocks import BLOCKS_MAX, default_blocks, problem_of
from services.notify.texts import ACTION_S_MAX, Escaping, Texts
from services.shared.budgets import Budget

TEXT_CHARS_MAX = 40_000
"""Slack cuts longer ones."""

_WORD = re.compile(r"[a-z][a-z0-9_]{1,63}")
"""What Slack says of what it does not take: `invalid_payload`, `channel_is_archived`, `no_service` ..."""


class SlackMessages:
    """A Doing of messages to Slack."""

    def __init__(self, http: GuardedHttp, texts: Texts) -> None:
        self._http = http
        self._texts = texts

    def check(self, action: Slack) -> list[tuple[str, str]]:
        """What is wrong with it."""
        budget = Budget(ACTION_S_MAX)
        text = self._texts.problem(action.text, Escaping.SLACK, budget)
        blocks = self._texts.problem(action.blocks, Escaping.SLACK_JSON, budget)
        if blocks is None and action.blocks:
            try:
                self._blocks(action, OCCASION, Budget(ACTION_S_MAX))
            except Unrenderable as error:
                blocks = str(error).removeprefix("blocks: ")
        problems = {
            "slack.webhook_url": self._http.problem(action.webhook_url),
            "slack.text": text,
            "slack.blocks": blocks,
        }
        return [(field, problem) for field, problem in problems.items() if problem is not None]

    def preview(self, action: Slack, occasion: Occasion) -> Mapping[str, Any]:
        """What would be posted. Raises Unrenderable."""
        given = occasion.variables()
        budget = Budget(ACTION_S_MAX)
        text = self._texts.render("text", action.text, given, Escaping.SLACK, budget)
        text = text[:TEXT_CHARS_MAX]
        if action.blocks:
            return {"text": text, "blocks": self._blocks(action, occasion, budget)}
        return {"text": text, "blocks": default_blocks(text, occasion)}

    async def do(self, action: Slack, occasion: Occasion) -> Outcome:
        """Post it."""
        try:
            content = await asyncio.to_thread(self.preview, action, occasion)
            answer = await self._http.send("POST", action.webhook_url, json=content)
        except Unrenderable as error:
            return Outcome(error=str(error), permanent=True)
        except NoAnswer as failure:
            return failure.outcome
        return Outcome(detail="posted") if answer.status == 200 else _refused(answer)

    def _blocks(self, action: Slack, occasion: Occasion, budget: Budget) -> list[Any]:
        """The customer's blocks. Raises Unrenderable."""
        given = occasion.variables()
        text = self._texts.render("blocks", action.blocks, given, Escaping.SLACK_JSON, budget)
        try:
            found = json.loads(text, parse_constant=_no_json)
            # As it is sent: 1e999 is read as a number without end, half of a character as one.
            json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            raise Unrenderable(f"blocks: is no JSON: {_reason(error)}") from None
        except RecursionError:
            raise Unrenderable("blocks: is too deep") from None
        if not isinstance(found, list) or not 1 <= len(found) <= BLOCKS_MAX:
            raise Unrenderable(f"blocks: must be a list of 1 to {BLOCKS_MAX} blocks")
        for place, block in enumerate(found):
            problem = problem_of(block)
            if problem is not None:
                raise Unrenderable(f"blocks: [{place}] {problem}")
        return found


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no value")


def _reason(error: ValueError) -> str:
    return "has half of a character" if isinstance(error, UnicodeError) else str(error)


def _refused(answer: Answer) -> Outcome:
    word = answer.text.strip()
    said = f": {word}" if _WORD.fullmatch(word) else ""
    return answer.failed(f"Slack answered {answer.status}{said}")
