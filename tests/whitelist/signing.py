"""Messages with a real DKIM signature, whose key stands in the tests' name server."""

import base64

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.dns_server import DnsServer


def signed(names: DnsServer, *, sender: str, by: str, selector: str = "s1", length: bool = False) -> bytes:
    """A message From `sender` with a DKIM signature of `by`; the domain's earlier key is gone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    names.remove(f"{selector}._domainkey.{by}", "TXT")
    names.txt(f"{selector}._domainkey.{by}", f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}")
    message = (
        f"From: Vendor <{sender}>\r\nTo: requester@ttu.edu\r\nSubject: Order\r\n"
        "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@vendor.example>\r\n\r\n"
        "Your order has shipped.\r\n"
    ).encode()
    signature: bytes = dkim.sign(message, selector.encode(), by.encode(), private, length=length)
    return signature + message
