"""The probe address against a real SMTP client: live tokens only, bounded, and seen on the page."""

import smtplib

import pytest
from aiosmtpd.controller import Controller
from django.core.management import CommandError, call_command

from portal.grants.services import managing
from portal.grants.states import GrantAction, GrantState
from portal.lib.throttle import Rate
from portal.samples import receiver
from portal.samples import services as samples
from portal.samples.models import SignedSample
from portal.samples.probe import probe_address, token_in
from portal.samples.receiver import controller
from portal.samples.selectors import live_request
from portal.samples.tasks import judge_sample
from portal.workflow.models import ServiceRequest
from portal.workflow.services import requesting
from tests.cast import Cast, client_of, fresh
from tests.senders.cast import sender_draft, signed, submitted, waiting
from tests.support.dns_server import DnsServer
from tests.support.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def send(server: Controller, to: list[str], raw: bytes) -> tuple[int, bytes] | dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
        try:
            return client.sendmail("bounce@crmvendor.example", to, raw)
        except smtplib.SMTPRecipientsRefused as refused:
            return next(iter(refused.recipients.values()))
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, refused.smtp_error  # type: ignore[return-value]


def test_a_message_to_the_probe_address_proves_the_grant_and_shows_on_the_page(
    published: DnsServer, cast: Cast, running: Controller, judged: list[int]
) -> None:
    grant, raw = waiting(cast), signed()
    assert send(running, [probe_address(grant.request)], raw) == {}
    sample = SignedSample.objects.get()
    with sample.file.open("rb") as stored:
        assert stored.read() == raw
    assert (sample.source, sample.outcome, judged) == ("probe", "", [sample.pk])
    assert "bounce@crmvendor.example" in sample.came_from
    page = client_of(cast.requester).get(f"/requests/{grant.reference}/samples/").content.decode()
    assert "Being judged" in page
    judge_sample(sample.pk)
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE
    page = client_of(cast.requester).get(f"/requests/{grant.reference}/samples/").content.decode()
    assert "valid and aligned DKIM signature of crm.ttu.edu" in page


def test_only_live_tokens_take_mail(names: DnsServer, cast: Cast, running: Controller) -> None:
    for address in (
        "probe+00112233445566778899@ttu.edu",
        "probe@ttu.edu",
        "president@ttu.edu",
        "a@else.example",
    ):
        said = send(running, [address], signed())
        assert isinstance(said, tuple)
        assert said == (550, b"5.1.1 Only probe addresses of requests that are open take mail here")
    assert not SignedSample.objects.exists()


def test_a_request_that_is_over_takes_no_mail(names: DnsServer, cast: Cast) -> None:
    draft = sender_draft(cast)
    token = token_in(probe_address(draft)) or ""
    assert live_request(token) == draft
    requesting.withdraw(service_request=draft, actor=cast.requester, revision=draft.revision)
    assert live_request(token) is None
    grant = waiting(cast)
    token = token_in(probe_address(grant.request)) or ""
    assert live_request(token) == grant.request
    managing.change_state(grant=grant, action=GrantAction.END, actor=cast.requester, reason="Given up.")
    assert live_request(token) is None


def test_size_and_recipients_are_bounded(
    names: DnsServer, cast: Cast, running: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [submitted(cast, keys=(f"s{n} s1.dkim.crmvendor.example",)) for n in range(6)]
    refused = send(running, [probe_address(one) for one in requests], signed())
    assert isinstance(refused, dict)
    assert [code for code, _ in refused.values()] == [452]
    assert SignedSample.objects.count() == 5
    said = send(
        running, [probe_address(requests[5])], b"From: a@b.example\r\n\r\n" + b"x" * 70 + b"\r\n" * 5_300_000
    )
    assert isinstance(said, tuple)
    assert said[0] == 552
    assert SignedSample.objects.count() == 5


def test_rates_hold_by_client_and_by_token(
    names: DnsServer, cast: Cast, judged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = submitted(cast)
    monkeypatch.setattr(receiver, "OF_ONE_CLIENT", Rate(4, 60))
    monkeypatch.setattr(receiver, "OF_ONE_TOKEN", Rate(2, 60))
    server = controller("127.0.0.1", free_port())
    server.start()
    try:
        codes = []
        for number in range(5):
            said = send(server, [probe_address(request)], signed(words=f"No. {number}"))
            codes.append(said[0] if isinstance(said, tuple) else 250)
    finally:
        server.stop()
    assert codes == [250, 250, 450, 450, 450]
    assert SignedSample.objects.count() == 2


def test_a_request_holds_a_bounded_number_of_samples_and_one_of_each(
    names: DnsServer, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST_SAMPLES", 2)
    request: ServiceRequest = fresh(sender_draft(cast))
    for words in ("one", "two", "two"):
        samples.receive_sample(service_request=request, raw=words.encode(), source=SignedSample.Source.PROBE)
    assert SignedSample.objects.count() == 2
    with pytest.raises(samples.SampleRefused):
        samples.receive_sample(service_request=request, raw=b"three", source=SignedSample.Source.PROBE)


@pytest.mark.parametrize("text", ["2525", "127.0.0.1:", ":25", "127.0.0.1:0", "127.0.0.1:99999", "host:port"])
def test_the_command_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(CommandError):
        call_command("receive_samples", listen=text)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("probe+00112233445566778899@ttu.edu", True),
        ("PROBE+00112233445566778899@TTU.EDU", True),
        ("probe+short@ttu.edu", False),
        ("probe@ttu.edu", False),
        ("other+00112233445566778899@ttu.edu", False),
        ("probe+00112233445566778899@ttu.edu.example", False),
        ("probe+00112233445566778899\n@ttu.edu", False),
        ("", False),
    ],
)
def test_a_token_is_read_from_our_own_addresses_alone(address: str, found: bool) -> None:
    assert (token_in(address) is not None) is found
