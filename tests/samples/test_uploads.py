"""A sample that somebody uploads: the web worker keeps it and no more, whoever's name servers are slow."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.lib import confined
from portal.mailauth.message_intake import MessageRefused
from portal.samples import services, tasks, views
from portal.samples.models import SignedSample
from portal.workflow.models import ServiceRequest
from tests.cast import Cast, client_of
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import whitelist_draft
from tests.whitelist.conftest import names
from tests.whitelist.signing import signed

__all__ = ["names"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(cast: Cast) -> ServiceRequest:
    return whitelist_draft(cast)


def page(draft: ServiceRequest) -> str:
    return f"/requests/{draft.reference}/samples/"


def file(raw: bytes) -> dict[str, Any]:
    return {"upload": SimpleUploadedFile("a.eml", raw, "message/rfc822")}


def test_an_upload_asks_no_name_server_and_a_worker_judges_it(
    names: DnsServer, cast: Cast, draft: ServiceRequest, judged: list[int]
) -> None:
    raw = signed(names, sender="notices@vendor.example", by="vendor.example")
    names.asked.clear()
    client = client_of(cast.requester)
    answer = client.post(page(draft), file(raw), follow=True).content.decode()
    assert "It is being judged" in answer
    assert "Being judged" in answer
    sample = SignedSample.objects.get()
    assert (names.asked, judged, sample.outcome) == ([], [sample.pk], "")
    tasks.judge_sample.run(sample.pk)
    sample.refresh_from_db()
    assert (sample.outcome, sample.is_proof) == ("pass", True)


def test_judging_again_is_a_worker_s_too(
    cast: Cast, draft: ServiceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(tasks.judge_newest, "apply_async", lambda args, retry: asked.extend(args))
    answer = client_of(cast.requester).post(f"{page(draft)}judge/", follow=True).content.decode()
    assert asked == [draft.pk]
    assert "are being judged again" in answer


def test_without_a_broker_an_upload_waits_for_the_sweep(
    cast: Cast, draft: ServiceRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(**_: object) -> None:
        raise OSError("no broker")

    for task in (tasks.judge_sample, tasks.judge_newest):
        monkeypatch.setattr(task, "apply_async", gone)
    client = client_of(cast.requester)
    assert client.post(page(draft), file(b"From: a@b.example\r\n\r\nx")).status_code == 302
    again = client.post(f"{page(draft)}judge/", follow=True).content.decode()
    assert "cannot be judged just now" in again
    assert services.judge_waiting() == 1
    assert SignedSample.objects.get().outcome == "fail"


def test_uploads_of_one_person_have_a_rate(cast: Cast, draft: ServiceRequest, judged: list[int]) -> None:
    client = client_of(cast.requester)
    for number in range(views.UPLOADS.times):
        raw = b"From: a@b.example\r\n\r\n%d" % number
        assert client.post(page(draft), file(raw)).status_code == 302
    refused = client.post(page(draft), file(b"From: a@b.example\r\n\r\nmore"))
    assert refused.status_code == 422
    assert "You added 10 messages within a minute" in refused.content.decode()
    assert SignedSample.objects.count() == views.UPLOADS.times


@pytest.mark.parametrize(
    ("error", "outcome", "words"),
    [
        (MessageRefused("It takes longer to read."), "fail", "takes longer"),
        (confined.Busy("The portal is reading other files."), "unknown", "other files"),
    ],
)
def test_a_message_beyond_its_limits_fails_and_a_busy_portal_says_nothing_of_it(
    draft: ServiceRequest, monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: str, words: str
) -> None:
    def check(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(services, "check_message", check)
    sample = services.receive_sample(service_request=draft, raw=b"x", source=SignedSample.Source.UPLOAD)
    services.judge_sample(sample=sample)
    assert (sample.outcome, sample.is_proof) == (outcome, False)
    assert words in sample.reason
