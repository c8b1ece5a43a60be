"""The receiver by LMTP, with Python's own client, and on the wire where that client knows less than RFC 2033."""

import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from portal.samples.models import SignedSample
from portal.samples.probe import probe_address
from tests.cast import Cast
from tests.senders.cast import signed, submitted
from tests.support.dns_server import DnsServer
from tests.support.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]


def test_a_message_by_lmtp_is_kept_as_it_came(
    names: DnsServer, cast: Cast, running_lmtp: Controller, judged: list[int]
) -> None:
    request, raw = submitted(cast), signed()
    with smtplib.LMTP("127.0.0.1", running_lmtp.port) as client:
        assert client.sendmail("bounce@crmvendor.example", [probe_address(request)], raw) == {}
    sample = SignedSample.objects.get()
    with sample.file.open("rb") as stored:
        assert stored.read() == raw
    assert (sample.service_request, judged) == (request, [sample.pk])


def test_what_is_no_live_token_gets_550_by_lmtp(
    names: DnsServer, cast: Cast, running_lmtp: Controller
) -> None:
    with smtplib.LMTP("127.0.0.1", running_lmtp.port) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("a@crmvendor.example", ["president@ttu.edu"], signed())
        assert refused.value.recipients["president@ttu.edu"][0] == 550
    assert not SignedSample.objects.exists()


def test_hello_must_fit_the_protocol(running: Controller, running_lmtp: Controller) -> None:
    with smtplib.SMTP("127.0.0.1", running_lmtp.port) as client:
        assert client.docmd("EHLO", "x.example")[0] == 500
        assert client.docmd("LHLO", "x.example")[0] == 250
    with smtplib.SMTP("127.0.0.1", running.port) as client:
        assert client.docmd("LHLO", "x.example")[0] == 500
        assert client.docmd("EHLO", "x.example")[0] == 250


class Wire:
    """A client that reads answers line by line: smtplib reads one after DATA, however many there are."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.lines = self.socket.makefile("rb")
        self.answer()

    def answer(self) -> str:
        line = self.lines.readline().decode()
        while line[3:4] == "-":
            line = self.lines.readline().decode()
        return line.strip()

    def say(self, text: str) -> str:
        self.socket.sendall(text.encode() + b"\r\n")
        return self.answer()


def begun(port: int, recipients: list[str]) -> Wire:
    wire = Wire(port)
    for line in ("LHLO x.example", "MAIL FROM:<>", *(f"RCPT TO:<{one}>" for one in recipients)):
        assert wire.say(line).startswith("250"), line
    assert wire.say("DATA").startswith("354")
    return wire


def test_each_recipient_gets_an_answer_of_its_own(
    names: DnsServer, cast: Cast, running_lmtp: Controller
) -> None:
    closed, live = submitted(cast), submitted(cast, keys=("s2 s1.dkim.crmvendor.example",))
    wire = begun(running_lmtp.port, [probe_address(closed), probe_address(live)])
    type(closed).objects.filter(pk=closed.pk).update(state="denied")  # while the message is on its way
    wire.socket.sendall(signed() + b".\r\n")
    assert [wire.answer()[:3], wire.answer()[:3]] == ["550", "250"]
    assert wire.say("NOOP").startswith("250")
    assert SignedSample.objects.get().service_request == live
    wire.socket.close()


def test_a_message_too_large_is_refused_once_for_each_recipient(
    names: DnsServer, cast: Cast, running_lmtp: Controller
) -> None:
    both = [submitted(cast), submitted(cast, keys=("s2 s1.dkim.crmvendor.example",))]
    wire = begun(running_lmtp.port, [probe_address(one) for one in both])
    wire.socket.sendall((b"x" * 76 + b"\r\n") * 140_000 + b".\r\n")
    assert [wire.answer()[:3], wire.answer()[:3]] == ["552", "552"]
    assert wire.say("NOOP").startswith("250")
    assert not SignedSample.objects.exists()
    wire.socket.close()


@pytest.mark.parametrize(("options", "client"), [((), smtplib.SMTP), (("--lmtp",), smtplib.LMTP)])
def test_the_command_listens_and_ends_on_sigterm(
    options: tuple[str, ...], client: type[smtplib.SMTP]
) -> None:
    port = free_port()
    command = [sys.executable, "manage.py", "receive_samples", "--listen", f"127.0.0.1:{port}", *options]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, env={"DJANGO_SETTINGS_MODULE": "tests.settings"}
    )
    try:
        assert process.stdout is not None
        assert f"on 127.0.0.1:{port}" in process.stdout.readline().decode()
        with client("127.0.0.1", port) as connected:
            connected.ehlo_or_helo_if_needed()
            assert connected.has_extn("8bitmime")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
