"""A vendor's message sent to the probe address of a whitelist request: kept, judged, seen under its clause."""

import smtplib
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from portal.grants.models import Grant
from portal.samples.models import SignedSample
from portal.samples.probe import probe_address
from portal.samples.receiver import controller
from portal.samples.tasks import judge_sample
from portal.workflow.models import ServiceRequest
from portal.workflow.services import reviewing
from tests.cast import Cast, approve, client_of, fresh
from tests.support.dns_server import DnsServer
from tests.support.ports import free_port
from tests.whitelist.cast import submitted
from tests.whitelist.signing import signed

pytestmark = pytest.mark.django_db(transaction=True)
WATCHING = "notices@watching.example"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    """A receiver whose task runs at once, in its own thread."""
    monkeypatch.setattr(judge_sample, "apply_async", lambda args, retry: judge_sample.run(*args))
    server = controller("127.0.0.1", free_port())
    server.start()
    yield server
    server.stop()


def send(receiver: Controller, request: ServiceRequest, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", receiver.port, timeout=60) as client:
        assert client.sendmail("bounce@vendor.example", [probe_address(request)], raw) == {}


def outcomes(request: ServiceRequest) -> list[tuple[str, str]]:
    newest = request.check_runs.latest()
    return [(one.outcome, one.rule.partition(":")[0]) for one in newest.findings.filter(clause="WHT-3")]


def test_a_message_that_passes_dmarc_is_the_evidence_a_moment_later(
    names: DnsServer, cast: Cast, receiver: Controller
) -> None:
    request = submitted(cast, addresses=(WATCHING,))
    assert outcomes(request) == [("warn", "dmarc")]
    send(receiver, request, signed(names, sender=WATCHING, by="watching.example"))
    assert outcomes(request) == [("pass", "dmarc"), ("pass", "sample")]
    assert request.check_runs.latest().occasion == "sample"
    client = client_of(cast.requester)
    samples = client.get(f"/requests/{request.reference}/samples/").content.decode()
    assert probe_address(request) in samples
    assert "From is at watching.example" in samples
    assert "bounce@vendor.example" in samples
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "A real message passes DMARC" in page
    assert f"/requests/{request.reference}/samples/" in page
    assert approve(cast, fresh(request)).state == "active"


def test_a_message_that_fails_bars_the_approval_until_a_newer_one_passes(
    names: DnsServer, cast: Cast, receiver: Controller
) -> None:
    request = submitted(cast, addresses=(WATCHING,))
    send(receiver, request, signed(names, sender=WATCHING, by="platform.example"))
    assert fresh(request).blocking_findings == 1
    with pytest.raises(reviewing.ApprovalBlocked) as caught:
        approve(cast, fresh(request))
    assert ["platform.example" in one.sentence for one in caught.value.findings] == [True]
    send(receiver, request, signed(names, sender=WATCHING, by="watching.example"))
    assert outcomes(request) == [("pass", "dmarc"), ("pass", "sample"), ("warn", "sample")]
    assert approve(cast, fresh(request)).state == "active"


def test_a_message_of_somebody_else_bars_nothing_and_proves_nothing(
    names: DnsServer, cast: Cast, receiver: Controller
) -> None:
    request = submitted(cast, addresses=(WATCHING,))
    send(receiver, request, signed(names, sender="x@platform.example", by="platform.example"))
    assert outcomes(request) == [("warn", "dmarc"), ("warn", "sample")]
    assert not SignedSample.objects.get().is_proof
    assert fresh(request).blocking_findings == 0


def test_a_decision_keeps_the_evidence_it_was_made_on(
    names: DnsServer, cast: Cast, receiver: Controller
) -> None:
    request = submitted(cast)
    grant = approve(cast, request)
    runs = fresh(request).check_runs.count()
    send(receiver, request, signed(names, sender="notices@vendor.example", by="platform.example"))
    assert SignedSample.objects.get().outcome == "fail"
    assert fresh(request).check_runs.count() == runs
    assert Grant.objects.get().pk == grant.pk


def test_the_page_looks_for_news_and_gets_none_or_all(
    names: DnsServer, cast: Cast, receiver: Controller
) -> None:
    request, client = submitted(cast, addresses=(WATCHING,)), client_of(cast.requester)
    address = f"/requests/{request.reference}/samples/"
    version = client.get(address).context["version"]
    asked = {"HX-Request": "true"}
    assert client.get(f"{address}?seen={version}", headers=asked).status_code == 204
    send(receiver, request, signed(names, sender=WATCHING, by="watching.example"))
    news = client.get(f"{address}?seen={version}", headers=asked)
    assert news.status_code == 200
    assert 'id="sample-list"' in news.content.decode()
    assert client.get(f"{address}?seen={news.context['version']}").status_code == 200
