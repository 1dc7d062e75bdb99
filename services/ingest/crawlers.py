"""User agents of crawlers, from the list that `crawler-user-agents` collects (https://github.com/monperrus/
crawler-user-agents), made fast: 1,500 patterns one after the other take their time, an index of them takes little.
"""

import re
from collections import defaultdict
from functools import lru_cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

USER_AGENT_CHARS_MAX = 512
"""Looked at; real ones are shorter, and what names a crawler comes early."""

REMEMBERED_MAX = 4_096
"""User agents whose answer is kept: a website's visitors have few."""

ON_BEHALF = ("GoogleImageProxy", "YahooMailProxy")
"""Fetch a mail's pictures when the person opens it: in the list, and yet no sign that nobody did."""

_INDEXED_CHARS = 4


def is_crawler(user_agent: str) -> bool:
    """Whether a user agent is a known crawler's or another program's that no person sits at."""
    return _is_crawler(user_agent[:USER_AGENT_CHARS_MAX])


@lru_cache(REMEMBERED_MAX)
def _is_crawler(user_agent: str) -> bool:
    if any(name in user_agent for name in ON_BEHALF):
        return False
    for start in range(len(user_agent) - _INDEXED_CHARS + 1):
        for text in _TEXTS.get(user_agent[start : start + _INDEXED_CHARS], ()):
            if user_agent.startswith(text, start):
                return True
    return _OTHER_PATTERNS.search(user_agent) is not None


def _text(pattern: str) -> str | None:
    """The text that a pattern stands for; None when it stands for several."""
    bare = _ESCAPED.sub("", pattern)
    return None if _SPECIAL.search(bare) else _ESCAPED.sub(r"\1", pattern)


_ESCAPED = re.compile(r"\\([^\w\s])")
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")


def _indexed(patterns: list[str]) -> tuple[dict[str, list[str]], re.Pattern[str]]:
    """Texts by how they begin, and one pattern of all that is no text or too short."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    others = []
    for pattern in patterns:
        text = _text(pattern)
        if text is None or len(text) < _INDEXED_CHARS:
            others.append(pattern)
        else:
            texts[text[:_INDEXED_CHARS]].append(text)
    return dict(texts), re.compile("|".join(others))


_TEXTS, _OTHER_PATTERNS = _indexed([entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA])
