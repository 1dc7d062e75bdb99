"""Which leads belong to a sample or to a variant: decided by a hash of their ids, so that it is the same each time, and
for any two callers.

A lead's place is the first 8 bytes of SHA-256 over `<seed>\\n<lead id>` in UTF-8, as a number from 0 up to 2^64.
"""

from collections.abc import Sequence
from hashlib import sha256

PLACES = 2**64

_SAMPLE_SEED = ""


def place(seed: str, lead_id: str) -> int:
    """Where a lead stands: from 0 up to, and without, PLACES."""
    digest = sha256(f"{seed}\n{lead_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def is_sampled(lead_id: str, share: float) -> bool:
    """Whether a lead is in the sample of this share of all. A larger sample holds every smaller one."""
    return place(_SAMPLE_SEED, lead_id) < share * PLACES


def variant_of(seed: str, lead_id: str, weights: Sequence[int]) -> int:
    """The index of a lead's variant, of which each gets a share in proportion to its weight."""
    ticket = place(seed, lead_id) * sum(weights) // PLACES
    for index, weight in enumerate(weights):
        if ticket < weight:
            return index
        ticket -= weight
    raise ValueError("weights must be positive")
