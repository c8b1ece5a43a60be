"""Helpers of the tests of senders, beside the people of `tests.cast`."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.samples import services as samples
from portal.samples.models import SignedSample
from portal.workflow import registry
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import answering, requesting
from senders.plan import parse_key_plan
from tests.cast import Cast, approve, fresh
from tests.mailauth.signing import message, sign

DOMAIN = "crm.ttu.edu"
ADDRESS = f"news@{DOMAIN}"
KEY = "s1 s1.dkim.crmvendor.example"


def sender_draft(
    cast: Cast, *, addresses: tuple[str, ...] = (ADDRESS,), keys: tuple[str, ...] = (KEY,), **columns: Any
) -> ServiceRequest:
    """A request with every page answered, not yet submitted; `columns` are of the detail row."""
    draft = requesting.create_draft(
        kind=registry.get("senders"),
        requester=columns.pop("requester", cast.requester),
        sponsor=columns.pop("sponsor", cast.sponsor),
        department="Physics",
        purpose="Notices to alumni",
    )
    today = timezone.localdate()
    answers = {
        "service_name": "ExampleCRM",
        "vendor": "CRM Vendor Inc.",
        "service_model": "third_party",
        "agreement": "drafting",
        "agreement_number": "PO 4711",
        "contract_starts_on": today,
        "contract_ends_on": today + timedelta(days=400),
        "identity": "subdomain",
        "sending_domain": DOMAIN,
        "envelope_domain": "bounce.crmvendor.example",
        "signing_domain": DOMAIN,
        "classification": "public",
        "exit_plan": "The owner tells the DNS team.",
        "is_attested": True,
    } | columns
    rows = {"addresses": addresses, "keys": [parse_key_plan(key) for key in keys]}
    answering.write_answers(service_request=draft, answers=answers | rows)
    for step in draft.kind_entry.steps_for(draft):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True, "typed": {}}
        )
    title, subject = draft.kind_entry.summarise(draft)
    ServiceRequest.objects.filter(pk=draft.pk).update(title=title, subject_key=subject)
    return fresh(draft)


def submitted(cast: Cast, **facts: Any) -> ServiceRequest:
    """A request in review."""
    draft = sender_draft(cast, **facts)
    requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
    return fresh(draft)


def waiting(cast: Cast, **facts: Any) -> Grant:
    """An authorization that was approved and waits for its proof."""
    return approve(cast, submitted(cast, **facts))


def signed(
    *, sender: str = ADDRESS, domain: str = DOMAIN, selector: str = "s1", words: str = "Hello", **facts: Any
) -> bytes:
    """A message of the service with the signature of `domain`, which leaves nothing open."""
    raw = message(sender, body=f"{words}\r\n".encode())
    headers = ("from", "from", "to", "subject", "date", "message-id")
    return sign(raw, **{"domain": domain, "selector": selector, "headers": headers} | facts)


def add_sample(service_request: ServiceRequest, raw: bytes) -> SignedSample:
    """Take in a message and judge it."""
    sample = samples.receive_sample(
        service_request=service_request,
        raw=raw,
        source=SignedSample.Source.UPLOAD,
        came_from="requester@ttu.edu",
    )
    return samples.judge_sample(sample=sample)


def active(cast: Cast, **facts: Any) -> Grant:
    """An authorization in force, proven by a message signed with s1."""
    grant = waiting(cast, **facts)
    add_sample(grant.request, signed())
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE
    return grant
