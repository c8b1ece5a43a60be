"""Helpers of the tests of the whitelist, beside the people of `tests.cast`."""

from typing import Any

from django.utils import timezone

from portal.workflow import registry
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import answering, requesting
from tests.cast import Cast, fresh

ADDRESS = "notices@vendor.example"


def whitelist_draft(
    cast: Cast, *, addresses: tuple[str, ...] = (ADDRESS,), domains: tuple[str, ...] = (), **columns: Any
) -> ServiceRequest:
    """A whitelist request with every page answered, not yet submitted; `columns` are of the detail row."""
    draft = requesting.create_draft(
        kind=registry.get("whitelist"),
        requester=columns.pop("requester", cast.requester),
        sponsor=columns.pop("sponsor", cast.sponsor),
        department="Physics",
        purpose="Notices of the laboratory shop",
    )
    answers = {
        "affected": "group",
        "affected_count": 240,
        "affected_who": "students of PHYS 1408",
        "safelist_reason": "They change every term.",
        "observed_on": timezone.localdate(),
        "observed_recipient": "requester@ttu.edu",
        "observed_verdict": "junk",
        "vendor": "Vendor Inc.",
        "relationship": "It runs the laboratory shop.",
        "evidence": "Contract 2026-114",
        "is_controlled": True,
        "is_dedicated": True,
        "is_hosted_controlled": True,
        "is_attested": True,
        "domain_reason": "Each order has its own address." if domains else "",
    } | columns
    rows = {"addresses": addresses, "domains": domains}
    answering.write_answers(service_request=draft, answers=answers | rows)
    for step in draft.kind_entry.steps_for(draft):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True, "typed": {}}
        )
    title, subject = draft.kind_entry.summarise(draft)
    ServiceRequest.objects.filter(pk=draft.pk).update(title=title, subject_key=subject)
    return fresh(draft)


def submitted(cast: Cast, **facts: Any) -> ServiceRequest:
    """A whitelist request in review."""
    draft = whitelist_draft(cast, **facts)
    requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
    return fresh(draft)
