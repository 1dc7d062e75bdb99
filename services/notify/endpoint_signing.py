"""Signatures of deliveries as Standard Webhooks has them (specification 1.0.0): `v1` is HMAC-SHA256 with a shared
secret, `v1a` ed25519, of which the receiver has only the public key. Secrets are drawn here, too."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from services.notify.domain.endpoints import Signing

SHARED_PREFIX = "whsec_"
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"

KEY_BYTES = 32
"""Of a shared secret; Standard Webhooks recommends 24 to 64."""


def draw_secret(signing: Signing) -> str:
    """A secret to sign with."""
    if signing is Signing.HMAC:
        return SHARED_PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    seed = Ed25519PrivateKey.generate().private_bytes_raw()
    return PRIVATE_PREFIX + base64.b64encode(seed).decode()


def public_key(secret: str) -> str:
    """What verifies the signatures of an ed25519 secret."""
    raw = _private(secret).public_key().public_bytes_raw()
    return PUBLIC_PREFIX + base64.b64encode(raw).decode()


def headers(
    delivery_id: str, body: str, secrets_: Sequence[str], sent_at: datetime
) -> list[tuple[str, str]]:
    """The headers that prove a delivery, with a signature of each secret, whichever kind it is of."""
    return [
        ("webhook-id", delivery_id),
        ("webhook-timestamp", str(int(sent_at.timestamp()))),
        ("webhook-signature", " ".join(_sign(one, delivery_id, body, sent_at) for one in secrets_)),
    ]


def _sign(secret: str, delivery_id: str, body: str, sent_at: datetime) -> str:
    if secret.startswith(PRIVATE_PREFIX):
        signed = f"{delivery_id}.{int(sent_at.timestamp())}.{body}".encode()
        return f"v1a,{base64.b64encode(_private(secret).sign(signed)).decode()}"
    return Webhook(secret).sign(delivery_id, sent_at, body)


def _private(secret: str) -> Ed25519PrivateKey:
    seed = base64.b64decode(secret.removeprefix(PRIVATE_PREFIX), validate=True)
    return Ed25519PrivateKey.from_private_bytes(seed)
