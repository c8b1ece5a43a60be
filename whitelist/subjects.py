"""Which whitelist entries, and which requests in review, concern a subject, by what they name now."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q, QuerySet

from portal.grants.states import OPEN_STATES
from portal.grants.subjects import (
    Basis,
    DomainSubject,
    Hit,
    HostSubject,
    MailboxSubject,
    NameSubject,
    Subject,
    Vendor,
    at_or_below,
    in_chunks,
    mailbox_at_or_below,
)
from portal.mailauth.organizational import by_public_suffix
from portal.workflow.states import LIVE_STATES
from whitelist.entries import domain_of
from whitelist.lists import free_mail_domain_of, shared_platform_of
from whitelist.models import EntryKind, PermittedEntry, WhitelistEntry, WhitelistPermission, WhitelistRequest


def grants_that_allow(subject: Subject) -> Iterator[Hit]:
    """The open entries: by address, domain and vendor."""
    entries = PermittedEntry.objects.filter(permission__grant__state__in=OPEN_STATES)
    vendors = WhitelistPermission.objects.filter(grant__state__in=OPEN_STATES)
    return _hits(subject, entries, vendors, "permission_id")


def requests_that_would_allow(subject: Subject) -> Iterator[Hit]:
    """The requests in review, in the same way."""
    entries = WhitelistEntry.objects.filter(whitelist_request__service_request__state__in=LIVE_STATES)
    vendors = WhitelistRequest.objects.filter(service_request__state__in=LIVE_STATES)
    return _hits(subject, entries, vendors, "whitelist_request_id")


def _hits(subject: Subject, entries: QuerySet[Any], vendors: QuerySet[Any], key: str) -> Iterator[Hit]:
    if isinstance(subject, NameSubject):
        named = vendors.filter(vendor__icontains=subject.words)
        for pk, vendor in named.values_list("pk", "vendor"):
            if subject.names(vendor):
                yield Hit(pk, f"is of {vendor}")
        return
    if isinstance(subject, MailboxSubject):
        wanted = Q(kind=EntryKind.ADDRESS, value=subject.address) | Q(
            kind=EntryKind.DOMAIN, value=subject.domain
        )
    elif isinstance(subject, HostSubject):
        wanted = Q(value=subject.name) | Q(kind=EntryKind.ADDRESS, value__endswith=f"@{subject.name}")
    elif isinstance(subject, DomainSubject):
        wanted = at_or_below("value", subject.name) | mailbox_at_or_below("value", subject.name)
    else:
        return
    for pk, kind, value in entries.filter(wanted).values_list(key, "kind", "value"):
        yield Hit(pk, _why(kind, value))


def _why(kind: str, value: str) -> str:
    if kind == EntryKind.DOMAIN:
        return f"lets mail from any address @{value} skip the content filter"
    return f"lets mail from {value} skip the content filter"


def vendors_of(grants: Iterable[int]) -> Iterator[Vendor]:
    """The vendor of each entry, with the organizational domains of its addresses that are not everybody's."""
    for keys in in_chunks(frozenset(grants)):
        domains: dict[int, set[str]] = {}
        entries = PermittedEntry.objects.filter(permission__in=keys)
        for pk, value in entries.values_list("permission_id", "value"):
            domain = domain_of(value)
            if free_mail_domain_of(domain) is None and shared_platform_of(domain) is None:
                domains.setdefault(pk, set()).add(by_public_suffix(domain))
        for pk, name in WhitelistPermission.objects.filter(pk__in=keys).values_list("pk", "vendor"):
            yield Vendor(name, frozenset(domains.get(pk, ())))


def dependents(basis: Basis) -> Iterator[Hit]:
    """The entries of the same vendor: by its name, or by a domain of its."""
    names = {vendor.name.casefold() for vendor in basis.vendors if vendor.name}
    domains = {domain for vendor in basis.vendors for domain in vendor.domains}
    if names:
        open_ones = WhitelistPermission.objects.filter(grant__state__in=OPEN_STATES)
        for pk, name in open_ones.values_list("pk", "vendor"):
            if name.casefold() in names:
                yield Hit(pk, f"is of the same vendor, {name}")
    if domains:
        entries = PermittedEntry.objects.filter(permission__grant__state__in=OPEN_STATES)
        for pk, value in entries.values_list("permission_id", "value"):
            owner = by_public_suffix(domain_of(value))
            if owner in domains:
                yield Hit(pk, f"names {value}, and {owner} is a domain of the same vendor")
