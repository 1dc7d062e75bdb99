"""Whether a delivery comes from who knows the source's secret. Signatures are over the body as it came and compared in
constant time, each valid secret with each signature that is given.

Every way is its sender's: https://www.standardwebhooks.com, and the pages on webhooks of GitHub, Stripe, Slack, HubSpot
(request validation, version 3), Mailgun and SendGrid (signed event webhook).
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.ingest.domain.webhooks.model import (
    TOLERANCE_S_DEFAULT,
    Digest,
    Encoding,
    Kind,
    Verification,
)

STANDARD_PREFIX = "whsec_"

HEADERS: dict[Kind, tuple[str, ...]] = {
    Kind.STANDARD_WEBHOOKS: ("webhook-signature",),
    Kind.GITHUB: ("x-hub-signature-256", "x-hub-signature"),
    Kind.SLACK: ("x-slack-signature",),
    Kind.HUBSPOT: ("x-hubspot-signature-v3", "x-hubspot-signature"),
    Kind.SENDGRID: ("x-twilio-email-event-webhook-signature",),
}
"""Where signatures are, by kind: a mapping has no use for them."""

STRIPE_HEADER = "stripe-signature"

SIGNATURES_MAX = 16
"""More in one header are not looked at: each costs a comparison with each secret."""

TIMESTAMP_DIGITS_MAX = 16

MAILGUN_BODY_BYTES_MAX = 262_144
"""Mailgun's proof is inside of the body, which anybody may have written: it is read before anything is proven."""

METHOD = "POST"

VerifyEcdsa = Callable[[str, bytes, bytes], bool]
"""Whether a public key (base64, as SendGrid shows it) made a signature (DER) of a message, by ECDSA with SHA-256."""


class NotProven(Exception):
    """The delivery does not prove itself. The text says what is missing or wrong, and nothing that helps to forge."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a delivery came with."""

    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


def verify(
    how: Verification,
    secrets: Sequence[str],
    given: Signed,
    now_s: float,
    verify_ecdsa: VerifyEcdsa,
) -> None:
    """Raises NotProven unless one of the secrets made the signature. `now_s`: seconds since 1970."""
    if how.kind is Kind.NONE:
        return
    if how.kind is Kind.SENDGRID:
        _verify_sendgrid(how, secrets, given, now_s, verify_ecdsa)
        return
    if how.kind is Kind.BEARER:
        _verify_bearer(how, secrets, given)
        return
    message, signatures = _SIGNED[how.kind](how, given, now_s)
    for secret in secrets:
        expected = hmac.new(_key(how.kind, secret), message, _digest(how)).digest()
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return
    raise NotProven("the signature is not one of this source's secrets")


def standard_key(secret: str) -> bytes:
    """The key that a secret of Standard Webhooks stands for. Raises ValueError for one that is not base64."""
    text = secret.removeprefix(STANDARD_PREFIX).rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _key(kind: Kind, secret: str) -> bytes:
    return standard_key(secret) if kind is Kind.STANDARD_WEBHOOKS else secret.encode()


def _digest(how: Verification) -> str:
    return how.digest.value if how.kind is Kind.HMAC else Digest.SHA256.value


def _verify_bearer(how: Verification, secrets: Sequence[str], given: Signed) -> None:
    if how.header:
        token = _header(given, how.header)
    else:
        scheme, _, token = _header(given, "authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotProven("authorization must be Bearer and the token")
    offered = token.strip().encode()
    if not any(hmac.compare_digest(secret.encode(), offered) for secret in secrets):
        raise NotProven("the token is not one of this source's secrets")


def _verify_sendgrid(
    how: Verification,
    secrets: Sequence[str],
    given: Signed,
    now_s: float,
    verify_ecdsa: VerifyEcdsa,
) -> None:
    stamp = _header(given, "x-twilio-email-event-webhook-timestamp")
    _check_time(how, stamp, now_s)
    signature = _decoded(_header(given, "x-twilio-email-event-webhook-signature"), Encoding.BASE64)
    if not signature or not any(
        verify_ecdsa(secret, signature, stamp.encode() + given.body) for secret in secrets
    ):
        raise NotProven("the signature is not by one of this source's public keys")


def _standard(how: Verification, given: Signed, now_s: float) -> tuple[bytes, list[bytes]]:
    listed = _header(given, "webhook-signature")
    id_, stamp = _header(given, "webhook-id"), _header(given, "webhook-timestamp")
    _check_time(how, stamp, now_s)
    offered = []
    for one in listed.split(" ")[:SIGNATURES_MAX]:
        version, _, signature = one.partition(",")
        if version == "v1":
            offered.append(signature)
    return f"{id_}.{stamp}.".encode() + given.body, _all_decoded(offered, Encoding.BASE64)


def _github(how: Verification, given: Signed, _: float) -> tuple[bytes, list[bytes]]:
    return given.body, _prefixed(given, "x-hub-signature-256", "sha256=", Encoding.HEX)


def _stripe(how: Verification, given: Signed, now_s: float) -> tuple[bytes, list[bytes]]:
    stamp, offered = _stripe_parts(_header(given, how.header or STRIPE_HEADER))
    _check_time(how, stamp, now_s)
    return f"{stamp}.".encode() + given.body, _all_decoded(offered, Encoding.HEX)


def _stripe_parts(written: str) -> tuple[str, list[str]]:
    stamp, offered = "", []
    for part in written.split(",")[: SIGNATURES_MAX + 1]:
        name, _, value = part.strip().partition("=")
        if name == "t":
            stamp = value
        elif name == "v1":
            offered.append(value)
    return stamp, offered


def _slack(how: Verification, given: Signed, now_s: float) -> tuple[bytes, list[bytes]]:
    signatures = _prefixed(given, "x-slack-signature", "v0=", Encoding.HEX)
    stamp = _header(given, "x-slack-request-timestamp")
    _check_time(how, stamp, now_s)
    return f"v0:{stamp}:".encode() + given.body, signatures


def _hmac(how: Verification, given: Signed, _: float) -> tuple[bytes, list[bytes]]:
    return given.body, _prefixed(given, how.header, how.prefix, how.encoding)


def _hubspot(how: Verification, given: Signed, now_s: float) -> tuple[bytes, list[bytes]]:
    signature = _header(given, "x-hubspot-signature-v3")
    stamp = _header(given, "x-hubspot-request-timestamp")
    # In milliseconds, unlike everybody else's.
    _check_time(how, stamp, now_s, per_second=1000)
    message = f"{METHOD}{how.url}".encode() + given.body + stamp.encode()
    return message, _all_decoded([signature], Encoding.BASE64)


def _mailgun(how: Verification, given: Signed, now_s: float) -> tuple[bytes, list[bytes]]:
    stamp, token, signature = mailgun_proof(given.body)
    _check_time(how, stamp, now_s)
    return (stamp + token).encode(), _all_decoded([signature], Encoding.HEX)


def mailgun_proof(body: bytes) -> tuple[str, str, str]:
    """Timestamp, token and signature in a body of Mailgun's. Raises NotProven."""
    if len(body) > MAILGUN_BODY_BYTES_MAX:
        raise NotProven(f"the body is larger than {MAILGUN_BODY_BYTES_MAX:,} bytes")
    try:
        proof = json.loads(body)["signature"]
        found = tuple(str(proof[name]) for name in ("timestamp", "token", "signature"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotProven("the body has no signature") from error
    stamp, token, signature = found
    return stamp, token, signature


_SIGNED: dict[Kind, Callable[[Verification, Signed, float], tuple[bytes, list[bytes]]]] = {
    Kind.STANDARD_WEBHOOKS: _standard,
    Kind.GITHUB: _github,
    Kind.STRIPE: _stripe,
    Kind.SLACK: _slack,
    Kind.HMAC: _hmac,
    Kind.HUBSPOT: _hubspot,
    Kind.MAILGUN: _mailgun,
}
"""What was signed, and the signatures that are given."""


def _header(given: Signed, name: str) -> str:
    value = given.headers.get(name, "")
    if not value:
        raise NotProven(f"the header {name} is missing")
    return value


def _prefixed(given: Signed, header: str, prefix: str, encoding: Encoding) -> list[bytes]:
    value = _header(given, header)
    if not value.startswith(prefix):
        raise NotProven(f"the header {header} must begin with {prefix}")
    return _all_decoded([value[len(prefix) :].strip()], encoding)


def _check_time(how: Verification, stamp: str, now_s: float, per_second: int = 1) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= TIMESTAMP_DIGITS_MAX):
        raise NotProven("the timestamp is not a whole number of its unit since 1970")
    tolerance_s = TOLERANCE_S_DEFAULT if how.tolerance_s is None else how.tolerance_s
    if abs(now_s - int(stamp) / per_second) > tolerance_s:
        raise NotProven("the timestamp is too old or too far ahead")


def _all_decoded(texts: Iterable[str], encoding: Encoding) -> list[bytes]:
    return [_decoded(text, encoding) for text in texts]


def _decoded(text: str, encoding: Encoding) -> bytes:
    """What a signature says; empty, which no signature is, for what is none."""
    try:
        if encoding is Encoding.HEX:
            return bytes.fromhex(text) if " " not in text else b""
        bare = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
