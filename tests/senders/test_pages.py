"""The form page by page, and the samples page by role."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.urls import reverse

from portal.grants.models import Grant
from portal.samples import tasks
from portal.samples.models import SignedSample
from portal.samples.probe import probe_address
from portal.workflow import registry
from portal.workflow.services import answering, requesting
from senders import services
from senders.forms import AgreementStep, DkimStep, HandlingStep, IdentityStep, ServiceStep, StatementStep
from senders.models import SenderRequest
from tests.cast import Cast, client_of
from tests.senders.cast import ADDRESS, add_sample, sender_draft, signed, waiting
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db


def posted(**answers: Any) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in answers.items():
        data.setlist(name, value if isinstance(value, list) else [str(value)])
    return data


IDENTITY = {
    "identity": "subdomain",
    "sending_domain": "CRM.ttu.edu",
    "addresses": [ADDRESS],
    "envelope_domain": "bounce.crmvendor.example",
}


# ---------------------------------------------------------------- the form
def test_every_page_can_be_answered_and_saved(names: DnsServer, cast: Cast) -> None:
    draft = requesting.create_draft(
        kind=registry.get("senders"), requester=cast.requester, prefill="subdomain"
    )
    assert SenderRequest.of(draft).identity == "subdomain"
    pages: list[tuple[Any, dict[str, Any]]] = [
        (ServiceStep, {"service_name": "ExampleCRM", "vendor": "V", "service_model": "hosted"}),
        (
            AgreementStep,
            {
                "agreement": "none",
                "sponsor": cast.sponsor.email,
                "contract_starts_on": "2099-01-01",
                "contract_ends_on": "2099-12-31",
            },
        ),
        (IdentityStep, IDENTITY),
        (DkimStep, {"keys": ["s1 s1.dkim.crmvendor.example"]}),
        (HandlingStep, {"classification": "public", "exit_plan": "The owner writes."}),
        (StatementStep, {"is_attested": "on"}),
    ]
    for page, answers in pages:
        form = page(draft, posted(**answers))
        assert form.is_valid(), form.errors
        form.save()
    SenderRequest.forget(draft)
    plan = services.plan_of(draft)
    assert (plan.sending_domain, plan.signing_domain, list(plan.addresses)) == (
        "crm.ttu.edu",
        "crm.ttu.edu",
        [ADDRESS],
    )
    assert draft.sponsor == cast.sponsor
    assert {one.outcome for one in draft.kind_entry.check(draft)} <= {"pass", "warn"}


@pytest.mark.parametrize(
    ("page", "answers", "field", "words"),
    [
        (IdentityStep, IDENTITY | {"identity": "reply_to"}, "identity", "no authorization is needed"),
        (
            IdentityStep,
            IDENTITY | {"sending_domain": "crm.ttu.edu.evil.example"},
            "sending_domain",
            "below ttu.edu",
        ),
        (IdentityStep, IDENTITY | {"sending_domain": "ttu.edu"}, "sending_domain", "below ttu.edu"),
        (IdentityStep, IDENTITY | {"sending_domain": "http://crm.ttu.edu/"}, "sending_domain", "web address"),
        (IdentityStep, IDENTITY | {"sending_domain": ""}, "sending_domain", "Enter a domain name"),
        (IdentityStep, IDENTITY | {"addresses": ["news@ttu.edu"]}, "addresses", "not at crm.ttu.edu"),
        (IdentityStep, IDENTITY | {"addresses": ["*@crm.ttu.edu", "x"]}, "addresses", "Row 2"),
        (
            IdentityStep,
            IDENTITY | {"envelope_domain": "TTU.edu."},
            "envelope_domain",
            "never go to ttu.edu itself",
        ),
        (IdentityStep, IDENTITY | {"envelope_domain": "192.0.2.1"}, "envelope_domain", "IP address"),
        (IdentityStep, IDENTITY | {"identity": "mail_domain"}, "identity_reason", "nothing less"),
        (
            IdentityStep,
            IDENTITY | {"identity": "mail_domain", "identity_reason": "x", "addresses": ["hr@ttu.edu"]},
            "addresses",
            "speaks for an office",
        ),
        (
            AgreementStep,
            {"agreement": "signed", "contract_starts_on": "2099-01-01", "contract_ends_on": "2099-02-01"},
            "agreement_number",
            "number of the agreement",
        ),
        (
            AgreementStep,
            {"contract_starts_on": "2099-03-01", "contract_ends_on": "2099-02-01"},
            "contract_ends_on",
            "before it begins",
        ),
        (AgreementStep, {"contract_ends_on": "2001-01-01"}, "contract_ends_on", "over"),
        (AgreementStep, {"sponsor": "requester@ttu.edu"}, "sponsor", "somebody else"),
        (DkimStep, {"keys": ["s1 a.example", "s1 b.example"]}, "keys", "there twice"),
        (
            DkimStep,
            {"keys": ["s1 a.example"], "signing_domain": "crmvendor.example"},
            "signing_domain",
            "does not speak",
        ),
        (
            DkimStep,
            {"keys": ["s1 a.example"], "signing_domain": "ttu.edu"},
            "signing_domain",
            "no other name",
        ),
        (
            DkimStep,
            {"keys": ["s1 a.example"], "spf_term": "include:spf.crmvendor.example"},
            "spf_term",
            "not ours",
        ),
        (DkimStep, {}, "keys", "at least one"),
        (StatementStep, {}, "is_attested", "OVR-4"),
    ],
)
def test_each_refusal_stands_at_its_field(
    cast: Cast, page: Any, answers: dict[str, Any], field: str, words: str
) -> None:
    form = page(sender_draft(cast), posted(**answers))
    assert not form.is_valid()
    assert words in " ".join(form.errors[field])


def test_keys_and_spf_answer_while_they_are_typed(names: DnsServer, cast: Cast) -> None:
    draft = sender_draft(cast, envelope_domain="full.ttu.edu")
    form = DkimStep(draft, posted(keys=["s1 s1.dkim.crmvendor.example"], spf_term="spf.crmvendor.example"))
    assert form.is_valid(), form.errors
    assert [one.outcome for one in form.live_findings("keys")] == ["warn"]
    assert "11 DNS lookups" in form.live_findings("spf_term")[0].sentence


# ---------------------------------------------------------------- the samples page
@pytest.fixture(autouse=True)
def _worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does at once what it is asked."""
    for task in (tasks.judge_sample, tasks.judge_newest):
        monkeypatch.setattr(task, "apply_async", lambda args, retry, task=task: task.run(*args))


def page_of(grant: Grant) -> str:
    return reverse("samples", args=[grant.reference])


@pytest.mark.parametrize(
    ("who", "seen", "added"),
    [
        ("requester", 200, 302),
        ("reviewer", 200, 302),
        ("postmaster", 200, 302),
        ("auditor", 200, 403),
        ("outsider", 404, 404),
        ("colleague", 404, 404),
    ],
)
def test_who_sees_and_who_adds(published: DnsServer, cast: Cast, who: str, seen: int, added: int) -> None:
    grant, client = waiting(cast), client_of(getattr(cast, who))
    assert client.get(page_of(grant)).status_code == seen
    upload = SimpleUploadedFile("sample.eml", signed(), "message/rfc822")
    assert client.post(page_of(grant), {"upload": upload}).status_code == added
    assert client.post(reverse("samples_judge", args=[grant.reference])).status_code == added
    grant.refresh_from_db()
    assert grant.state == ("active" if added == 302 else "unproven")


def test_the_raw_message_is_a_download_for_those_who_see_the_request(
    published: DnsServer, cast: Cast
) -> None:
    grant, raw = waiting(cast), signed()
    sample = add_sample(grant.request, raw)
    url = reverse("sample_file", args=[grant.reference, sample.pk])
    answer = client_of(cast.requester).get(url)
    assert answer.getvalue() == raw
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "application/octet-stream"
    assert client_of(cast.outsider).get(url).status_code == 404


def test_the_page_has_the_probe_address_the_records_and_a_sentence_for_a_bad_file(
    names: DnsServer, cast: Cast
) -> None:
    grant, client = waiting(cast), client_of(cast.requester)
    page = client.get(page_of(grant)).content.decode()
    assert probe_address(grant.request) in page
    for value in ("s1._domainkey.crm.ttu.edu", "s1.dkim.crmvendor.example.", "_dmarc.crm.ttu.edu"):
        assert f'<span class="code text-break">{value}</span>' in page
    assert page.count("Not looked up yet") == 2
    answer = client.post(page_of(grant), {})
    assert answer.status_code == 422
    client.post(page_of(grant), {"upload": SimpleUploadedFile("a.eml", b"PK\x03\x04zip", "message/rfc822")})
    assert "ZIP archive" in SignedSample.objects.get().reason


def test_request_and_grant_link_to_it(names: DnsServer, cast: Cast) -> None:
    grant, client = waiting(cast), client_of(cast.requester)
    for address in (grant.get_absolute_url(), grant.request.get_absolute_url()):
        assert page_of(grant) in client.get(address).content.decode()


def test_a_draft_has_the_page_too(cast: Cast) -> None:
    draft = requesting.create_draft(kind=registry.get("senders"), requester=cast.requester)
    answer = client_of(cast.requester).get(reverse("samples", args=[draft.reference]))
    assert answer.status_code == 200
    assert probe_address(draft) in answer.content.decode()


def test_a_proof_stays_as_it_was_seen_when_its_key_is_gone(published: DnsServer, cast: Cast) -> None:
    grant, client = waiting(cast), client_of(cast.requester)
    proof = add_sample(grant.request, signed())
    later = add_sample(grant.request, signed(words="Later"))
    published.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    client.post(reverse("samples_judge", args=[grant.reference]))
    proof.refresh_from_db()
    later.refresh_from_db()
    assert (proof.outcome, later.outcome) == ("pass", "pass")
    fresh_one = add_sample(grant.request, signed(words="After"))
    assert fresh_one.outcome == "fail"
    assert "Proved by a message of" in client.get(grant.get_absolute_url()).content.decode()


def test_a_sample_is_judged_against_the_answers_as_they_are_now(published: DnsServer, cast: Cast) -> None:
    draft = sender_draft(cast)
    sample = add_sample(draft, signed())
    assert sample.is_proof
    answering.write_columns(detail=SenderRequest.of(draft), columns={"signing_domain": "lab.ttu.edu"})
    client_of(cast.requester).post(reverse("samples_judge", args=[draft.reference]))
    sample.refresh_from_db()
    assert (sample.outcome, sample.is_proof) == ("fail", False)
    assert "approved is lab.ttu.edu" in sample.reason
