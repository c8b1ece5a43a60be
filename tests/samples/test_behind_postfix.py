"""The receiver behind a real Postfix, routed as docs/probe.md says: the signature survives, by LMTP and by SMTP."""

import smtplib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.grants.states import GrantState
from portal.samples.models import SignedSample
from portal.samples.probe import probe_address
from portal.samples.receiver import controller
from portal.samples.services import judge_sample
from tests.cast import Cast
from tests.conftest import program
from tests.senders.cast import signed, waiting
from tests.support.dns_server import DnsServer
from tests.support.ports import free_port
from tests.support.postfix import PostfixServer

pytestmark = pytest.mark.django_db(transaction=True)
DEADLINE_SECONDS = 60


class MailHost(PostfixServer):
    """A Postfix that hands mail on as well."""

    def _master(self) -> str:
        return super()._master() + "smtp unix - - n - - smtp\nlmtp unix - - n - - lmtp\n"

    def take(self, sender: str, recipient: str, raw: bytes) -> None:
        """Send one message to the mail host."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            assert client.sendmail(sender, [recipient], raw) == {}


@pytest.fixture
def mail_host() -> Iterator[Callable[[str], MailHost]]:
    """Start a mail host whose transport of the probe mailbox is the given one."""
    found = program("postfix", "apt-get install postfix")
    # Not below pytest's own folder: another run of pytest closes that to the postfix user at its start.
    with tempfile.TemporaryDirectory(prefix="techmail-postfix-") as folder:
        yield from _mail_host(MailHost(Path(folder), found))


def _mail_host(host: MailHost) -> Iterator[Callable[[str], MailHost]]:

    def start(transport: str) -> MailHost:
        host.start(
            "recipient_delimiter = +\n"
            "mynetworks = 127.0.0.0/8\n"
            "smtpd_relay_restrictions = permit_mynetworks, reject\n"
            f"transport_maps = inline:{{ {{ probe@ttu.edu = {transport} }} }}\n"
        )
        return host

    yield start
    host.stop()


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_a_signed_message_comes_through_whole(
    published: DnsServer, cast: Cast, judged: list[int], mail_host: Callable[[str], MailHost], protocol: str
) -> None:
    port = free_port()
    server = controller("127.0.0.1", port, by_lmtp=protocol == "lmtp")
    server.start()
    try:
        host = mail_host(f"{protocol}:[127.0.0.1]:{port}")
        grant = waiting(cast)
        host.take("bounce@crmvendor.example", probe_address(grant.request), signed())
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not judged and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        server.stop()
    assert judged, (host.folder / "maillog").read_text()
    sample = judge_sample(sample=SignedSample.objects.get())
    with sample.file.open("rb") as stored:
        assert stored.read().endswith(signed().partition(b"\r\n\r\n")[2])
    assert (sample.outcome, sample.is_proof) == ("pass", True), sample.reason
    assert "envelope bounce@crmvendor.example" in sample.came_from
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE
