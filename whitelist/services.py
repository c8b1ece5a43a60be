"""Writes of the whitelist room, and the small reads that its forms and rules share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from portal.workflow.models import ServiceRequest
from whitelist.models import (
    EntryKind,
    PermittedEntry,
    WhitelistEntry,
    WhitelistPermission,
    WhitelistRequest,
)

if TYPE_CHECKING:
    from portal.grants.models import Grant
    from portal.workflow.kinds import Terms


def detail_of(service_request: ServiceRequest) -> WhitelistRequest:
    """The request's own row, with its entries; read once for an instance."""
    cached: WhitelistRequest | None = service_request.__dict__.get("_whitelist_detail")
    if cached is None:
        rows = WhitelistRequest.objects.prefetch_related("entries")
        cached = rows.get(service_request=service_request)
        service_request.__dict__["_whitelist_detail"] = cached
    return cached


def forget(service_request: ServiceRequest) -> None:
    """Read the row anew next time."""
    service_request.__dict__.pop("_whitelist_detail", None)


def addresses_of(service_request: ServiceRequest) -> list[str]:
    """The addresses that the request names."""
    return _values(service_request, EntryKind.ADDRESS)


def domains_of(service_request: ServiceRequest) -> list[str]:
    """The whole domains that the request names."""
    return _values(service_request, EntryKind.DOMAIN)


def _values(service_request: ServiceRequest, kind: EntryKind) -> list[str]:
    return [row.value for row in detail_of(service_request).entries.all() if row.kind == kind]


def write_columns(*, detail: WhitelistRequest, columns: Mapping[str, Any]) -> None:
    """Write columns of the detail row, with its history."""
    for name, value in columns.items():
        setattr(detail, name, value)
    detail.save(update_fields=list(columns))


def write_entries(
    *, service_request: ServiceRequest, addresses: Sequence[str], domains: Sequence[str]
) -> None:
    """Replace the entries of a request."""
    detail = detail_of(service_request)
    detail.entries.all().delete()
    pairs = [(EntryKind.ADDRESS, each) for each in addresses] + [(EntryKind.DOMAIN, each) for each in domains]
    WhitelistEntry.objects.bulk_create(
        WhitelistEntry(whitelist_request=detail, kind=kind, value=value) for kind, value in pairs
    )
    forget(service_request)


def write_permission(
    *, grant: "Grant", service_request: ServiceRequest, terms: "Terms"
) -> WhitelistPermission:
    """Write what a grant allows: the request's entries, less what the reviewer cut."""
    detail = detail_of(service_request)
    permission, _ = WhitelistPermission.objects.update_or_create(
        grant=grant, defaults={"vendor": detail.vendor}
    )
    kept = {
        EntryKind.ADDRESS: terms.keep.get("addresses", addresses_of(service_request)),
        EntryKind.DOMAIN: terms.keep.get("domains", domains_of(service_request)),
    }
    permission.entries.all().delete()
    PermittedEntry.objects.bulk_create(
        PermittedEntry(permission=permission, kind=row.kind, value=row.value)
        for row in detail.entries.all()
        if row.value in kept[EntryKind(row.kind)]
    )
    return permission


_COPIED = (
    "domain_reason",
    "affected",
    "affected_count",
    "affected_who",
    "safelist_reason",
    "observed_on",
    "observed_recipient",
    "observed_verdict",
    "message_id",
    "vendor",
    "relationship",
    "evidence",
    "hosted_services",
)
"""All answers but the statements, which a renewal makes anew."""


def copy_answers(*, grant: "Grant", service_request: ServiceRequest) -> None:
    """Fill a renewal's draft: the answers in force, the sponsor, and the entries that the grant allows."""
    old, new = detail_of(grant.latest_request), detail_of(service_request)
    write_columns(detail=new, columns={name: getattr(old, name) for name in _COPIED})
    sponsor = grant.latest_request.sponsor
    if sponsor is not None and sponsor.pk != service_request.requester_id:
        service_request.sponsor = sponsor
        service_request.save(update_fields=["sponsor"])
    entries = list(grant.whitelist.entries.all())
    write_entries(
        service_request=service_request,
        addresses=[row.value for row in entries if row.kind == EntryKind.ADDRESS],
        domains=[row.value for row in entries if row.kind == EntryKind.DOMAIN],
    )
