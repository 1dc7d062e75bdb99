"""Signatures by elliptic curves, which the standard library lacks: SendGrid signs its deliveries so. What is signed is
in domain/webhooks/signatures.py."""

import base64
import binascii
import re
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

KEYS_MAX = 256
"""Reading a key takes longer than verifying with it."""

_ARMOUR = re.compile("-----(?:BEGIN|END) PUBLIC KEY-----")


class InvalidPublicKey(ValueError):
    """Not the public key of an elliptic curve in base64."""


def verify_ecdsa(public_key: str, signature: bytes, message: bytes) -> bool:
    """Whether the key made the signature (DER) of the message, by ECDSA with SHA-256. Raises InvalidPublicKey."""
    try:
        read_public_key(public_key).verify(signature, message, ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=KEYS_MAX)
def read_public_key(text: str) -> EllipticCurvePublicKey:
    """The key in the base64 of its DER form, with or without the lines around it that PEM has. Raises
    InvalidPublicKey."""
    bare = "".join(_ARMOUR.sub("", text).split())
    try:
        key = load_der_public_key(base64.b64decode(bare, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise InvalidPublicKey from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise InvalidPublicKey
    return key
