"""Which campaigns and requests in review concern a subject of an incident, by what they name now."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import CampaignPermission, CampaignRequest, Platform
from portal.grants.states import OPEN_STATES
from portal.grants.subjects import (
    Basis,
    DomainSubject,
    Hit,
    HostSubject,
    MailboxSubject,
    NameSubject,
    Subject,
    in_chunks,
    mailbox_at_or_below,
)
from portal.workflow.states import LIVE_STATES

_ANSWERS = "grant__latest_request__campaign__"
"""What is allowed and is in no column of the permission: the address in From, and who sends for us."""


def grants_that_allow(subject: Subject) -> Iterator[Hit]:
    """The open campaigns: by the address in From, the platform, the third party and the unit."""
    return _hits(subject, CampaignPermission.objects.filter(grant__state__in=OPEN_STATES), _ANSWERS)


def requests_that_would_allow(subject: Subject) -> Iterator[Hit]:
    """The requests in review, in the same way."""
    return _hits(subject, CampaignRequest.objects.filter(service_request__state__in=LIVE_STATES), "")


def _hits(subject: Subject, rows: QuerySet[Any], answers: str) -> Iterator[Hit]:
    sender = f"{answers}from_address"
    if isinstance(subject, MailboxSubject):
        found = rows.filter(**{f"{sender}__iexact": subject.address})
    elif isinstance(subject, HostSubject):
        found = rows.filter(**{f"{sender}__iendswith": f"@{subject.name}"})
    elif isinstance(subject, DomainSubject):
        found = rows.filter(mailbox_at_or_below(sender, subject.name))
    elif isinstance(subject, NameSubject):
        yield from _of_name(subject, rows, answers)
        return
    else:
        return
    for pk, address in found.values_list("pk", sender):
        yield Hit(pk, f"sends as {address}")


def _of_name(subject: NameSubject, rows: QuerySet[Any], answers: str) -> Iterator[Hit]:
    platforms = [value for value, label in Platform.choices if subject.names(label)]
    vendor = f"{answers}vendor"
    wanted = (
        Q(platform__in=platforms)
        | Q(sender_of_record__icontains=subject.words)
        | Q(**{f"{vendor}__icontains": subject.words})
    )
    columns = ("pk", "platform", "sender_of_record", vendor)
    for pk, platform, unit, third_party in rows.filter(wanted).values_list(*columns):
        if platform in platforms:
            yield Hit(pk, f"is sent by {Platform(platform).label.lower()}")
        if subject.names(unit):
            yield Hit(pk, f"is mail of {unit}")
        if subject.names(third_party):
            yield Hit(pk, f"is sent for us by {third_party}")


def dependents(basis: Basis) -> Iterator[Hit]:
    """The campaigns that send under one of the authorizations found, or that a vendor found sends."""
    open_ones = CampaignPermission.objects.filter(grant__state__in=OPEN_STATES)
    for keys in in_chunks(basis.grants):
        under = open_ones.filter(sender_grant__in=keys)
        for pk, reference in under.values_list("pk", "sender_grant__reference"):
            yield Hit(pk, f"sends under {reference}")
    names = {vendor.name.casefold() for vendor in basis.vendors if vendor.name}
    if names:
        for pk, name in open_ones.values_list("pk", f"{_ANSWERS}vendor"):
            if (name or "").casefold() in names:
                yield Hit(pk, f"is sent for us by {name}")
