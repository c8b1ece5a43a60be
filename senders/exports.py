"""The DNS records of all authorizations as an export: what stands, and what is to go."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import dns.exception
import dns.zone
from django.db.models import Q, QuerySet

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import Entry, Export, LintError
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.lib.text import ascii_word, one_line
from portal.standards.clauses import current_edition
from senders import services
from senders.dns_text import Record, change_set, records_of, removal_set

ADD = "techmail_senders.zone"
REMOVE = "techmail_senders_remove.nsupdate"
REMOVAL_DAYS = 365
"""How long the removal of an ended authorization is repeated."""


def _grants() -> QuerySet[Grant]:
    return (
        Grant.objects.filter(kind="senders")
        .select_related("owner", "senders")
        .prefetch_related("senders__addresses", "senders__selectors")
        .order_by("reference")
    )


def wanted(day: date) -> QuerySet[Grant]:
    """The grants whose records stand on `day`: in force, or waiting for the proof that needs them."""
    inside = Q(ends_on__gte=day) | Q(held_open_by__isnull=False)
    return _grants().filter(inside, state__in=(GrantState.ACTIVE, GrantState.UNPROVEN))


def unwanted(day: date) -> QuerySet[Grant]:
    """The grants whose records are to go: over or stopped, for a year."""
    since = day - timedelta(days=REMOVAL_DAYS)
    standing = wanted(day).order_by().values("pk")
    return _grants().exclude(pk__in=standing).filter(
        Q(ends_on__gte=since) | Q(state_changed_at__date__gte=since)
    )  # fmt: skip


class DnsRecords:
    """The target for the DNS team: a zone fragment, and a script of removals."""

    key = "dns"
    label = "DNS records of authorized senders"

    def render(self, *, day: date, install_path: str) -> Export:
        """Both files for `day`. The entries are those in force; a waiting grant lets nothing through yet."""
        standing = list(wanted(day))
        kept = {record for grant in standing for record in records_of(services.authorized_plan(grant))}
        files = {ADD: _additions(standing), REMOVE: _removals(unwanted(day), kept)}
        entries = tuple(
            Entry(grant.reference, address, grant.ends_on)
            for grant in standing
            if grant.is_in_force(day)
            for address in services.authorized_plan(grant).addresses
        )
        return Export(files, entries)

    def lint(self, folder: Path) -> None:
        """The fragment is a zone that dnspython reads, the script deletes and does nothing else. Raises LintError."""
        lint_zone((folder / ADD).read_text(encoding="utf-8"))
        lint_removals((folder / REMOVE).read_text(encoding="utf-8"))


def _additions(grants: Iterable[Grant]) -> str:
    lines, owners = _head("Add these to the zones"), dict[str, Record]()
    for grant in grants:
        plan = services.authorized_plan(grant)
        lines.append(_note(grant))
        doubled = set()
        for record in records_of(plan):
            # A name has one alias or other records, never both (RFC 1034 section 3.6.2): the first grant's stay.
            known = owners.setdefault(record.name, record)
            if known is not record:
                doubled.add(record.line)
        lines += [
            line if line not in doubled else f"; stands above already: {line}" for line in change_set(plan)
        ]
    return "\n".join(lines) + "\n"


def _removals(grants: Iterable[Grant], kept: set[Record]) -> str:
    lines = _head("Remove these from the zones; lines for nsupdate")
    for grant in grants:
        found = removal_set(services.authorized_plan(grant), kept=tuple(kept))
        lines += [_note(grant), *found]
    return "\n".join(lines) + "\n"


def _head(what: str) -> list[str]:
    return [
        f"; {what}",
        f"; serial={SERIAL} policy={ascii_word(current_edition().id)}; written by the portal, not by hand",
    ]


def _note(grant: Grant) -> str:
    words = f"owner={ascii_word(grant.owner.email)} ends={grant.ends_on:%Y-%m-%d}"
    return one_line(f"; {ascii_word(grant.reference)} {words} state={ascii_word(grant.state)}")


def lint_zone(text: str) -> None:
    """Raises LintError where the text is no zone fragment, or an alias stands beside something else."""
    try:
        dns.zone.from_text(text, origin=".", relativize=False, check_origin=False)
    except (dns.exception.DNSException, ValueError) as error:
        raise LintError(f"The zone is malformed: {one_line(str(error))[:200]}") from error


def lint_removals(text: str) -> None:
    """Raises LintError for any line that is neither a remark nor one deletion."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line and not line.startswith((";", "update delete ")):
            raise LintError(f"Line {number} is malformed: {line[:80]!r}")
