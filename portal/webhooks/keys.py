"""Secrets of endpoints: derived when needed, so that the database alone is not enough to sign.

A secret is HKDF-SHA256 (RFC 5869) of SECRET_KEY with a random salt, over the endpoint's own key. The salt is in
the database and SECRET_KEY in the environment: whoever has one of them has no secret. The digest's 32 bits that
are kept tell a changed SECRET_KEY apart and say nothing of 256 random bits.
"""

import base64
import hashlib
import secrets
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from portal.webhooks.models import Endpoint

PREFIX = "whsec_"
"""Of a secret as it is shown (Standard Webhooks, "Signature scheme")."""
LENGTH = 32
_PURPOSE = b"techmail-portal webhook secret 1 "


class SecretChanged(Exception):
    """SECRET_KEY changed since the endpoint's secret was shown, so that no receiver could verify a signature."""


def new_salt() -> str:
    """A new salt: 16 random bytes in hexadecimal."""
    return secrets.token_hex(16)


def derived(endpoint: Endpoint, salt: str) -> bytes:
    """The secret of `endpoint` that belongs to `salt`: 32 bytes."""
    purpose = _PURPOSE + endpoint.key.bytes
    hkdf = HKDF(algorithm=SHA256(), length=LENGTH, salt=bytes.fromhex(salt), info=purpose)
    return hkdf.derive(settings.SECRET_KEY.encode())


def check_of(secret: bytes) -> str:
    """The first 8 hexadecimal digits of a digest of `secret`."""
    return hashlib.sha256(b"check " + secret).hexdigest()[:8]


def is_intact(endpoint: Endpoint) -> bool:
    """Whether the secret is still the one that was shown."""
    return check_of(derived(endpoint, endpoint.salt)) == endpoint.secret_check


def secrets_of(endpoint: Endpoint, now: datetime) -> list[bytes]:
    """The secrets that sign at `now`: the present one, then the one before while both count.

    Raises SecretChanged.
    """
    if not is_intact(endpoint):
        raise SecretChanged
    found = [derived(endpoint, endpoint.salt)]
    if endpoint.old_salt and endpoint.old_until and now < endpoint.old_until:
        found.append(derived(endpoint, endpoint.old_salt))
    return found


def shown_secret(endpoint: Endpoint) -> str:
    """The present secret as the receiver keeps it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(derived(endpoint, endpoint.salt)).decode()
