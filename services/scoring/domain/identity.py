"""Which lead a reference belongs to. A subject is a reference as one string, `lead:<id>`, `email:<address>`,
`anonymous:<id>` or `external:<id>`; ledger entries are kept under the subject they arrived for."""

import base64
import hashlib

LEAD_PREFIX = "lead:"
EMAIL_PREFIX = "email:"
SUBJECT_PREFIXES = (LEAD_PREFIX, EMAIL_PREFIX, "anonymous:", "external:")

DERIVED_ID_PREFIX = "ld_"
_DERIVED_ID_LENGTH = 26


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
        return EMAIL_PREFIX + reference.removeprefix(EMAIL_PREFIX).strip().lower()
    if reference.startswith(SUBJECT_PREFIXES[2:]):
        return reference
    return LEAD_PREFIX + reference


def email_of(subject: str) -> str | None:
    """The e-mail address, where the subject is one."""
    return subject.removeprefix(EMAIL_PREFIX) if subject.startswith(EMAIL_PREFIX) else None
