"""Tokens that deliveries were proven with where the proof is not of the body (Mailgun): each stands for one body. In
memory, by process: another process, or one that was started anew, knows nothing of them."""

import hashlib
from collections import OrderedDict

from services.ingest.domain.webhooks.signatures import NotProven

TOKENS_MAX = 100_000
"""Some 20 MB; the oldest go first. They are of use for the tolerance of the timestamp, five minutes by default."""


class UsedTokens:
    """Which token came with which body."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[bytes, bytes] = OrderedDict()

    def use(self, source_id: str, token: str, body: bytes) -> None:
        """Take a token that is proven. Raises NotProven when it came with another body."""
        key = hashlib.sha256(f"{source_id}\n{token}".encode()).digest()
        digest = hashlib.sha256(body).digest()
        if self._bodies.setdefault(key, digest) != digest:
            raise NotProven("the token was used for another body")
        if len(self._bodies) > TOKENS_MAX:
            self._bodies.popitem(last=False)
