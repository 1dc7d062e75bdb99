"""Which lead a reference belongs to. A subject is a reference as one string, `lead:<id>`, `email:<address>`,
`anonymous:<id>` or `external:<id>`; ledger entries are kept under the subject they arrived for."""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LEAD_PREFIX = "lead:"
EMAIL_PREFIX = "email:"
SUBJECT_PREFIXES = (LEAD_PREFIX, EMAIL_PREFIX, "anonymous:", "external:")

DERIVED_ID_PREFIX = "ld_"
_DERIVED_ID_LENGTH = 26
_DERIVED_ID = re.compile(rf"{DERIVED_ID_PREFIX}[a-z2-7]{{{_DERIVED_ID_LENGTH}}}")

_BY_STRENGTH = (LEAD_PREFIX, "external:", EMAIL_PREFIX, "anonymous:")
"""Kinds of references, that which says most about who somebody is first."""


def lead_id_of(subject: str) -> str:
    """The id of the lead that a subject nobody has linked yet stands for: its own where it names one, else derived
    from the subject, so that any process, at any time, in any order, gives the same."""
    if subject.startswith(LEAD_PREFIX):
        return subject.removeprefix(LEAD_PREFIX)
    digest = base64.b32encode(hashlib.sha256(subject.encode()).digest()).decode().lower()
    return DERIVED_ID_PREFIX + digest[:_DERIVED_ID_LENGTH]


def subject_of(reference: str) -> str:
    """The subject that a caller means by a lead id or a reference such as `email:Ada@example.com`."""
    if reference.startswith(EMAIL_PREFIX):
        return EMAIL_PREFIX + normal_email(reference.removeprefix(EMAIL_PREFIX))
    if reference.startswith(SUBJECT_PREFIXES[2:]):
        return reference
    return LEAD_PREFIX + reference


def normal_email(address: str) -> str:
    """The form in which addresses are compared, the same as at every door in: composed letters, in lower case, without
    space around."""
    return unicodedata.normalize("NFC", address.strip().lower())


def email_of(subject: str) -> str | None:
    """The e-mail address, where the subject is one."""
    return subject.removeprefix(EMAIL_PREFIX) if subject.startswith(EMAIL_PREFIX) else None


def own_subject(lead_id: str) -> str:
    """The reference that a lead's id is."""
    return LEAD_PREFIX + lead_id


def identity_subject(lead_id: str) -> str:
    """What the ledger keeps facts under that are about which references are a lead's: no reference, and so in no
    lead's history."""
    return f"identity:{lead_id}"


def merged_leads(lead_id: str, subjects: Iterable[str]) -> list[str]:
    """Ids of the leads whose own references have come to a lead: those that were merged into it."""
    found = (one.removeprefix(LEAD_PREFIX) for one in subjects if one.startswith(LEAD_PREFIX))
    return [one for one in found if one != lead_id]


@dataclass(frozen=True, slots=True)
class Linking:
    """What it takes to make references one lead's."""

    lead_id: str
    """The lead that stays, or is made."""
    merged: tuple[str, ...] = ()
    """Leads that become part of it, in order of their ids."""
    added: tuple[str, ...] = ()
    """References that are no lead's yet."""

    @property
    def nothing(self) -> bool:
        """Whether they are one lead's already."""
        return not self.merged and not self.added


def linking(references: Sequence[str], leads: Mapping[str, str]) -> Linking:
    """How these references become one lead's, given the leads that some of them have.

    The lead of the strongest reference stays: a lead's own id before an external id, that before an e-mail address,
    that before an anonymous id. A lead id that no lead has yet is a lead to be made; other references that are no
    lead's just become references of the one that stays.
    """
    by_strength = sorted(references, key=_strength)
    first = by_strength[0]
    known = [one for one in by_strength if one in leads]
    makes_one = first.startswith(LEAD_PREFIX) or not known
    stays = first if makes_one else known[0]
    lead_id = leads.get(stays) or lead_id_of(stays)
    return Linking(
        lead_id,
        tuple(sorted({leads[one] for one in known} - {lead_id})),
        tuple(one for one in by_strength if one not in leads),
    )


def are_different(parts: Iterable[Sequence[str]]) -> bool:
    """Whether references that are grouped by whom they stand for say that these are different people: two of them have
    lead ids that somebody chose, or two have ids in the sender's system."""
    chosen = external = 0
    for references in parts:
        chosen += any(_is_chosen(one) for one in references)
        external += any(one.startswith("external:") for one in references)
    return chosen > 1 or external > 1


def are_strangers(leads: Sequence[Sequence[str]], added: Iterable[str]) -> bool:
    """Whether somebody who may be anybody is not to be believed that these leads, each with its references, and
    references that are no lead's yet, are one lead. What he may say is whose a visitor is who has no name yet, and what
    else a lead with a name is known by; not that two with names are one, nor that one has two names of a kind."""
    new = list(added)
    named = sum(any(map(_is_name, references)) for references in leads)
    # A lead id is never one more name of a lead: the lead of that id would stay.
    chosen = sum(map(_is_chosen, new))
    parts = [*leads, *([one] for one in new)]
    addresses = sum(any(map(email_of, references)) for references in parts)
    return named + chosen > 1 or addresses > 1 or are_different(parts)


def _is_name(subject: str) -> bool:
    return subject.startswith((EMAIL_PREFIX, "external:")) or _is_chosen(subject)


def _is_chosen(subject: str) -> bool:
    return subject.startswith(LEAD_PREFIX) and not _DERIVED_ID.fullmatch(
        subject.removeprefix(LEAD_PREFIX)
    )


def _strength(subject: str) -> int:
    return next(place for place, prefix in enumerate(_BY_STRENGTH) if subject.startswith(prefix))
