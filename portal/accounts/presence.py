"""Who left: an account that was closed, or an address that is no longer in the directory.

An account whose address was never in the directory (such as a local administrator's) has not left. A directory that does not answer changes nothing, so that an outage locks nobody out.
"""

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.accounts.announcements import ImportReport, directory_imported
from portal.accounts.directory import (
    MOST_GONE_SHARE,
    DirectoryUnavailable,
    Entry,
    directory,
)
from portal.accounts.models import DirectoryAddress, User

logger = logging.getLogger(__name__)
OWN_TABLE = "portal.accounts.directory.TableDirectory"
_AT_ONCE = 500


def gone_addresses() -> "QuerySet[DirectoryAddress, str]":
    """Addresses that are no longer in the directory."""
    return DirectoryAddress.objects.filter(gone_at__isnull=False).values_list("address", flat=True)


def is_gone(person: User) -> bool:
    """Whether the person's account is closed, or their address is no longer in the directory."""
    return not person.is_active or gone_addresses().filter(address=person.email).exists()


def follow_directory() -> int:
    """Record which people are no longer in a directory other than our table (LDAP, Graph), or are in it again;
    return how many.

    Asks the directory outside any transaction. If it does not answer, or more than half would be missing,
    nothing changes and the log says so.
    """
    if settings.DIRECTORY == OWN_TABLE:
        return 0
    addresses = list(User.objects.filter(is_active=True).order_by("pk").values_list("email", flat=True))
    known: dict[str, Entry] = {}
    try:
        for start in range(0, len(addresses), _AT_ONCE):
            known |= directory().lookup(addresses[start : start + _AT_ONCE])
    except DirectoryUnavailable:
        logger.warning("The directory did not answer: who is gone stays as it was.")
        return 0
    return _keep(addresses, known)


@transaction.atomic
def _keep(addresses: list[str], known: dict[str, Entry]) -> int:
    rows = {row.address: row for row in DirectoryAddress.objects.filter(address__in=addresses)}
    live = [row for row in rows.values() if row.gone_at is None]
    gone = [row for row in live if row.address not in known]
    if len(gone) > MOST_GONE_SHARE * len(live):
        logger.error("%s of %s people would be gone: the directory is not believed.", len(gone), len(live))
        return 0
    back = [row for row in rows.values() if row.gone_at is not None and row.address in known]
    new = [entry for address, entry in known.items() if address in addresses and address not in rows]
    for row in gone:
        row.gone_at = timezone.now()
    for row in back:
        row.gone_at = None
    DirectoryAddress.objects.bulk_update([*gone, *back], ["gone_at"], batch_size=_AT_ONCE)
    DirectoryAddress.objects.bulk_create(
        (DirectoryAddress(address=entry.address, kind=entry.kind, name=entry.name) for entry in new),
        ignore_conflicts=True,
    )
    changed = len(gone) + len(back)
    if changed or new:
        directory_imported.tell(ImportReport(len(new), len(back), len(gone), len(live) - len(gone)))
    return changed
