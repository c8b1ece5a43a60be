"""Services of whitelist requests, and small queries that their forms and rules share."""

from portal.grants.models import Grant
from portal.grants.services import permitting
from portal.workflow.kinds import Terms
from portal.workflow.models import ServiceRequest
from whitelist.models import (
    EntryKind,
    PermittedEntry,
    WhitelistPermission,
    WhitelistRequest,
)


def addresses_of(service_request: ServiceRequest) -> list[str]:
    """The addresses that the request names."""
    return _values(service_request, EntryKind.ADDRESS)


def domains_of(service_request: ServiceRequest) -> list[str]:
    """The whole domains that the request names."""
    return _values(service_request, EntryKind.DOMAIN)


def _values(service_request: ServiceRequest, kind: EntryKind) -> list[str]:
    return [row.value for row in WhitelistRequest.of(service_request).entries.all() if row.kind == kind]


def write_permission(*, grant: Grant, service_request: ServiceRequest, terms: Terms) -> WhitelistPermission:
    """Write what a grant allows: the request's entries, less what the reviewer cut."""
    detail = WhitelistRequest.of(service_request)
    permission = permitting.write_permission(model=WhitelistPermission, grant=grant, detail=detail)
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
