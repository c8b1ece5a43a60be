"""Files that are no message, and messages made to hurt: one sentence each, in bounded time and memory."""

import base64
import io
import time
import tracemalloc
import zipfile

import pytest

from portal.mailauth.message_intake import MessageRefused, read_message
from portal.mailauth.message_report import MessageReport, check_message
from portal.mailauth.mime_nesting import nesting
from tests.mailauth.conftest import resolver_for
from tests.mailauth.signing import message, rsa_key, sign
from tests.support.clock import Stopwatch
from tests.support.dns_server import DnsServer

HEADER = b"From: a@ttu.edu\r\n"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("message.eml", message())
    return buffer.getvalue()


def multiparts(depth: int) -> bytes:
    levels = (
        f'Content-Type: multipart/mixed;\r\n boundary="b{n}"\r\n\r\n--b{n}\r\n'.encode() for n in range(depth)
    )
    return HEADER + b"".join(levels) + b"\r\nx\r\n"


def forwarded(depth: int) -> bytes:
    return HEADER + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nx\r\n"


REFUSED = [
    ("zip", zipped(), "a ZIP archive"),
    ("outlook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, "an Outlook .msg file"),
    ("pdf", b"%PDF-1.7\n", "a PDF"),
    ("empty", b"", "The file is empty"),
    ("blank", b" \r\n\r\n", "The file is empty"),
    ("40 MB", HEADER + b"\r\n" + b"x" * 40 * 1024 * 1024, "has 40.0 MB; at most 10 MB"),
    ("multipart 500 deep", multiparts(500), "nested more than 100 deep"),
    ("forwarded 500 deep", forwarded(500), "nested more than 100 deep"),
    (
        "too many parts",
        HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\n" * 5000,
        "more than 1000 parts",
    ),
    ("NUL", HEADER + b"\r\na\x00b", "a NUL byte"),
    ("bare CR in the body", HEADER + b"\r\na\rb", "a CR without its LF"),
    ("bare CR in the header", b"From: a@ttu.edu\rSubject: x\r\n\r\n", "a CR without its LF"),
    ("text", b"Dear colleague,\r\n\r\nhello", "line 1 is no header field"),
    ("starts with a fold", b" x\r\nFrom: a@ttu.edu\r\n", "line 1 is no header field"),
    ("broken header", HEADER + b"no colon here\r\n\r\n", "line 2 is no header field"),
    ("large header", HEADER + b"X: y\r\n" * 60_000, "more than 256 kB"),
    ("many fields", HEADER + b"X: y\r\n" * 2000, "more than 1000 fields"),
    ("blanks", HEADER + b"X: a" + b" " * 500 + b"b\r\n\r\n", "256 blanks in a row"),
]


@pytest.mark.parametrize(("raw", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_a_sentence(raw: bytes, text: str) -> None:
    started = time.process_time()
    with pytest.raises(MessageRefused, match=text) as refused:
        read_message(raw)
    assert str(refused.value).endswith(".")
    assert time.process_time() - started < 1.0


def test_taken() -> None:
    taken = read_message(b"\xef\xbb\xbf" + message())
    assert [name for name, _ in taken.fields] == ["From", "To", "Subject", "Date", "Message-ID"]
    assert taken.body.startswith(b"Hi.")
    assert read_message(b"From x@y Thu Jan  1\n" + message()).values("from") == [b" Joe <joe@ttu.edu>"]
    assert read_message(HEADER).body == b""
    assert read_message(multiparts(99)).fields[0][0] == "From"


def test_nesting() -> None:
    siblings = (
        HEADER + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\nx\r\n" * 9 + b"--a--\r\n"
    )
    assert nesting(siblings) == (1, 10)
    inner = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
    nested = (
        HEADER
        + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + (b"--a\r\n" + inner) * 3
        + b"--a--\r\n"
    )
    assert nesting(nested) == (2, 7)
    assert nesting(HEADER + b"X: " + b"y" * 300_000 + b"\r\n\r\n")[0] == 0


def test_memory_stays_near_the_size_of_the_file() -> None:
    raw = HEADER + b"\r\n" + b"\r\n" * (5 * 1024 * 1024 - 20)
    tracemalloc.start()
    try:
        read_message(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(raw)


# ---------------------------------------------------------------- signed messages made to hurt
def quickly(server: DnsServer, raw: bytes, seconds: float) -> MessageReport:
    watch = Stopwatch()
    report = check_message(raw, resolver=resolver_for(server.address, 1.0))
    assert watch.seconds < seconds
    return report


@pytest.fixture
def ttu(server: DnsServer) -> DnsServer:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.txt("s1._domainkey.ttu.edu", rsa_key().record)
    return server


@pytest.mark.parametrize(
    "body",
    [b" " * 9_000_000 + b"x", b"\r\n" * 4_500_000, (b" " * 990 + b"x\r\n") * 9000, b"\t \r\n" * 2_000_000],
)
def test_bodies_that_cost_the_square(ttu: DnsServer, body: bytes) -> None:
    field = sign(message()).partition(b"From:")[0]
    report = quickly(ttu, field * 8 + message(body=body), 10.0)
    assert [one.valid for one in report.dkim] == [False] * 8


@pytest.mark.parametrize(
    "junk",
    [
        b"b=" + b"a \r\n " * 3000,
        b"b=" + b"A" * 15_000 + b"!",
        b"h=" + b"from : " * 2000,
        b"bh=" + b" =" * 7000,
        b"h=" + b": " * 7000,
        b"=" * 15_000,
        b";" * 15_000,
        b"x=" + b"9" * 15_000,
        b"l=" + b"9" * 70,
        b"i=" + b"@." * 7000,
        b"d=" + b"a." * 7000,
    ],
)
def test_signature_fields_made_to_hurt(ttu: DnsServer, junk: bytes) -> None:
    good = sign(message()).partition(b"From:")[0].removesuffix(b"\r\n")
    for field in (
        good + b"; " + junk,
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; s=s1; d=ttu.edu; " + junk,
    ):
        report = quickly(ttu, field + b"\r\n" + message(), 3.0)
        assert [one.valid for one in report.dkim] == [False]


@pytest.mark.parametrize("exponent_bits", [17, 60_000])
def test_keys_that_cost_the_cube(ttu: DnsServer, exponent_bits: int) -> None:
    def number(bits: int) -> bytes:
        raw = ((1 << bits) - 1).to_bytes(bits // 8 + 1, "big")
        return b"\x02\x83" + len(raw).to_bytes(3, "big") + raw

    body = number(30_000) + number(exponent_bits)
    der = b"\x30\x83" + len(body).to_bytes(3, "big") + body
    ttu.txt("k._domainkey.ttu.edu", "v=DKIM1; p=" + base64.b64encode(der).decode())
    report = quickly(ttu, sign(message(), selector="k"), 3.0)
    assert report.dkim[0].valid is False


def test_a_key_of_sixty_kilobytes(ttu: DnsServer) -> None:
    ttu.txt("k._domainkey.ttu.edu", "v=DKIM1; p=" + "A" * 60_000)
    report = quickly(ttu, sign(message(), selector="k"), 3.0)
    assert report.dkim[0].valid is None
