"""What is in a delivery: its body as values, its id, and which of its headers a mapping may read."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from services.ingest.domain.webhooks.model import Kind, Verification
from services.ingest.domain.webhooks.signatures import HEADERS, STRIPE_HEADER

BODY_BYTES_MAX = 5_000_000
"""As the contract says; the edge refuses larger ones by itself."""

DEPTH_MAX = 32
"""Levels of objects and lists. Nobody sends more, and an event may have 8."""

VALUES_MAX = 200_000
"""Values in one body, lists and objects counted too."""

TEXT_CHARS_MAX = 32_768
"""No event has room for a longer text: it counts as absent, so that what expressions make of texts stays small."""

TEXT_CHARS_PER_VALUE = 256
"""A long text counts as so many values more in a body's size: expressions that loop copy it in each turn."""

FORM_FIELDS_MAX = 1_000

FORM = "application/x-www-form-urlencoded"
FORM_JSON_FIELD = "payload"
"""A form with nothing but this field carries JSON in it (GitHub, Slack, Mailchimp)."""

INTEGER_MAX = 2**63 - 1

DELIVERY_ID_CHARS_MAX = 256

HEADERS_MAX = 64
HEADER_CHARS_MAX = 4_096

_CREDENTIALS = re.compile(
    "authori|authent|(^|-)auth($|-)|cookie|token|secret|signature|hmac|passw|credential|session|api-?key|access-?key|jwt|csrf|xsrf"
)
"""Headers with this in their names are never kept, whatever the source checks."""

_PERSONAL = frozenset({"forwarded", "from", "via"})
_PERSONAL_PART = re.compile("forwarded-for|(^|-)ip($|-)|client-?ip|connecting-?ip|ip-?address")
"""Say who somebody is."""

_TRANSPORT = frozenset(
    {
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "transfer-encoding",
        "x-request-id",
        "traceparent",
        "tracestate",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
    }
)
_TRANSPORT_PREFIXES = (":", "grpc-", "x-envoy-")

_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""Texts of JSON; one that does not end reaches to the end, so that there is none to begin anew."""


class Unreadable(Exception):
    """The body is not what it says it is, or too large; the text says why, without anything of it."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body as values."""

    value: Any
    """Null in an object counts as absent."""
    size: int
    """How many values there are in it; long texts count as several."""


def decode(content: bytes, content_type: str) -> Body:
    """The body as values: a form's fields, else JSON whatever its type. Raises Unreadable."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    media_type = content_type.partition(";")[0].strip().lower()
    value = _form(text) if media_type == FORM else _json(text, content)
    if _too_long(value):
        value = None
    return Body(value, _checked_size(value))


def delivery_id(how: Verification, headers: Mapping[str, str], content: bytes, body: Any) -> str:
    """What tells a delivery that comes again: the sender's id where it has one, else a hash of the body."""
    fields = body if isinstance(body, dict) else {}
    found: Any = None
    match how.kind:
        case Kind.STANDARD_WEBHOOKS:
            found = headers.get("webhook-id")
        case Kind.GITHUB:
            found = headers.get("x-github-delivery")
        case Kind.STRIPE:
            found = fields.get("id")
        case Kind.SLACK:
            found = fields.get("event_id")
        case Kind.MAILGUN:
            signature = fields.get("signature")
            found = signature.get("token") if isinstance(signature, dict) else None
    if isinstance(found, str) and 0 < len(found) <= DELIVERY_ID_CHARS_MAX and found.isprintable():
        return found
    return hashlib.sha256(content).hexdigest()


def readable(how: Verification, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a mapping may read and that are kept in quarantine: without credentials and signatures, and
    without what the transport added."""
    secret = {*HEADERS.get(how.kind, ())}
    if how.kind in (Kind.HMAC, Kind.BEARER, Kind.STRIPE):
        secret.add(how.header or STRIPE_HEADER)
    kept: dict[str, str] = {}
    for name in sorted(headers):
        value = headers[name]
        if name in secret or not _may_be_read(name) or len(value) > HEADER_CHARS_MAX:
            continue
        if len(kept) < HEADERS_MAX:
            kept[name] = value
    return kept


def _may_be_read(name: str) -> bool:
    return not (
        name in _TRANSPORT
        or name.startswith(_TRANSPORT_PREFIXES)
        or name in _PERSONAL
        or _PERSONAL_PART.search(name)
        or _CREDENTIALS.search(name)
    )


def challenge(how: Verification, body: Any) -> str:
    """What Slack wants back when it is told the URL; empty for any other delivery."""
    if how.kind is not Kind.SLACK or not isinstance(body, dict):
        return ""
    wanted = body.get("challenge")
    if body.get("type") != "url_verification" or not isinstance(wanted, str):
        return ""
    return wanted[:TEXT_CHARS_MAX]


def _form(text: str) -> Any:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise Unreadable(f"is not a form of at most {FORM_FIELDS_MAX} fields in UTF-8") from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    alone = fields.get(FORM_JSON_FIELD)
    if len(fields) == 1 and isinstance(alone, str):
        return _json(alone, alone.encode())
    return fields


def _json(text: str, content: bytes) -> Any:
    _check_count(content)
    try:
        return json.loads(
            text,
            object_pairs_hook=_present,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_not_a_number,
        )
    except Unreadable:
        raise
    except ValueError:
        raise Unreadable("is not JSON") from None
    except RecursionError:
        raise Unreadable(f"is more than {DEPTH_MAX} levels deep") from None


def _check_count(content: bytes) -> None:
    """Raises Unreadable for JSON of so many values that decoding it would take too long. A quick look at the bytes,
    which may count an empty list or object with space in it twice."""
    if _values_at_most(content) <= VALUES_MAX:
        return
    # A value has two texts at most, itself and its name. So many are not even taken out.
    many = content.count(b'"') - content.count(b'\\"') > 4 * VALUES_MAX
    if not many:
        bare = _TEXTS.sub(b"", content)
        many = _values_at_most(bare) - bare.count(b"[]") - bare.count(b"{}") > VALUES_MAX
    if many:
        raise Unreadable(f"has more than {VALUES_MAX:,} values")


def _values_at_most(content: bytes) -> int:
    return 1 + content.count(b",") + content.count(b"[") + content.count(b"{")


def _present(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}


def _integer(written: str) -> int | float:
    # An expression knows whole numbers of 64 bits; a longer one is a number like any other.
    if len(written) > 20:
        return _finite(written)
    value = int(written)
    return value if -INTEGER_MAX <= value <= INTEGER_MAX else float(value)


def _finite(written: str) -> float:
    value = float(written)
    if value - value != 0.0:
        raise Unreadable("has a number that is too large")
    return value


def _not_a_number(_: str) -> NoReturn:
    raise Unreadable("has a number that is none")


def _checked_size(value: Any) -> int:
    """How many values there are, as Body.size says. Takes out texts that are too long. Raises Unreadable."""
    size = more = 0
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX + 1):
        below: list[Any] = []
        size += len(level)
        if size > VALUES_MAX:
            raise Unreadable(f"has more than {VALUES_MAX:,} values")
        for one in level:
            if isinstance(one, dict):
                for name in [name for name, inner in one.items() if _too_long(inner)]:
                    del one[name]
                for name in one:
                    _check_text(name)
                below += one.values()
            elif isinstance(one, list):
                one[:] = [None if _too_long(inner) else inner for inner in one]
                below += one
            elif isinstance(one, str):
                _check_text(one)
                more += len(one) // TEXT_CHARS_PER_VALUE
        if not below:
            return size + more
        level = below
    raise Unreadable(f"is more than {DEPTH_MAX} levels deep")


def _too_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > TEXT_CHARS_MAX


def _check_text(text: str) -> None:
    # Half of a character, which JSON can write and UTF-8 can not.
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Unreadable("has a text that is not Unicode")
