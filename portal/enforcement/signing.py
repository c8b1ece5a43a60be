"""The portal's signature of releases: Ed25519 (RFC 8032), with a key from the environment. A key's id is the
start of its public key's digest, so that a host with several keys knows which one to use, and a new key can be
installed before the portal signs with it.
"""

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

KEY_ID_LENGTH = 16


class SigningKeyMissing(Exception):
    """EXPORT_SIGNING_KEY is not set, so mail hosts cannot pull."""


def has_key() -> bool:
    """Whether a key is set, and mail hosts can pull."""
    return settings.EXPORT_SIGNING_KEY is not None


def _key() -> Ed25519PrivateKey:
    if settings.EXPORT_SIGNING_KEY is None:
        raise SigningKeyMissing("EXPORT_SIGNING_KEY is not set (docs/exports.md, Keys).")
    return Ed25519PrivateKey.from_private_bytes(settings.EXPORT_SIGNING_KEY)


def sign(message: bytes) -> bytes:
    """The 64 bytes of the signature. Raises SigningKeyMissing."""
    return _key().sign(message)


def is_signed(message: bytes, signature: bytes) -> bool:
    """Whether the key in use signed `message`. Raises SigningKeyMissing."""
    try:
        _key().public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return True


def public_pem(private: bytes | None = None) -> str:
    """The public half in PEM, as `openssl pkeyutl` reads it. Raises SigningKeyMissing."""
    key = _key() if private is None else Ed25519PrivateKey.from_private_bytes(private)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def key_id() -> str:
    """The id of the key in use. Raises SigningKeyMissing."""
    return key_id_of(public_pem())


def key_id_of(pem: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the public key's DER form."""
    body = "".join(line for line in pem.splitlines() if not line.startswith("-"))
    return hashlib.sha256(base64.b64decode(body)).hexdigest()[:KEY_ID_LENGTH]


def new_private_key() -> str:
    """A fresh private key in base64, as EXPORT_SIGNING_KEY takes it."""
    raw = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    return base64.b64encode(raw).decode()
