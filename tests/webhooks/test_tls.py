"""TLS: the certificate is verified for the name in the URL, on the address that was checked."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.webhooks import sending
from tests.support.dns_server import DnsServer
from tests.webhooks.receiver import Receiver


def certificate(folder: Path, *names: x509.GeneralName) -> Path:
    """A certificate of its own authority for `names`, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def test_a_trusted_certificate_is_taken(tmp_path: Path, settings: Any) -> None:
    file = certificate(tmp_path, LOOPBACK)
    settings.WEBHOOK_CA_FILE = str(file)
    with Receiver(certificate=file) as receiver:
        assert sending.post(receiver.url, {}, b"{}").is_delivered


def test_an_unknown_authority_is_not(tmp_path: Path) -> None:
    with Receiver(certificate=certificate(tmp_path, LOOPBACK)) as receiver:
        result = sending.post(receiver.url, {}, b"{}")
        assert (result.status, receiver.got) == (None, [])
        assert "certificate" in result.words


@pytest.mark.parametrize(("name", "is_taken"), [("hooks.example.edu", True), ("other.example.edu", False)])
def test_the_name_is_what_is_verified(tmp_path: Path, settings: Any, name: str, is_taken: bool) -> None:
    file = certificate(tmp_path, x509.DNSName(name), LOOPBACK)
    settings.WEBHOOK_CA_FILE = str(file)
    with DnsServer() as dns, Receiver(certificate=file) as receiver:
        settings.DNS_RESOLVER = dns.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        dns.add("hooks.example.edu", "A", "127.0.0.1")
        result = sending.post(f"https://hooks.example.edu:{receiver.port}/", {}, b"{}")
        assert result.is_delivered is is_taken
        assert len(receiver.got) == is_taken
        if is_taken:
            assert receiver.got[0].headers["host"] == f"hooks.example.edu:{receiver.port}"


def test_plain_http_behind_https_fails(settings: Any) -> None:
    with Receiver() as receiver:
        result = sending.post(receiver.url.replace("http:", "https:"), {}, b"{}")
        assert (result.status, receiver.got) == (None, [])


def test_nobody_listens() -> None:
    with Receiver() as receiver:
        url = receiver.url
    result = sending.post(url, {}, b"{}")
    assert result.status is None
    assert "127.0.0.1" in result.words
