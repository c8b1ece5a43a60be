"""Bearer tokens for programs: made at random, shown once, kept as a digest."""

import hashlib
import secrets

LONGEST_TOKEN = 100
_SHOWN = 6


def new_token(prefix: str = "") -> tuple[str, str, str]:
    """A token that begins with `prefix` (256 random bits after it), its digest, and the first characters as a hint."""
    token = prefix + secrets.token_urlsafe(32)
    return token, digest_of(token), token[: len(prefix) + _SHOWN]


def digest_of(token: str) -> str:
    """What is kept of a token: SHA-256 in hexadecimal. It needs no salt, since a token cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def digest_in(header: str, prefix: str) -> str | None:
    """The digest of the token in an Authorization header (RFC 6750, section 2.1); None where it has none of ours."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "bearer" or not given.startswith(prefix) or len(given) > LONGEST_TOKEN:
        return None
    return digest_of(given)
