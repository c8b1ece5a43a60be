"""Which addresses of the mail domain exist: an interface, and its implementation as a table.

Another source (LDAP, Graph) implements `Directory` and is named in the setting `DIRECTORY`.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.accounts.announcements import ImportReport, directory_imported
from portal.accounts.models import AddressKind, DirectoryAddress
from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.text import one_line


@dataclass(frozen=True)
class Entry:
    """What the directory knows of one address."""

    address: str
    kind: AddressKind
    name: str = ""
    department: str = ""
    owner: str = ""
    """The address of the person responsible for a shared mailbox or a list; "" if none is recorded."""


class DirectoryUnavailable(Exception):
    """The directory did not answer; whether an address is valid is unknown."""


class Directory(Protocol):
    """Where valid addresses are looked up."""

    def lookup(self, addresses: Iterable[str]) -> Mapping[str, Entry]:
        """The entries of those `addresses` (in lower case) that are valid; raises DirectoryUnavailable."""


class TableDirectory:
    """The directory kept in our own table by `manage.py import_directory`."""

    def lookup(self, addresses: Iterable[str]) -> Mapping[str, Entry]:
        """One query for all addresses."""
        rows = DirectoryAddress.objects.filter(address__in=list(addresses), gone_at__isnull=True)
        return {
            row.address: Entry(row.address, AddressKind(row.kind), row.name, row.department, row.owner)
            for row in rows
        }


def directory() -> Directory:
    """The directory of this installation."""
    made: Directory = import_string(settings.DIRECTORY)()
    return made


# ---------------------------------------------------------------- import
class ImportRefused(ValueError):
    """The file cannot be imported; `str(error)` names the line and what is wrong."""


COLUMNS = ("address", "kind", "name", "department", "head", "owner")
_YES, _NO = ("yes", "true", "1"), ("", "no", "false", "0")
MOST_GONE_SHARE = 0.5


def _read(file: TextIO) -> dict[str, dict[str, Any]]:
    reader = csv.DictReader(file)
    if set(COLUMNS[:2]) - set(reader.fieldnames or ()):
        raise ImportRefused(f"The first line must name the columns: {','.join(COLUMNS)}.")
    rows: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(reader, start=2):
        try:
            address = str(parse_mailbox(row["address"] or "", domain=institution().mail_domain))
        except MailboxRefused as error:
            raise ImportRefused(f"Line {number}: {error}") from None
        kind = (row["kind"] or "").strip().lower()
        if kind not in AddressKind.values:
            raise ImportRefused(f"Line {number}: kind must be one of {', '.join(AddressKind.values)}.")
        head = (row.get("head") or "").strip().lower()
        if head not in (*_YES, *_NO):
            raise ImportRefused(f"Line {number}: head must be yes, no or empty.")
        rows[address] = {
            "is_head": head in _YES,
            "kind": kind,
            "name": one_line(row.get("name") or "")[:150],
            "department": one_line(row.get("department") or "")[:150],
            "owner": _owner(number, kind, row.get("owner") or ""),
        }
    _refuse_owners_who_are_no_people(rows)
    return rows


def _owner(number: int, kind: str, text: str) -> str:
    if not text.strip():
        return ""
    if kind == AddressKind.PERSON:
        raise ImportRefused(f"Line {number}: a person's own address has no owner. Leave the column empty.")
    try:
        return str(parse_mailbox(text, domain=institution().mail_domain))
    except MailboxRefused as error:
        raise ImportRefused(f"Line {number}: owner: {error}") from None


def _refuse_owners_who_are_no_people(rows: Mapping[str, Mapping[str, Any]]) -> None:
    # An owner who is missing from the file has left; the rules about mailboxes handle that case.
    for address, values in rows.items():
        owner = values["owner"]
        if owner in rows and rows[owner]["kind"] != AddressKind.PERSON:
            raise ImportRefused(f"{address}: its owner {owner} is not a person. Name a person's own address.")


@transaction.atomic
def import_directory(*, file: TextIO, accept_change: bool = False) -> ImportReport:
    """Make the table equal to a CSV file; running twice changes nothing the second time.

    Addresses that the file lacks are kept but marked as gone. Raises ImportRefused for a malformed line, and
    where more than half of the addresses would go without `accept_change` (an empty file is no directory).
    """
    rows = _read(file)
    known = {row.address: row for row in DirectoryAddress.objects.all()}
    live = [row for row in known.values() if row.gone_at is None]
    gone = [row for row in live if row.address not in rows]
    if live and len(gone) > MOST_GONE_SHARE * len(live) and not accept_change:
        raise ImportRefused(
            f"{len(gone)} of {len(live)} addresses would go. If that is right, use --accept-change."
        )
    added = [DirectoryAddress(address=a, **values) for a, values in rows.items() if a not in known]
    changed = [known[a] for a, values in rows.items() if a in known and _update(known[a], values)]
    now = timezone.now()
    for row in gone:
        row.gone_at = now
    DirectoryAddress.objects.bulk_create(added, batch_size=1000)
    DirectoryAddress.objects.bulk_update(
        [*changed, *gone], ["kind", "name", "department", "is_head", "owner", "gone_at"], batch_size=500
    )
    report = ImportReport(len(added), len(changed), len(gone), len(rows) - len(added) - len(changed))
    directory_imported.tell(report)
    return report


def _update(row: DirectoryAddress, values: Mapping[str, Any]) -> bool:
    differs = row.gone_at is not None or any(getattr(row, name) != value for name, value in values.items())
    row.gone_at = None
    for name, value in values.items():
        setattr(row, name, value)
    return differs
