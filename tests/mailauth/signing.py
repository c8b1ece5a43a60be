"""Signing messages for tests: keys made for the run, published at a test's own server."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dkim
import nacl.encoding
import nacl.signing
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

BODY = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"


@dataclass(frozen=True)
class Key:
    kind: str
    private: bytes
    public: str

    @property
    def record(self) -> str:
        return f"v=DKIM1; k={self.kind}; p={self.public}"


@cache
def rsa_key(bits: int = 2048) -> Key:
    private = rsa.generate_private_key(65537, bits)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Key("rsa", pem, base64.b64encode(der).decode())


@cache
def ed25519_key() -> Key:
    private = nacl.signing.SigningKey.generate()
    public = private.verify_key.encode(nacl.encoding.Base64Encoder).decode()
    return Key("ed25519", private.encode(nacl.encoding.Base64Encoder), public)


def message(sender: str = "Joe <joe@ttu.edu>", body: bytes = BODY, extra: str = "") -> bytes:
    header = f"From: {sender}\r\nTo: suzie@shopping.example\r\nSubject: Is dinner ready?\r\n{extra}"
    return (
        header.encode() + b"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <1@ttu.edu>\r\n\r\n" + body
    )


class _Signer(dkim.DKIM):  # dkimpy has no types
    """dkimpy's signer with tags that it does not offer (x=, i=) put into the signature."""

    more: Sequence[tuple[bytes, bytes]] = ()

    def gen_header(self, fields: list[Any], *args: Any, **kwargs: Any) -> Any:
        fields[-2:-2] = list(self.more)
        return super().gen_header(fields, *args, **kwargs)


def sign(
    raw: bytes,
    *,
    domain: str = "ttu.edu",
    selector: str = "s1",
    key: Key | None = None,
    algorithm: str | None = None,
    canonical: str = "relaxed/relaxed",
    headers: Sequence[str] = ("from", "to", "subject", "date", "message-id"),
    length: bool = False,
    more: Sequence[tuple[str, str]] = (),
) -> bytes:
    """The message with a DKIM-Signature in front."""
    key = key or rsa_key()
    signer = _Signer(raw, signature_algorithm=(algorithm or f"{key.kind}-sha256").encode())
    signer.more = [(name.encode(), value.encode()) for name, value in more]
    field = signer.sign(
        selector.encode(),
        domain.encode(),
        key.private,
        canonicalize=tuple(part.encode() for part in canonical.split("/")),
        include_headers=[name.encode() for name in headers],
        length=length,
    )
    return bytes(field) + raw
